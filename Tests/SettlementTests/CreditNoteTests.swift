import Postgres
import Settlement
import TestSupport
import Testing
import Units

@Suite("Credit notes")
struct CreditNoteTests {
  /// Cents credited by kind to each company.
  func credits(_ settled: SettledMarket, kind: String = "outage") throws -> [String: Int64] {
    var connection = try settled.market.asFinance()
    var credits: [String: Int64] = [:]
    for row in try connection.query(
      "SELECT company, cents FROM ledger.charge_lines(NULL, NULL, NULL, NULL, NULL) WHERE kind = \(kind)")
    {
      credits[try row.get("company"), default: 0] -= try row.get("cents", as: Int64.self)
    }
    return credits
  }

  func outage(_ settled: SettledMarket, _ gpus: Int, _ from: String, _ to: String) throws {
    try settled.run(
      "market_operator",
      """
      SELECT market.add_outage('h100-us', \(gpus)::integer, \("2026-12-07T" + from + "Z")::timestamptz,
        \("2026-12-07T" + to + "Z")::timestamptz, 'rack')
      """)
  }

  /// 40 of 64 GPUs fail for two hours in which 40 are held, so 16 are missing in each: 32 GPUs hold 4/5 of them.
  /// 12.8 × 2 of 160 GPU-hours at 200.00; 3.2 × 2 of 24 GPU-hours at 42.86, rounded up.
  @Test func anOutageIsSharedInProportionToGPUHours() throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    try outage(settled, 40, "01:00", "03:00")
    #expect(try credits(settled) == ["Acme Robotics": 3200, "bolt/bio": 1143])
    #expect(try settled.problems().isEmpty)
  }

  @Test func sparePartsOfThePoolAbsorbAnOutage() throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    try outage(settled, 24, "00:00", "05:00")
    #expect(try credits(settled).isEmpty)
    // The next one finds no spare GPU left.
    try outage(settled, 8, "03:00", "05:00")
    #expect(try credits(settled).isEmpty)
    try outage(settled, 1, "03:30", "03:31")
    // One of 32 GPUs in one hour of 160 GPU-hours at 200.00; a slot touched counts whole.
    #expect(try credits(settled) == ["Acme Robotics": 125])
  }

  /// In whatever order outages come, the credits are the same, and never above the charge.
  @Test func theOrderOfOutagesDoesNotMatter() throws {
    let outages = [(40, "01:00", "03:00"), (64, "00:30", "02:00"), (10, "02:00", "05:00"), (64, "04:00", "05:00")]
    var seen: Set<[String: Int64]> = []
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
      let settled = try SettledMarket()
      try settled.publish("w1")
      for at in order { try outage(settled, outages[at].0, outages[at].1, outages[at].2) }
      seen.insert(try credits(settled))
      #expect(try settled.problems().isEmpty)
    }
    #expect(seen.count == 1, "\(seen)")
    #expect(seen.first?["Acme Robotics"] ?? 0 <= 20000)
  }

  @Test func aTotalOutageCreditsAllAndNoMore() throws {
    let settled = try SettledMarket()
    let awards = try settled.publish("w1")
    try settled.run("market_operator", "SELECT ledger.adjust_award(\(awards[0]), 1, 'a cent')")
    try outage(settled, 64, "00:00", "23:00")
    try outage(settled, 64, "00:00", "23:00")
    #expect(try credits(settled) == ["Acme Robotics": 19999, "bolt/bio": 4286])
    let error = refused { try settled.run("market_operator", "SELECT ledger.adjust_award(\(awards[0]), 1, 'more')") }
    #expect(error?.message.contains("0.00 USD left to take back") == true)
  }

  /// A reply that was lost, and the operator asks again.
  @Test func theSameOutageRecordedAgainIsTheFirst() throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    var connection = try settled.market.asOperator()
    func record(_ reason: String) throws -> String {
      try connection.query(
        """
        SELECT market.add_outage('h100-us', 40, '2026-12-07T01:00Z', '2026-12-07T03:00Z', \(reason)) AS id
        """
      ).one().get("id")
    }
    let first = try record("rack")
    #expect(try record(" rack ") == first)
    #expect(try credits(settled) == ["Acme Robotics": 3200, "bolt/bio": 1143])
    // Another reason is another outage: now nothing is left of the pool in these two hours.
    #expect(try record("switch") != first)
    #expect(try credits(settled) == ["Acme Robotics": 8000, "bolt/bio": 2858])
    #expect(try settled.problems().isEmpty)
  }

  /// Hours lost before the release are credited once, and what comes after it is credited in full, whether the other
  /// outage is recorded before the release or after it.
  @Test(arguments: [["lost", "release", "other"], ["lost", "other", "release"], ["other", "lost", "release"]])
  func aReleaseDoesNotCreditLostHoursAgain(_ order: [String]) throws {
    let settled = try SettledMarket()
    let award = try settled.publish("w1")[0]
    for event in order {
      switch event {
      // 24 of 64 GPUs are left for the 32 held in the last two of five hours: 16 of 160 GPU-hours.
      case "lost": try outage(settled, 40, "03:00", "05:00")
      // All 32 in the first: 32 of 160.
      case "other": try outage(settled, 64, "00:00", "01:00")
      // Of the last two hours 48 are not lost; half of them is credited.
      default:
        try settled.run(
          "market_operator", "SELECT ledger.release_award(\(award), '2026-12-07T03:00Z', 500000, 'finished')")
      }
    }
    #expect(try credits(settled, kind: "release") == ["Acme Robotics": 3000])
    #expect(try credits(settled) == ["Acme Robotics": 6000, "bolt/bio": 1429])
    #expect(try settled.problems().isEmpty)
  }

  /// What is released first cannot be lost: the outage after it takes nothing.
  @Test func anOutageAfterTheReleaseCreditsItsOwnHoursOnly() throws {
    let settled = try SettledMarket()
    let award = try settled.publish("w1")[0]
    try settled.run(
      "market_operator", "SELECT ledger.release_award(\(award), '2026-12-07T03:00Z', 500000, 'finished')")
    try outage(settled, 40, "03:00", "05:00")
    #expect(try credits(settled).isEmpty)
    try outage(settled, 64, "00:00", "01:00")
    #expect(try credits(settled) == ["Acme Robotics": 4000, "bolt/bio": 1429])
    #expect(try credits(settled, kind: "release") == ["Acme Robotics": 4000])
    #expect(try settled.problems().isEmpty)
  }

  /// An outage over the hours of two releases, one after the other; at the end all is credited, and no cent more.
  @Test func releasesInPartsTakeOffWhatEachHadLost() throws {
    let settled = try SettledMarket()
    let award = try settled.publish("w1")[0]
    // 12.8 of 160 GPU-hours in the third hour, 8 in the fourth.
    try outage(settled, 40, "02:00", "04:00")
    #expect(try credits(settled) == ["Acme Robotics": 2600, "bolt/bio": 572])
    try settled.run(
      "market_operator", "SELECT ledger.release_award(\(award), '2026-12-07T03:00Z', 1000000, 'the last two')")
    #expect(try credits(settled, kind: "release") == ["Acme Robotics": 7000])
    try settled.run(
      "market_operator", "SELECT ledger.release_award(\(award), '2026-12-07T01:00Z', 1000000, 'two more')")
    #expect(try credits(settled, kind: "release") == ["Acme Robotics": 13400])
    try outage(settled, 64, "00:00", "05:00")
    #expect(try credits(settled) == ["Acme Robotics": 6600, "bolt/bio": 4286])
    #expect(try settled.problems().isEmpty)
  }

  /// Nothing but lost hours is given back: the release credits nothing, and later outages what they take.
  @Test func aReleaseOfHoursThatAreAllLostCreditsNothing() throws {
    let settled = try SettledMarket()
    let award = try settled.publish("w1")[0]
    try outage(settled, 64, "03:00", "05:00")
    try settled.run(
      "market_operator", "SELECT ledger.release_award(\(award), '2026-12-07T03:00Z', 1000000, 'finished')")
    #expect(try credits(settled) == ["Acme Robotics": 8000])
    #expect(try credits(settled, kind: "release") == ["Acme Robotics": 0])
    try outage(settled, 64, "00:00", "01:00")
    #expect(try credits(settled) == ["Acme Robotics": 12000, "bolt/bio": 1429])
    #expect(try settled.problems().isEmpty)
  }

  @Test func anAdjustmentIsMadeOnceByItsReference() throws {
    let settled = try SettledMarket()
    let awards = try settled.publish("w1")
    var connection = try settled.market.asOperator()
    func adjust(_ award: String, _ cents: Int64, _ reference: String?) throws -> Int64 {
      try connection.query(
        "SELECT ledger.adjust_award(\(award), \(cents)::bigint, 'slow network', \(reference)::text) AS n"
      ).one().get("n")
    }
    let first = try adjust(awards[0], 20000, "ticket 811")
    // Nothing is left to take back, and the retry is told the first.
    #expect(try adjust(awards[0], 20000, "ticket 811") == first)
    for (award, cents) in [(awards[0], 19999), (awards[1], 20000)] as [(String, Int64)] {
      let error = refused { _ = try adjust(award, cents, "ticket 811") }
      #expect(error?.sqlState == "GM409" && error?.hint == "give this one a reference of its own")
      #expect(error?.message.contains("transaction \(first), 200.00 USD of award \(awards[0])") == true)
    }
    #expect(refused { _ = try adjust(awards[1], 100, "") }?.sqlState == "GM422")
    #expect(refused { _ = try adjust("a_0000000000000000", 100, "ticket 811") }?.sqlState == "GM404")
    // Without one, each call is another.
    #expect(try adjust(awards[1], 100, nil) == first + 1)
    #expect(try adjust(awards[1], 100, nil) == first + 2)
    try settled.run("market_operator", "SELECT ledger.adjust_award(\(awards[1]), 100, 'slow network')")
    #expect(try credits(settled, kind: "adjustment") == ["Acme Robotics": 20000, "bolt/bio": 300])
    #expect(try settled.problems().isEmpty)
  }

  /// Closed with its capacity, then an outage, then published: its holders are credited at publication.
  @Test func aRoundPublishedAfterAnOutageIsCreditedAtOnce() throws {
    let settled = try SettledMarket()
    try settled.publish("w1") { try outage(settled, 64, "00:00", "01:00") }
    #expect(try credits(settled) == ["Acme Robotics": 4000, "bolt/bio": 1429])
    #expect(try settled.problems().isEmpty)
  }

  @Test func aReleaseReturnsCapacityAndCreditsItsShare() throws {
    let settled = try SettledMarket()
    let award = try settled.publish("w1")[0]
    func held(_ hour: String) throws -> Int {
      var connection = try settled.market.connect(nil)
      return try connection.query(
        "SELECT market.awarded_gpus_at(1, \("2026-12-07T" + hour + "Z")::timestamptz) AS n"
      ).one().get("n")
    }
    #expect(try held("04:00") == 32)
    try settled.run(
      "market_operator", "SELECT ledger.release_award(\(award), '2026-12-07T03:00Z', 500000, 'run finished early')")
    // Two of five hours at 200.00, half of it credited.
    #expect(try credits(settled, kind: "release") == ["Acme Robotics": 4000])
    #expect(try held("02:00") == 40 && held("03:00") == 0 && held("04:00") == 0)
    // An outage in the released hours takes nothing from anyone.
    try outage(settled, 64, "03:00", "05:00")
    #expect(try credits(settled).isEmpty)
    for (from, words) in [
      ("2026-12-07T03:00Z", "nothing is left to release"), ("2026-12-07T01:30Z", "is no start of a slot"),
    ] {
      let error = refused {
        try settled.run(
          "market_operator", "SELECT ledger.release_award(\(award), \(from)::timestamptz, 0, 'x')")
      }
      #expect(error?.message.contains(words) == true, "\(error?.message ?? "done")")
    }
    try settled.run(
      "market_operator", "SELECT ledger.release_award(\(award), '2026-12-07T01:00Z', 1000000, 'all of it')")
    // Two more hours, credited in full.
    #expect(try credits(settled, kind: "release") == ["Acme Robotics": 12000])
    #expect(try settled.problems().isEmpty)
  }

  @Test func creditNotesAreNumberedWithoutGaps() throws {
    let settled = try SettledMarket()
    let award = try settled.publish("w1")[0]
    try outage(settled, 40, "01:00", "03:00")
    // A refused one uses no number up.
    _ = refused { try settled.run("market_operator", "SELECT ledger.adjust_award(\(award), 10000000, 'too much')") }
    try settled.run("market_operator", "SELECT ledger.adjust_award(\(award), 100, 'slow network')")
    var connection = try settled.market.asFinance()
    let notes: [String] = try connection.query(
      "SELECT document FROM ledger.charge_lines(NULL, NULL, NULL, NULL, NULL) WHERE document IS NOT NULL ORDER BY number"
    ).map { try $0.get("document") }
    #expect(notes == ["CN-000001", "CN-000002", "CN-000003"])
  }
}
