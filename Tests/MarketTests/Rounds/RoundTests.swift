import Clearing
import Files
import Foundation
import Market
import Postgres
import TestSupport
import Testing
import Units

@Suite("Rounds")
struct RoundTests {
  @Test func theDatabaseHasTheEnginesPricingRules() throws {
    let market = try TestMarket()
    var connection = try market.connect(nil)
    let names = try connection.query("SELECT name FROM market.pricing_rule ORDER BY name")
      .map { try $0.get("name", as: String.self) }
    #expect(names == PricingRule.ofRounds.map(\.rawValue).sorted())
  }

  @Test(arguments: [
    ("2036-12-01T00:30Z/P1D", "2036-11-30T12:00Z", "vcg", "does not lie on slots of 60 minutes"),
    ("2036-12-01T00:00Z/P1D", "2036-12-01T12:00Z", "vcg", "lies after delivery starts"),
    ("2026-01-01T00:00Z/P1D", "2025-12-31T12:00Z", "vcg", "has passed"),
    ("2036-12-01T00:00Z/P1D", "2036-11-30T12:00Z", "lottery", "no pricing rule"),
  ])
  func refusesWhatCannotBe(_ delivery: String, _ gate: String, _ pricing: String, _ words: String) throws {
    let market = try TestMarket()
    try market.addPool()
    var connection = try market.asOperator()
    let error = refusal {
      _ = try Rounds.open(
        &connection, name: nil, delivery: TimeRange(iso8601: delivery), gate: Instant(iso8601: gate), pricing: pricing,
        effort: "quick", pools: nil)
    }
    #expect(error?.message.contains(words) == true, "said: \(error?.message ?? "nothing")")
    #expect(try Rounds.list(&connection).isEmpty)
  }

