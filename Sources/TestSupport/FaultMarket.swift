import Foundation
import Glibc
import Postgres
import Synchronization
import Testing
import Units

@testable import Market

/// A market on a server that synchronises to disk, with companies that bid against a gate that really closes.
public final class FaultMarket: Sendable {
  /// The durable server that all tests of faults share, but for those that harm theirs.
  public static let common = Result { try TestServer.durable() }

  /// Its database.
  public let market: TestMarket
  /// Of the companies `company-0`, `company-1` and so on.
  public let logins: [String]
  /// The clearing host's folder, and the tool's.
  public let home: String
  /// A day for each round, in the order of opening, so that none takes another's GPUs.
  private let days = Mutex<[String]>([])

  /// - Parameter server: nil takes the common one.
  public init(on server: TestServer? = nil, companies: Int = 4) throws {
    market = try TestMarket(on: try server ?? Self.common.get())
    try market.addPool(gpus: 256)
    var logins: [String] = []
    for number in 0..<companies { logins.append(try market.addCompany("company-\(number)", credit: "1000000000")) }
    self.logins = logins
    home = try TestFolder.make()
  }

  /// The clearing host that the tool is too, run in this market's home.
  public func host() throws -> StatementHost { try StatementHost(home: home, keyFile: nil, statements: nil) }

  /// Opens a round whose gate closes after some seconds.
  ///
  /// - Parameter isAnnounced: whether the key of an encrypted round is announced at once.
  public func open(
    _ name: String, gateAfter seconds: Double, effort: String = "20", encrypted isEncrypted: Bool = false,
    announced isAnnounced: Bool = true
  ) throws {
    var connection = try market.asOperator()
    let now = try Rounds.serverTime(&connection)
    let count = days.withLock { days in
      days.append(name)
      return days.count
    }
    let first = try TimeRange(iso8601: TestMarket.delivery)
    let shift = TimeSpan(hours: Int64(24 * (count - 1)))
    try connection.transaction { (connection: inout Connection) throws -> Void in
      _ = try Rounds.open(
        &connection, name: name, delivery: TimeRange(start: first.start + shift, end: first.end + shift),
        gate: Instant(microseconds: now.microseconds + Int64(seconds * 1e6)),
        pricing: "vcg", effort: effort, pools: nil)
      if isEncrypted { try Rounds.encrypt(name, &connection) }
    }
    guard isEncrypted, isAnnounced else { return }
    var clearing = try market.asClearing()
    _ = try host().announceKeys(&clearing)
  }

  /// Places a bid as one of the companies, sealed where the round is encrypted.
  @discardableResult
  public func place(
    _ bid: Bid, by company: Int = 0, in round: String, parent: String? = nil, key: String = newIdempotencyKey()
  ) throws -> Receipt {
    var connection = try market.connect(logins[company])
    let announcement = try EncryptionAnnouncement(round, &connection)
    guard announcement.isEncrypted else {
      return try OrderBook.place(bid, in: round, parent: parent, key: key, &connection)
    }
    let body = try EncryptedBid.seal(
      bid, round: round, company: "company-\(company)", key: key, exposure: bid.worstCase(.hour),
      to: announcement.publicKey)
    return try OrderBook.place(sealed: body, in: round, parent: parent, key: key, &connection)
  }

  /// The delivery of a round, as a bid's window.
  public func window(_ round: String) throws -> String {
    var connection = try market.asOperator()
    return "\(try Rounds.named(round, &connection).delivery)"
  }

  /// Moves a round's gate to so many seconds from now, as no role of the market could: a test need not guess beforehand how
  /// long its bids will take on a busy machine. What was announced of an encrypted one moves with it.
  public func bringGate(_ name: String, inSeconds seconds: Double) throws {
    var owner = try market.connect(nil)
    try owner.script("SET session_replication_role = replica")
    try owner.transaction { owner in
      // First the lock, for which bids under way keep it waiting; only then what time it is.
      _ = try owner.query("SELECT FROM market.round WHERE name = \(name) FOR UPDATE")
      _ = try owner.execute(
        "UPDATE market.round SET gate = clock_timestamp() + \("\(seconds) seconds")::interval WHERE name = \(name)")
    }
    try announceAnew(name, &owner)
  }

  /// As if an encrypted round had had its gate of now when its key was announced: this test is the host, too.
  private func announceAnew(_ name: String, _ owner: inout Connection) throws {
    let announcement = try EncryptionAnnouncement(name, &owner)
    guard announcement.isEncrypted, let gate = announcement.gate else { return }
    let host = try host()
    let publicKey = announcement.publicKey
    let signature = host.key.sign(EncryptionAnnouncement.message(round: name, publicKey: publicKey, gate: gate))
    try owner.execute("UPDATE market.round_key SET signature = \(signature) WHERE public_key = \(publicKey)")
    let secret = try host.roundKeyFile(name, publicKey: publicKey).pair.secretKey
    let path = "\(home)/clearing.key.rounds/\(name)-\(hex(publicKey).prefix(16)).key"
    try "\(EncryptionAnnouncement.format.text)\n\(hex(secret))\n\(gate.iso8601)\n".write(
      toFile: path, atomically: false, encoding: .utf8)
  }

