import Clearing
import Foundation
import Postgres
import Units

@testable import Market

/// A market with a round that was bid in, closed and published, by the seed.
public struct ClearedMarket: Sendable {
  /// Its database.
  public let market: TestMarket
  /// Each company's login, by its name.
  public let logins: [String: String]
  /// The round's name.
  public let round: String
  /// Of every entry, in the order of the book.
  public let receipts: [Receipt]
  /// The clearing host's folder: its key and its statements.
  public let home: String

  /// A small round that several tests read and none changes.
  public static let common = Result { try ClearedMarket(seed: 7, bids: 12) }

  /// Bids, amends, withdraws, closes the gate and clears.
  ///
  /// - Parameters:
  ///   - seed: the same bids for the same seed.
  ///   - bids: how many are placed; some are changed afterwards.
  ///   - server: nil takes the one that all suites share.
  ///   - publish: whether the round is cleared.
  public init(
    seed: UInt64 = 1, bids: Int = 30, companies: Int = 4, pricing: String = "vcg", encrypted: Bool = false,
    on server: TestServer? = nil, publish: Bool = true
  ) throws {
    var random = SeededGenerator(seed)
    market = try TestMarket(on: server)
    try market.addPool()
    try market.addPool("a100", gpus: 32, lot: 4, reserve: "0.50")
    var logins: [String: String] = [:]
    for number in 0..<companies { logins["company-\(number)"] = try market.addCompany("company-\(number)") }
    self.logins = logins
    let period = try TimeRange(iso8601: TestMarket.delivery)
    var opener = try market.asOperator()
    round = try opener.transaction { (connection: inout Connection) throws -> String in
      let opened = try Rounds.open(
        &connection, name: nil, delivery: period, gate: period.start - TimeSpan(hours: 12), pricing: pricing,
        effort: "30", pools: nil)
      if encrypted { try Rounds.encrypt(opened, &connection) }
      return opened
    }
    home = try TestFolder.make()

    if encrypted {
      var clearing = try market.asClearing()
      _ = try StatementHost(home: home, keyFile: nil, statements: nil).announceKeys(&clearing)
    }
    var receipts: [Receipt] = []
    for number in 0..<bids {
      let company = "company-\(Int.random(in: 0..<companies, using: &random))"
      var connection = try market.connect(logins[company])
      let bid = try Self.bid(&random)
      let key = "seed-\(seed)-\(number)"
      if encrypted {
        let key32 = try EncryptionAnnouncement(round, &connection).publicKey
        let body = try EncryptedBid.seal(
          bid, round: round, company: company, key: key, exposure: bid.worstCase(.hour), to: key32)
        receipts.append(try OrderBook.place(sealed: body, in: round, parent: nil, key: key, &connection))
        continue
      }
      let receipt = try OrderBook.place(bid, in: round, parent: nil, key: key, &connection)
      receipts.append(receipt)
      switch number % 10 {
      case 3:
        receipts.append(
          try OrderBook.amend(
            receipt.bid, to: Self.bid(&random), in: round, parent: nil, key: key + "-amended", &connection))
      case 7: receipts += try OrderBook.withdraw(receipt.bid, in: round, key: key + "-withdrawn", &connection)
      case 8:
        receipts.append(
          try OrderBook.place(Self.bid(&random), in: round, parent: receipt.bid, key: key + "-child", &connection))
      default: break
      }
    }
    self.receipts = receipts
    try market.close(round)
    if publish { _ = try clear() }
  }

  /// A block or a curve.
  public static func bid(_ random: inout SeededGenerator) throws -> Bid {
    let price = "\(Int.random(in: 1...4, using: &random)).\(Int.random(in: 10...99, using: &random))"
    if Int.random(in: 0..<5, using: &random) == 0 {
      let period = try TimeRange(iso8601: "2036-12-01T0\(Int.random(in: 0...9, using: &random)):00Z/PT6H")
      return .curve([
        CurveSegment(
          pool: "a100", period: period,
          steps: [
            .init(gpus: 8, limit: try Price(dollarsPerGPUHour: price)),
            .init(gpus: 4, limit: try Price(dollarsPerGPUHour: "0.75")),
          ])
      ])
    }
    var choices: [BlockAlternative] = []
    for pool in ["h100", "a100"] where choices.isEmpty || Bool.random(using: &random) {
      let gpus = (pool == "h100" ? 8 : 4) * Int.random(in: 1...6, using: &random)
      choices.append(
        BlockAlternative(
          pool: pool, gpus: gpus, minimumGPUs: nil, slots: Int.random(in: 1...12, using: &random),
          window: try TimeRange(iso8601: TestMarket.delivery), limit: try Price(dollarsPerGPUHour: price)))
    }
    return .block(choices)
  }

  /// Runs the clearing job as it is run, statement and all.
  public func clear() throws -> ClearingJob.Outcome {
    var job = ClearingJob()
    job.host = try StatementHost(home: home, keyFile: nil, statements: nil).afterTheGate()
    var connection = try market.asClearing()
    return try job.run(round, &connection)
  }

  /// What the auditor reads of the round.
  public func bundle() throws -> VerifyBundle {
    var connection = try market.asAuditor()
    return try VerifyBundle.load(round, &connection)
  }

  /// What the host signed.
  public func statement() throws -> Statement {
    let path = "\(home)/statements/\(round).json"
    return try Statement(json: Array(Data(contentsOf: URL(filePath: path))), source: path)
  }

  /// What must hold at every moment.
  public func invariants() throws -> [String] {
    var connection = try market.asAuditor()
    return try AuditInvariants.problems(&connection)
  }
}

extension TestMarket {
  /// Makes an open round an encrypted one, as no role of the market can: for them only its opening does that.
  public func markEncrypted(_ round: String) throws {
    var owner = try connect(nil)
    try owner.execute("UPDATE market.round SET encrypted = true WHERE name = \(round)")
  }

  /// Encrypts an open round without bids and announces its key, as a host whose clock is past the gate.
  public func encrypt(_ round: String) throws -> StatementHost {
    let host = try StatementHost(home: TestFolder.make(), keyFile: nil, statements: nil)
    try markEncrypted(round)
    var clearing = try asClearing()
    _ = try host.announceKeys(&clearing)
    return host.afterTheGate()
  }
}

extension StatementHost {
  /// With a clock that is past the gate of every round: the tests close theirs years before.
  public func afterTheGate() -> StatementHost {
    var host = self
    host.now = { Instant(seconds: 4_000_000_000) }
    return host
  }
}