  /// Overlapping rounds share a pool without selling anything twice.
  @Test func aRoundTakesItsCapacityAndCancellingReturnsIt() throws {
    let market = try TestMarket()
    try market.addPool(gpus: 64)
    var connection = try market.asOperator()
    let first = try market.openRound("first")
    #expect(try Rounds.pools(of: first, &connection)[0].capacityGPUs == Array(repeating: 64, count: 24))
    let second = try market.openRound("second", delivery: "2036-12-01T12:00Z/P1D")
    #expect(
      try Rounds.pools(of: second, &connection)[0].capacityGPUs
        == Array(repeating: 0, count: 12) + Array(repeating: 64, count: 12))
    let nothing = refusal { _ = try market.openRound("third") }
    #expect(nothing?.message.contains("nothing is free") == true)
    #expect(try Rounds.cancel(first, reason: "moved", &connection) == "cancelled")
    #expect(try Rounds.cancel(first, reason: "moved", &connection) == "already cancelled")
    let third = try market.openRound("third")
    #expect(try Rounds.pools(of: third, &connection)[0].capacityGPUs == Array(repeating: 64, count: 24))
  }

  @Test func anOutageLowersWhatOpenRoundsOffer() throws {
    let market = try TestMarket()
    try market.addPool(gpus: 64)
    var connection = try market.asOperator()
    let round = try market.openRound()
    _ = try Pools.addOutage(
      &connection, pool: "h100", gpus: 16, period: TimeRange(iso8601: "2036-12-01T02:30Z/PT1H"), reason: "switch")
    let offered = try Rounds.pools(of: round, &connection)[0].capacityGPUs
    #expect(offered[1...4] == [64, 48, 48, 64])
    #expect(try Pools.outages(&connection, pool: "h100").map(\.reason) == ["switch"])
  }

  /// Two open rounds hold parts of the same slots: together they never offer more than is present.
  @Test func anOutageIsSharedByTheRoundsThatHoldThePool() throws {
    let market = try TestMarket()
    try market.addPool(gpus: 64)
    let acme = try market.addCompany("acme")
    var connection = try market.asOperator()
    var clearing = try market.asClearing()
    let first = try market.openRound("first")
    try market.place(TestMarket.block(gpus: 32, slots: 24), as: acme, in: first)
    try market.close(first)
    #expect(try ClearingJob().run(first, &clearing).ending == .published)
    _ = try market.openRound("second")
    _ = try Rounds.cancel(first, reason: "mistake", &connection)
    _ = try market.openRound("third")
    _ = try Pools.addOutage(
      &connection, pool: "h100", gpus: 40, period: TimeRange(iso8601: TestMarket.delivery), reason: "power")
    let offered = try ["second", "third"].map { try Rounds.pools(of: $0, &connection)[0].capacityGPUs[0] }
    #expect(offered == [24, 0])
  }

  /// A snapshot from before another session's bid must not let a company exceed its credit.
  @Test func olderSnapshotsAreRefused() throws {
    let market = try TestMarket()
    try market.addPool()
    let acme = try market.addCompany("acme", credit: "100")
    let round = try market.openRound()
    var connection = try market.connect(acme)
    try connection.script("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT market.my_account()")
    let error = refusal { _ = try OrderBook.place(TestMarket.block(), in: round, parent: nil, key: "k", &connection) }
    #expect(error?.sqlState == "GM409" && error?.message.contains("repeatable read") == true)
  }

  /// Were a credit below the exposure refused, the operator could find out what open bids come to.
  @Test func aLowerCreditBindsNewBidsAndTellsNothing() throws {
    let market = try TestMarket()
    try market.addPool()
    let acme = try market.addCompany("acme", credit: "100")
    let round = try market.openRound()
    let receipt = try market.place(TestMarket.block(), as: acme, in: round)
    var asOperator = try market.asOperator()
    try Companies.setCredit(&asOperator, company: "acme", to: Money(dollars: "1"))
    var company = try market.connect(acme)
    #expect(try Companies.account(&company).exposure == Money(dollars: "32"))
    let error = refusal { try market.place(TestMarket.block(limit: "1.00"), as: acme, in: round) }
    #expect(error?.message == "this bid takes your exposure to 48.00 USD, above your credit of 1.00 USD")
    // Less is always let in.
    let cheaper = try TestMarket.block(limit: "1.50")
    _ = try OrderBook.amend(receipt.bid, to: cheaper, in: round, parent: nil, key: "less", &company)
    #expect(try Companies.account(&company).exposure == Money(dollars: "24"))
  }

  @Test func aClosedGateStaysClosed() throws {
    let market = try TestMarket()
    try market.addPool()
    let acme = try market.addCompany("acme")
    let round = try market.openRound()
    let receipt = try market.place(TestMarket.block(), as: acme, in: round)
    try market.close(round)
    for attempt in [
      { _ = try market.place(TestMarket.block(), as: acme, in: round) },
      {
        var connection = try market.connect(acme)
        _ = try OrderBook.withdraw(receipt.bid, in: round, key: "w", &connection)
      },
    ] as [() throws -> Void] {
      let error = refusal(attempt)
      #expect(error?.sqlState == "GM409" && error?.message.contains("is closed") == true)
    }
    // Asking again with the key of an accepted entry is no new bid: its receipt is still given.
    #expect(try market.place(TestMarket.block(), as: acme, in: round, key: receipt.key).hash == receipt.hash)
    var clearing = try market.asClearing()
    #expect(try SealedBook.load(round, &clearing).entries.map(\.id) == [receipt.bid])
  }

  @Test func nobodyReadsAnOpenBook() throws {
    let market = try TestMarket()
    try market.addPool()
    let acme = try market.addCompany("acme")
    let round = try market.openRound()
    try market.place(TestMarket.block(), as: acme, in: round)
    var clearing = try market.asClearing()
    #expect(refusal { _ = try SealedBook.load(round, &clearing) }?.message.contains("is not sealed") == true)
    var job = ClearingJob()
    job.dryRun = true
    #expect(throws: PostgresError.self) { try job.run(round, &clearing) }
    #expect(try clearing.query("SELECT * FROM market.sealed_book(\(round))").isEmpty)
  }

  /// Bids race a closing from several connections: acknowledged if and only if in the sealed book.
  @Test func bidsRacingTheGate() async throws {
    let market = try TestMarket()
    try market.addPool(gpus: 64)
    let logins = try (0..<4).map { try market.addCompany("racer \($0)") }
    let round = try market.openRound()
    let accepted = try await withThrowingTaskGroup(of: [String].self) { group in
      for login in logins {
        group.addTask {
          var connection = try market.connect(login)
          var hashes: [String] = []
          for number in 0..<200 {
            do {
              hashes.append(
                try OrderBook.place(
                  TestMarket.block(), in: round, parent: nil, key: "\(number)", &connection
                ).hash)
            } catch let error as PostgresError {
              #expect(error.sqlState == "GM409")
              break
            }
          }
          return hashes
        }
      }
      group.addTask {
        try await Task.sleep(for: .milliseconds(60))
        try market.close(round)
        return []
      }
      return try await group.reduce(into: Set<String>()) { $0.formUnion($1) }
    }
    var clearing = try market.asClearing()
    let book = try SealedBook.load(round, &clearing)
    let sealed = Set(book.entries.map { $0.hash.map { String(format: "%02x", $0) }.joined() })
    #expect(sealed == accepted)
    #expect(book.entryCount == accepted.count)
  }
}
