import Foundation
import Postgres
import TestSupport
import Testing
import Units

@testable import Market

/// The published prices: what they bound, and what they tell a loser.
@Suite("Round prices")
struct RoundPricesTests {
  let market: TestMarket
  let day: TimeRange

  init() throws {
    market = try TestMarket()
    day = try TimeRange(iso8601: TestMarket.delivery)
    try market.addPool("h100", gpus: 32, lot: 8, reserve: "1.00")
    try market.addPool("a100", gpus: 20, lot: 4, reserve: "0.50")
  }

  private func clear(_ round: String) throws -> (Round, RoundResult, [OfferedPool]) {
    try market.close(round)
    var clearing = try market.asClearing()
    _ = try ClearingJob().run(round, &clearing)
    let totals = try #require(try Results.totals(round, &clearing))
    return (try Rounds.named(round, &clearing), totals, try Rounds.pools(of: round, &clearing))
  }

  /// Why each bid of a login lost, and what was published.
  private func reasons(_ login: String, _ round: String) throws -> [String: LossReason] {
    let (cleared, totals, _) = try clear(round)
    var connection = try market.connect(login)
    return try OrderBook.lossReasons(
      OrderBook.mine(round: round, &connection), in: cleared, totals, &connection)
  }

  /// The bound by its definition, from what the auditor is given and in the units of the published table.
  private func boundByHand(_ bundle: VerifyBundle) throws -> Int64 {
    var best: [String: Int64] = [:]
    var parents: [(child: String, parent: String)] = []
    var prices: [String: [Int64]] = [:]
    var total: Int64 = 0
    for pool in bundle.pools {
      prices[pool.name] = bundle.record.prices[pool.name]
      for (slot, gpus) in pool.capacityGPUs.enumerated() {
        let price = try #require(prices[pool.name])[slot]
        total += Int64(gpus / pool.lotGPUs) * (price - pool.reserve.microdollarsPerGPUHour * Int64(pool.lotGPUs))
      }
    }
    let lots = Dictionary(uniqueKeysWithValues: bundle.pools.map { ($0.name, $0.lotGPUs) })
    func hour(_ at: Instant) -> Int { Int((at - day.start).seconds / 3600) }
    let last = Dictionary(bundle.entries.map { ($0.bid, $0) }) { $1 }
    for (id, entry) in last where entry.kind != "withdraw" {
      if let parent = entry.parent { parents.append((id, parent)) }
      var values: [Int64] = []
      switch try Bid(body: entry.body) {
      case .block(let choices):
        for choice in choices {
          let lot = try #require(lots[choice.pool])
          for start in hour(choice.window.start)...(hour(choice.window.end) - choice.slots) {
            let price = try #require(prices[choice.pool])[start..<start + choice.slots].reduce(0, +)
            for gpus in Set([choice.gpus, choice.minimumGPUs ?? choice.gpus]) {
              values.append(
                choice.limit.microdollarsPerGPUHour * Int64(gpus * choice.slots) - price * Int64(gpus / lot))
            }
          }
        }
      case .curve(let segments):
        var sum: Int64 = 0
        for segment in segments {
          let lot = try #require(lots[segment.pool])
          for slot in hour(segment.period.start)..<hour(segment.period.end) {
            let price = try #require(prices[segment.pool])[slot]
            let surpluses = segment.steps.map { $0.limit.microdollarsPerGPUHour * Int64(lot) - price }
            values.append(surpluses[0])
            for (step, surplus) in zip(segment.steps, surpluses) { sum += max(0, surplus) * Int64(step.gpus / lot) }
          }
        }
        if sum > 0 { values.append(sum) }
      }
      best[id] = values.max()
    }
    // No bid of these tests hangs on one that itself hangs on another.
    for (child, parent) in parents { best[parent, default: 0] += max(0, best.removeValue(forKey: child) ?? 0) }
    return total + best.values.reduce(0) { $0 + max(0, $1) }
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func anyoneRecomputesThePriceBound(_ seed: UInt64) throws {
    var random = SeededGenerator(seed)
    let round = try market.openRound()
    func price() throws -> Price {
      try Price(dollarsPerGPUHour: Money(cents: Int64.random(in: 100...400, using: &random)).dollars)
    }
    for company in ["acme", "bolt"] {
      let login = try market.addCompany(company)
      var parent: String?
      for number in 0..<8 {
        let bid: Bid
        if number % 4 == 3 {
          let high = try price()
          let low = try Price(microdollarsPerGPUHour: high.microdollarsPerGPUHour / 2 / 100 * 100)
          bid = .curve([
            CurveSegment(pool: "a100", period: day, steps: [.init(gpus: 4, limit: high), .init(gpus: 8, limit: low)])
          ])
        } else {
          let gpus = 8 * Int.random(in: 1...4, using: &random)
          bid = .block([
            BlockAlternative(
              pool: "h100", gpus: gpus, minimumGPUs: number % 4 == 1 ? 8 : nil,
              slots: Int.random(in: 2...16, using: &random),
              window: day, limit: try price()),
            BlockAlternative(pool: "a100", gpus: 4, minimumGPUs: nil, slots: 5, window: day, limit: try price()),
          ])
        }
        let receipt = try market.place(bid, as: login, in: round, parent: number % 4 == 2 ? parent : nil)
        if number % 4 == 1 { parent = receipt.bid }
      }
    }
    let (cleared, totals, pools) = try clear(round)
    var auditor = try market.asAuditor()
    #expect(totals.priceBound.microdollars == (try boundByHand(VerifyBundle.load(round, &auditor))))
    #expect(totals.priceBound >= totals.welfare)
    // Prices are exact, so a wrong one shows: a lot dearer where nothing is offered less would bound higher.
    var lines = totals.prices(pools, in: cleared).lines
    lines[0] = .init(
      pool: lines[0].pool, lotGPUs: lines[0].lotGPUs,
      microdollarsPerLotSlot: lines[0].microdollarsPerLotSlot.map { $0 + 100_000_000_000 })
    var clearing = try market.asClearing()
    let book = try SealedBook.load(round, &clearing)
    #expect(RoundPrices(lines, in: cleared).bound(of: book) > totals.priceBound.microdollars)
  }

  @Test func aLoserLearnsWhatThePricesAskedFor() throws {
    let round = try market.openRound()
    let (rich, poor) = (try market.addCompany("rich"), try market.addCompany("poor"))
    try market.place(TestMarket.block(gpus: 32, slots: 24, limit: "3.00"), as: rich, in: round)
    let block = try market.place(TestMarket.block(gpus: 8, slots: 4, limit: "1.20"), as: poor, in: round)
    let curve = try market.place(
      .curve([CurveSegment(pool: "h100", period: day, steps: [.init(gpus: 8, limit: Price(dollarsPerGPUHour: "1.10"))])]
      ),
      as: poor, in: round)
    let child = try market.place(
      TestMarket.block(pool: "a100", gpus: 4, limit: "2.00"), as: poor, in: round, parent: block.bid)
    let why = try reasons(poor, round)
    #expect(why.count == 3 && why[child.bid] == .parentLost(block.bid))
    for (bid, limit) in [(block.bid, "1.20"), (curve.bid, "1.10")] {
      guard case .belowPrices(let needs)? = why[bid] else {
        Issue.record("\(String(describing: why[bid]))")
        continue
      }
      let limit = try Price(dollarsPerGPUHour: limit)
      #expect(needs.count == 1 && needs[0].pool == "h100" && needs[0].limit == limit && needs[0].needed > limit)
      #expect(needs[0].needed <= (try Price(dollarsPerGPUHour: "3.00")) && day.start <= needs[0].start)
      #expect(why[bid]?.needed == needs[0].needed)
    }
  }

  @Test func theNeededLimitIsTheLeastThatMeetsThePrices() throws {
    let round = try market.openRound()
    var connection = try market.asOperator()
    let found = try Rounds.named(round, &connection)
    var random = SeededGenerator(5)
    for _ in 0..<50 {
      let line = (0..<24).map { _ in Int64.random(in: 8_000_000...40_000_000, using: &random) }
      let prices = RoundPrices([.init(pool: "h100", lotGPUs: 8, microdollarsPerLotSlot: line)], in: found)
      let slots = Int.random(in: 1...24, using: &random)
      func surplus(_ limit: Price) -> Int64 {
        (0...24 - slots).map { limit.microdollarsPerGPUHour * Int64(8 * slots) - line[$0..<$0 + slots].reduce(0, +) }
          .max() ?? 0
      }
      guard case .block(let choices) = try TestMarket.block(slots: slots, limit: "1.00") else { continue }
      let need = try #require(Bid.block(choices).kind.needs(at: prices, .hour).first)
      #expect(surplus(need.needed) >= 0)
      #expect(surplus(try Price(microdollarsPerGPUHour: need.needed.microdollarsPerGPUHour - 100)) < 0)
    }
  }

  @Test func whereTheLimitMeetsThePricesItSaysSo() throws {
    let round = try market.openRound()
    var connection = try market.asOperator()
    let found = try Rounds.named(round, &connection)
    let prices = RoundPrices(
      [.init(pool: "h100", lotGPUs: 8, microdollarsPerLotSlot: Array(repeating: 16_000_000, count: 24))], in: found)
    let enough = LossReason(try TestMarket.block(limit: "2.00"), prices: prices, .hour)
    guard case .leftOut(let needs) = enough else {
      Issue.record("\(enough)")
      return
    }
    #expect(needs.map(\.needed) == [try Price(dollarsPerGPUHour: "2.00")] && enough.needed == nil)
    let short = LossReason(try TestMarket.block(limit: "1.9999"), prices: prices, .hour)
    #expect(short.needed == (try Price(dollarsPerGPUHour: "2.00")))
  }

  @Test func aBidAboveTheCompanysCapIsRefused() throws {
    let round = try market.openRound()
    let acme = try market.addCompany("acme")
    var asOperator = try market.asOperator()
    try Companies.setCap(&asOperator, company: "acme", pool: "h100", gpus: 20)
    let tooMany = refusal { try market.place(TestMarket.block(gpus: 24, minimum: 8), as: acme, in: round) }
    #expect(tooMany?.sqlState == "GM422")
    #expect(tooMany?.message == "24 GPUs is more than you may hold of h100 at a time: your cap is 20 GPUs")
    #expect(tooMany?.hint == "give at most 16 GPUs, or ask the operator for a higher cap")
    let steps = try [("3.00", 16), ("2.00", 8)].map {
      CurveSegment.Step(gpus: $0.1, limit: try Price(dollarsPerGPUHour: $0.0))
    }
    let curve = refusal {
      try market.place(.curve([CurveSegment(pool: "h100", period: day, steps: steps)]), as: acme, in: round)
    }
    #expect(curve?.message.hasPrefix("24 GPUs is more than you may hold") == true)
    try market.place(TestMarket.block(gpus: 16), as: acme, in: round)
    try market.place(TestMarket.block(pool: "a100", gpus: 20), as: acme, in: round)
    try Companies.setCap(&asOperator, company: "acme", pool: "h100", gpus: 4)
    #expect(
      refusal { try market.place(TestMarket.block(), as: acme, in: round) }?.hint
        == "choose another pool, or ask the operator for a higher cap")
    try Companies.setCap(&asOperator, company: "acme", pool: "h100", gpus: nil)
    try market.place(TestMarket.block(gpus: 32), as: acme, in: round)
  }
}
