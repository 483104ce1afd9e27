import Postgres
import TestSupport
import Testing
import Units

@testable import Market

/// A bundle of few lines that ask for more places than any memory holds is refused before places are made of them.
@Suite("Limits of a bundle")
struct BundleLimitTests {
  /// 9984 slots.
  static let delivery = "2036-12-01T00:00Z/P416D"

  /// One block in so many windows of the whole round: 9984 places each.
  static func wide(_ alternatives: Int) throws -> Bid {
    guard case .block(let one) = try TestMarket.block(slots: 1, window: delivery) else {
      throw TrustProblem("no block", "mend TestMarket.block")
    }
    return .block(Array(repeating: one[0], count: alternatives))
  }

  /// A published round with one small bid.
  private func cleared() throws -> (market: TestMarket, round: String) {
    let market = try TestMarket()
    try market.addPool()
    let login = try market.addCompany("acme")
    let round = try market.openRound(delivery: Self.delivery)
    try market.place(TestMarket.block(), as: login, in: round)
    try market.close(round)
    var clearing = try market.asClearing()
    _ = try ClearingJob().run(round, &clearing)
    return (market, round)
  }

  /// Hashes and root are those of what was put there, so that only the limit is left to find it.
  @Test func aForgedBookIsRefusedAndItsEntryNamed() throws {
    let (market, round) = try cleared()
    var owner = try market.connect(nil)
    let body = try Self.wide(11).body
    try owner.script("SET session_replication_role = replica")
    try owner.execute(
      """
      UPDATE market.entry e SET body = \(body), hash = market.entry_hash(\(round), 'acme', e.bid, e.kind, e.parent, e.key,
        e.salt, market.exact_time(e.accepted_at), \(body))
      """)
    for table in ["round", "clearing"] {
      try owner.execute(
        """
        UPDATE market.\(unsafeRaw: table) SET merkle_root = market.merkle_root(ARRAY(SELECT e.hash FROM market.entry e))
        """)
    }
    let problems = VerifyRound(try VerifyBundle.load(round, &owner)).findings().flatMap(\.problems)
    #expect(problems.count == 1, "\(problems)")
    #expect(problems.first?.hasPrefix("entry 1, bid b_") == true, "\(problems)")
    #expect(
      problems.first?.contains("of acme: it leaves 109824 places and steps to choose from, above 100000; the door lets")
        == true, "\(problems)")
  }

  @Test func eachLimitNamesTheEntryThatGoesBeyondIt() throws {
    let (market, round) = try cleared()
    var auditor = try market.asAuditor()
    let bundle = try VerifyBundle.load(round, &auditor)
    func entries(_ bodies: [String]) -> SealedEntries {
      let entries = bodies.enumerated().map { at, body in
        VerifyBundle.Entry(
          place: at + 1, company: "acme", bid: "b_\(at)", kind: "place", parent: nil, key: "k\(at)", salt: "",
          acceptedAt: "2036-11-01T00:00:00.000000Z", body: body, hash: "", opened: nil, refusal: nil)
      }
      return SealedEntries(
        round: bundle.round, entryCount: entries.count, merkleRoot: "", pools: bundle.pools, caps: [], entries: entries)
    }
    let (small, large) = (try TestMarket.block().body, try Self.wide(10).body)
    guard case .block(let one) = try TestMarket.block() else { throw TrustProblem("no block", "mend TestMarket.block") }
    let period = try TimeRange(iso8601: Self.delivery)
    let many = Bid.block(Array(repeating: one[0], count: 1001)).body
    let steps = try (0..<11).map { number in
      CurveSegment.Step(gpus: 8, limit: try Price(microdollarsPerGPUHour: 3_000_000 - 10_000 * Int64(number)))
    }
    let curve = Bid.curve([CurveSegment(pool: "h100", period: period, steps: steps)]).body
    for (bodies, said) in [
      ([small, many], "entry 2, bid b_1 of acme: a block has 1 to 1000 alternatives, not 1001"),
      ([curve], "entry 1, bid b_0 of acme: it leaves 109824 places and steps"),
      ([small, small + String(repeating: " ", count: 262_144)], "entry 2, bid b_1 of acme: it has "),
      (
        Array(repeating: large, count: 21),
        "entry 21, bid b_20 of acme: with it the bids of its company leave 2096640 places and steps, above 2000000"
      ),
    ] as [([String], String)] {
      let error = #expect(throws: TrustProblem.self) {
        _ = try entries(bodies).bookWithinLimits()
      }
      #expect(error?.problem.hasPrefix(said) == true, "\(String(describing: error))")
    }
    // What the door lets in passes.
    #expect(try entries(Array(repeating: large, count: 20)).bookWithinLimits().entries.count == 20)
  }
}
