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
