import Clearing
import Files
import Foundation
import Market
import Postgres
import Synchronization
import TestSupport
import Testing
import Units

@Suite("Clearing job")
struct ClearingJobTests {
  /// A round with random bids of every kind from three companies, one of them capped; its gate is closed.
  private func sealedRound(seed: UInt64, pricing: String = "vcg") throws -> (market: TestMarket, round: String) {
    let market = try TestMarket()
    try market.addPool("h100", gpus: 32, lot: 8, reserve: "1.00")
    try market.addPool("a100", gpus: 20, lot: 4, reserve: "0.50")
    var random = SeededGenerator(seed)
    var asOperator = try market.asOperator()
    var logins: [String] = []
    for name in ["acme", "borealis", "cygnus"] { logins.append(try market.addCompany(name)) }
    let round = try market.openRound(pricing: pricing)
    let period = try TimeRange(iso8601: TestMarket.delivery)
    for login in logins {
      var connection = try market.connect(login)
      var earlier: [String] = []
      for number in 0..<8 {
        let bid: Bid
        if number % 4 == 3 {
          let high = Int64.random(in: 200...400, using: &random)
          bid = .curve([
            CurveSegment(
              pool: "a100", period: period,
              steps: [
                .init(gpus: 4, limit: try Price(dollarsPerGPUHour: Money(cents: high).dollars)),
                .init(gpus: 8, limit: try Price(dollarsPerGPUHour: Money(cents: high / 2).dollars)),
              ])
          ])
        } else {
          let limit = Money(cents: Int64.random(in: 100...400, using: &random)).dollars
          let slots = Int.random(in: 2...16, using: &random)
          let gpus = 8 * Int.random(in: 1...4, using: &random)
          let one = try TestMarket.block(gpus: gpus, minimum: number % 4 == 1 ? 8 : nil, slots: slots, limit: limit)
          let other = try TestMarket.block(pool: "a100", gpus: min(gpus, 20), slots: slots, limit: limit)
          guard case .block(let a) = one, case .block(let b) = other else { continue }
          bid = .block(number % 2 == 0 ? a + b : a)
        }
        let parent = number % 4 == 2 ? earlier.randomElement(using: &random) : nil
        earlier.append(
          try OrderBook.place(bid, in: round, parent: parent, key: "\(number)", &connection).bid)
      }
      _ = try OrderBook.withdraw(earlier[0], in: round, key: "w", &connection)
    }
    // After its bids, which the door would else refuse where they want more.
    try Companies.setCap(&asOperator, company: "cygnus", pool: "h100", gpus: 16)
    try market.close(round)
    return (market, round)
  }

  @Test(arguments: [("vcg", 1), ("vcg", 2), ("pay-as-bid", 3)] as [(String, UInt64)])
  func publishesOnceWhatHolds(pricing: String, seed: UInt64) throws {
    let (market, round) = try sealedRound(seed: seed, pricing: pricing)
    var connection = try market.asClearing()
    #expect(try ClearingJob.dueRounds(&connection) == [round])
    let outcome = try ClearingJob().run(round, &connection)
    #expect(outcome.ending == .published)
    #expect(try ClearingJob.dueRounds(&connection).isEmpty)
    #expect(try ClearingJob().run(round, &connection).ending == .alreadyPublished)

    var asOperator = try market.asOperator()
    let awards = try Results.awards(round: round, ownOnly: false, &asOperator)
    #expect(!awards.isEmpty)
    // Nothing oversold, slot by slot, in GPUs; payments between reserve cost and bid.
    for pool in try Rounds.pools(of: round, &asOperator) {
      for (slot, capacity) in pool.capacityGPUs.enumerated() {
        let at = try Rounds.named(round, &asOperator).start(ofSlot: slot)
        let held = awards.flatMap(\.uses).filter { $0.pool == pool.name && $0.period.start <= at && at < $0.period.end }
        #expect(held.reduce(0) { $0 + $1.gpus } <= capacity)
        let capped = awards.filter { $0.company == "cygnus" }.flatMap(\.uses)
          .filter { $0.pool == pool.name && $0.period.start <= at && at < $0.period.end }
        #expect(pool.name != "h100" || capped.reduce(0) { $0 + $1.gpus } <= 16)
      }
    }
    for award in awards {
      #expect(award.reserveCost <= award.payment && award.payment <= award.value)
      #expect(pricing == "vcg" || award.payment == award.value)
    }
    // Debits equal credits, and what is posted is what was awarded, each award rounded once, down.
    var root = try market.connect(nil)
    let posted = try root.query("SELECT sum(cents)::bigint AS net FROM ledger.posting").one()
    #expect(try posted.get("net", as: Int64.self) == 0)
    for company in try Results.payments(round, &asOperator) {
      let cents = awards.filter { $0.company == company.company }.reduce(Int64(0)) { $0 + $1.payment.centsRoundedDown }
      let login = try Companies.list(&asOperator).first { $0.name == company.company }?.login
      var own = try market.connect(login)
      #expect(try Companies.account(&own).owed == Money(cents: cents))
    }
  }