  /// Opens a round, places bids and waits for its gate; returns the receipts.
  public func bidIn(
    _ name: String, bids: Int, effort: String = "20", encrypted isEncrypted: Bool = false
  ) throws -> [Receipt] {
    try open(name, gateAfter: 3600, effort: effort, encrypted: isEncrypted)
    let window = try window(name)
    var random = SeededGenerator(UInt64(bids))
    var receipts: [Receipt] = []
    for number in 0..<bids {
      let bid = try TestMarket.block(
        gpus: 8 * Int.random(in: 1...8, using: &random), slots: Int.random(in: 1...8, using: &random), window: window,
        limit: "\(Int.random(in: 1...9, using: &random)).\(Int.random(in: 10...99, using: &random))")
      receipts.append(try place(bid, by: number % logins.count, in: name, key: "\(name)-\(number)"))
    }
    try bringGate(name, inSeconds: 0.2)
    try waitForGate(name)
    return receipts
  }

  /// Returns once the server's clock has passed a round's gate.
  public func waitForGate(_ name: String) throws {
    var connection = try market.asOperator()
    let gate = try Rounds.named(name, &connection).gate
    while try Rounds.serverTime(&connection) <= gate { usleep(20_000) }
  }

  /// The options by which the tool works as the clearing job.
  public var clearing: [String] { ["--database", market.conninfo("market_clearing")] }

  /// The tool with this market's home.
  public func tool(_ environment: [String: String] = [:]) -> Tool { Tool(home: home, environment: environment) }

  /// Runs the clearing job by the tool.
  public func clear(_ round: String, _ environment: [String: String] = [:]) throws -> Tool.Run {
    try tool(environment).run(["clear", "--round", round] + clearing)
  }

  /// What clearing a sealed book would give, not written.
  public func dryDigest(_ round: String) throws -> String? {
    try tool().run(["clear", "--round", round, "--dry-run", "--json"] + clearing).output
      .firstMatch(of: /"result_digest": "([0-9a-f]{64})"/).map { String($0.1) }
  }

  /// After every fault: what must hold does hold, and every acknowledged entry is there.
  public func check(_ receipts: [Receipt], sourceLocation: SourceLocation = #_sourceLocation) throws {
    var auditor = try market.asAuditor()
    #expect(try AuditInvariants.problems(&auditor) == [], sourceLocation: sourceLocation)
    var owner = try market.connect(nil)
    let stored = Set(
      try owner.query("SELECT encode(hash, 'hex') AS hash FROM market.entry").map {
        try $0.get("hash", as: String.self)
      })
    for receipt in receipts {
      #expect(stored.contains(receipt.hash), "an acknowledged bid is gone", sourceLocation: sourceLocation)
    }
  }

  /// The auditor's check of a published round, beside the host's statement and key.
  public func verify(_ round: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let host = try host()
    let run = try tool().run([
      "verify", "--round", round, "--statement", host.path(ofRound: round), "--clearing-key", hex(host.key.publicKey),
      "--database", market.conninfo("market_auditor"),
    ])
    #expect(
      run.status == 0 && run.output.hasSuffix("pass\n"), "\(run.output)\(run.error)", sourceLocation: sourceLocation)
  }

  /// Bids as one company until the gate has been closed for a while.
  public func bidUntilRefused(_ login: String, in round: String) throws -> [Receipt] {
    var receipts: [Receipt] = []
    var refused = 0
    var connection = try market.connect(login)
    var number = 0
    let window = try window(round)
    while refused < 5 {
      number += 1
      let bid = try TestMarket.block(gpus: 8 * (1 + number % 4), window: window)
      let key = "\(login)-\(round)-\(number)"
      let error = refusal {
        receipts.append(try OrderBook.place(bid, in: round, parent: nil, key: key, &connection))
      }
      if let error {
        #expect(error.sqlState == "GM409", "\(error)")
        refused += 1
      }
    }
    return receipts
  }

  /// Asks again and again for the gate's closure, as the clearing job does.
  public func closeAtGate(_ round: String) throws {
    var connection = try market.asClearing()
    var early: PostgresError?
    repeat {
      early = refusal { _ = try connection.query("SELECT market.close_due_round(\(round))") }
      if let early { #expect(early.sqlState == "GM409", "\(early)") }
      usleep(1000)
    } while early != nil
  }

  /// Of a published round's result; nil before.
  public func digest(_ round: String) throws -> String? {
    var connection = try market.asAuditor()
    return try Results.totals(round, &connection)?.resultDigest
  }

  /// How far a round is.
  public func state(_ round: String) throws -> Round.State {
    var connection = try market.asOperator()
    return try Rounds.named(round, &connection).state
  }

  /// The socket that a connection string names.
  public static func serverSocket(_ conninfo: String) -> String {
    let host = conninfo.firstMatch(of: /host='?([^' ]+)'?/).map { String($0.1) } ?? ""
    return host + "/.s.PGSQL.5432"
  }
}