  @Test func twoAtOncePublishOne() async throws {
    let (market, round) = try sealedRound(seed: 5)
    let outcomes = try await withThrowingTaskGroup(of: ClearingJob.Outcome.self) { group in
      for _ in 0..<3 {
        group.addTask {
          var connection = try market.asClearing()
          return try ClearingJob().run(round, &connection)
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(outcomes.filter { $0.ending == .published }.count == 1)
    #expect(Set(outcomes.compactMap(\.resultDigest)).count == 1)
    var asOperator = try market.asOperator()
    #expect(try Results.totals(round, &asOperator)?.resultDigest == outcomes.compactMap(\.resultDigest).first)
  }

  @Test func theOrderOfLoadingDoesNotMatter() throws {
    let (market, round) = try sealedRound(seed: 6)
    var connection = try market.asClearing()
    var job = ClearingJob()
    job.dryRun = true
    let before = try job.run(round, &connection)
    #expect(before.ending == .notWritten)
    var root = try market.connect(nil)
    try root.script("CLUSTER market.entry USING entry_company_id_key_key")
    try root.script("VACUUM FULL market.bid")
    #expect(try job.run(round, &connection).resultDigest == before.resultDigest)
    job.dryRun = false
    #expect(try job.run(round, &connection).resultDigest == before.resultDigest)
  }

  /// Whatever a faulty or malicious clearing host sends, the database publishes nothing that breaks its rules.
  @Test(arguments: [
    "oversold", "above the bid", "another book", "welfare", "not in the book", "value", "reserve", "quantity", "hours",
    "window", "pool", "cap",
  ])
  func theDatabaseChecksTheResultItself(fault: String) throws {
    let market = try TestMarket()
    try market.addPool("h100", gpus: 8)
    let acme = try market.addCompany("acme")
    let round = try market.openRound()
    let receipts = try (0..<2).map { _ in try market.place(TestMarket.block(slots: 24), as: acme, in: round) }
    if fault == "cap" {
      var asOperator = try market.asOperator()
      try Companies.setCap(&asOperator, company: "acme", pool: "h100", gpus: 7)
    }
    try market.close(round)
    var connection = try market.asClearing()
    let book = try SealedBook.load(round, &connection)
    // What is told of the award; the bid is 8 GPUs × 24 hours at 2.00, above a reserve of 1.00 USD per GPU-hour.
    let slots: Int64 = fault == "hours" ? 23 : 24
    var value: Int64 = 8 * slots * 2_000_000
    let payment = value
    if fault == "above the bid" { value -= 1 }
    if fault == "value" { value *= 2 }
    let reserve: Int64 = fault == "reserve" ? 0 : 8 * slots * 1_000_000
    func award(_ bid: String) -> JSONText {
      [
        "company": "acme", "bid": .string(bid), "alternative": 1,
        "gpu_slots": .integer(fault == "quantity" ? 1 : 8 * slots), "value": .integer(value),
        "reserve_cost": .integer(reserve), "payment": .integer(payment),
        "uses": [
          .array([.integer(fault == "pool" ? 1 : 0), .integer(fault == "window" ? 1 : 0), .integer(slots), 8])
        ],
      ]
    }
    var awards = [award(fault == "not in the book" ? "b_0000000000000000" : receipts[0].bid)]
    if fault == "oversold" { awards.append(award(receipts[1].bid)) }
    let paid = Int64(awards.count) * payment
    let welfare = Int64(awards.count) * (value - reserve) + (fault == "welfare" ? 1 : 0)
    let result: JSONText = [
      "instance_digest": .string(String(repeating: "00", count: 32)),
      "result_digest": .string(String(repeating: "11", count: 32)), "engine_version": "x", "effort": "quick",
      "work_done": 1, "stopped_early": false, "welfare": .integer(welfare), "bound": .integer(welfare), "proven": true,
      "ties": "ruled", "prices": [:], "price_bound": .integer(welfare), "priced_by": "vcg",
      "awards": .array(awards),
      "payments": [
        ["company": "acme", "payment": .integer(paid), "low": .integer(paid), "high": .integer(paid), "exact": true]
      ],
    ]
    let root = fault == "another book" ? Array(repeating: UInt8(7), count: 32) : book.merkleRoot
    let error = refusal {
      _ = try connection.query("SELECT market.publish_round(\(round), \(root), \(result.text())::jsonb)")
    }
    #expect(error != nil)
    if !["above the bid", "another book", "not in the book"].contains(fault) {
      #expect(error?.sqlState == "GM500", "\(error?.message ?? "")")
    }
    if fault == "another book" { #expect(error?.sqlState == "GM409") }
    var asOperator = try market.asOperator()
    #expect(try Rounds.named(round, &asOperator).state == .closed)
    #expect(try Results.totals(round, &asOperator) == nil)
    // And an honest clearing still goes through.
    #expect(try ClearingJob().run(round, &connection).ending == .published)
  }

  /// Its time is over before it begins: what is found up to the first stop is published, and says so.
  @Test func stopsInTimeForDeliveryAndSaysSo() throws {
    let (market, round) = try sealedRound(seed: 8)
    var connection = try market.asClearing()
    let outcome = try hurriedJob(round, &connection).run(round, &connection)
    #expect(outcome.ending == .published && outcome.clearing?.stoppedEarly == true)
    let totals = try #require(try Results.totals(round, &connection))
    #expect(totals.stoppedEarly && totals.effort == "1000000")
    #expect(0 < totals.awards && 0 < totals.workDone && totals.workDone < 1_000_000)
    var auditor = try market.asAuditor()
    for finding in VerifyRound(try VerifyBundle.load(round, &auditor)).findings() {
      #expect(finding.problems == [], "\(finding.check)")
    }
  }

  /// The delivery is years away; a margin as long leaves no time to solve.
  private func hurriedJob(_ round: String, _ connection: inout Connection) throws -> ClearingJob {
    var job = ClearingJob()
    job.effort = Effort(units: 1_000_000)
    let known = try Rounds.named(round, &connection)
    job.marginSeconds = (known.delivery.start - known.serverTime).seconds
    job.leastSeconds = 0
    return job
  }

  /// Core-selecting payments that cannot be proven fall back to VCG, and whoever reads the round later is told.
  @Test(arguments: [true, false])
  func theRuleThatPaymentsFollowIsRecorded(isHurried: Bool) throws {
    let (market, round) = try sealedRound(seed: 8, pricing: "core-selecting")
    var connection = try market.asClearing()
    var job = ClearingJob()
    job.effort = .quick
    if isHurried { job = try hurriedJob(round, &connection) }
    #expect(try job.run(round, &connection).clearing?.rule == (isHurried ? .vcg : .coreSelecting))
    let totals = try #require(try Results.totals(round, &connection))
    #expect(totals.pricing == (isHurried ? "vcg" : "core-selecting"))
    #expect(try Rounds.named(round, &connection).pricing == "core-selecting")
    var auditor = try market.asAuditor()
    let bundle = try VerifyBundle.load(round, &auditor)
    #expect(bundle.record.pricedBy == totals.pricing)
    for finding in VerifyRound(bundle).findings() { #expect(finding.problems == [], "\(finding.check)") }
  }
}
