import Foundation
import Postgres
import TestSupport
import Testing
import Units

@testable import Market

/// The clearing host opens no box before the gate that it announced, by its own clock, whatever the database says.
@Suite("The host's clock and the gate")
struct HostClockTests {
  /// The gate of `TestMarket.openRound`.
  private static let gate = "2036-11-30T12:00Z"

  /// An encrypted round of one bid that the operator, or who is above him, closed years before its gate.
  private struct EarlyRound {
    let market: TestMarket
    let login: String
    let round: String
    var host: StatementHost
    let publicKey: [UInt8]

    init() throws {
      let (market, login, round) = try TestMarket.withOneBidder(credit: "1000000")
      host = try market.encrypt(round)
      var company = try market.connect(login)
      let announcement = try EncryptionAnnouncement(round, &company)
      try announcement.verify(pinned: hex(host.key.publicKey))
      let bid = try TestMarket.block()
      let body = try EncryptedBid.seal(
        bid, round: round, company: "acme", key: "k", exposure: bid.worstCase(.hour), to: announcement.publicKey)
      _ = try OrderBook.place(sealed: body, in: round, parent: nil, key: "k", &company)
      try market.close(round)
      (self.market, self.login, self.round, publicKey) = (market, login, round, announcement.publicKey)
    }

    /// The host's clock from here on: so many seconds from the gate, and then as time goes on.
    mutating func setClock(secondsAfterGate seconds: Double) throws {
      let start = ContinuousClock.now
      let at = try Instant(iso8601: HostClockTests.gate).microseconds + Int64(seconds * 1e6)
      host.now = {
        let (whole, fraction) = start.duration(to: .now).components
        return Instant(microseconds: at + whole * 1_000_000 + fraction / 1_000_000_000_000)
      }
    }

    func clear() throws -> ClearingJob.Outcome {
      var job = ClearingJob()
      job.host = host
      var clearing = try market.asClearing()
      return try job.run(round, &clearing)
    }

    /// Where the key lies.
    var keyFile: String { "\(host.roundKeysFolder)/\(round)-\(hex(publicKey).prefix(16)).key" }
  }

  @Test func aRoundClosedEarlyIsNotOpenedBeforeItsGate() throws {
    var early = try EarlyRound()
    try early.setClock(secondsAfterGate: -3600)
    var owner = try early.market.connect(nil)
    try expectEarly(early)
    #expect(try owner.query("SELECT FROM market.opened").isEmpty)
    // Nor to compare with what somebody wrote in the place of what the boxes hold: it would tell whether he guessed right.
    let guess = try TestMarket.block().body
    try owner.script("SET session_replication_role = replica")
    try owner.execute("INSERT INTO market.opened (entry_id, body) SELECT e.entry_id, \(guess) FROM market.entry e")
    try expectEarly(early)
    #expect(try owner.query("SELECT FROM market.opened_key").isEmpty)
    try owner.script("DELETE FROM market.opened")

    try early.setClock(secondsAfterGate: 0)
    #expect(try early.clear().bids == 1)
    var auditor = try early.market.asAuditor()
    #expect(VerifyRound(try VerifyBundle.load(early.round, &auditor)).findings().flatMap(\.problems) == [])
  }

  /// Clearing is refused an hour before the gate, and it is said why.
  private func expectEarly(_ early: EarlyRound) throws {
    let error = #expect(throws: TrustProblem.self) { _ = try early.clear() }
    #expect(error?.isEarly == true)
    #expect(
      error?.problem.hasPrefix(
        "the gate that was announced for the encrypted round \(early.round) closes at \(Self.gate); "
          + "it is 2036-11-30T11:00:") == true, "\(String(describing: error))")
    #expect(error?.advice.hasPrefix("clear it after the gate; a round closed early") == true)
    var clearing = try early.market.asClearing()
    #expect(try Rounds.named(early.round, &clearing).state == .closed)
  }

  /// Two clocks are never quite the same, and the timer comes right at the gate.
  @Test func aHostWhoseClockIsALittleBehindWaits() throws {
    var early = try EarlyRound()
    let start = ContinuousClock.now
    try early.setClock(secondsAfterGate: -0.15)
    _ = try early.host.roundKey(early.round, publicKey: early.publicKey)
    #expect(start.duration(to: .now) >= .milliseconds(150))
    try early.setClock(secondsAfterGate: -3600)
    let again = ContinuousClock.now
    let error = #expect(throws: TrustProblem.self) {
      _ = try early.host.roundKey(early.round, publicKey: early.publicKey)
    }
    #expect(error?.isEarly == true && again.duration(to: .now) < .seconds(4))
  }

  @Test func aDamagedKeyFileIsRefused() throws {
    let early = try EarlyRound()
    let text = try String(contentsOfFile: early.keyFile, encoding: .utf8)
    let lines = text.split(separator: "\n")
    #expect(
      lines.count == 3 && lines[0] == "gpumarket round key 2" && lines[1].utf8.count == 64 && lines[2] == Self.gate)
    for (damaged, said) in [
      ("\(lines[0])\n\(lines[1])\nnoon\n", ""), ("\(lines[0])\n\(lines[1].dropLast(2))\n\(lines[2])\n", ""),
      ("\(lines[0])\n\(lines[1])\n", ""),
      (text.replacing("key 2", with: "key 1"), ": this is format 1 of the round key, and this tool reads format 2"),
      ("", ": this does not say that it is \"gpumarket round key 2\""),
    ] {
      try damaged.write(toFile: early.keyFile, atomically: false, encoding: .utf8)
      let error = #expect(throws: TrustProblem.self) {
        _ = try early.host.roundKey(early.round, publicKey: early.publicKey)
      }
      let fault = said.isEmpty ? " does not hold its format, a key and a gate, in three lines" : said
      #expect(error?.problem == early.keyFile + fault)
    }
  }

  /// Who would read bids before their time has to move the gate first, and the announcement tells.
  @Test func aBidderSeesThatTheGateWasMoved() throws {
    let (market, login, round) = try TestMarket.withOneBidder(credit: "1000000")
    let pinned = hex(try market.encrypt(round).key.publicKey)
    var company = try market.connect(login)
    try EncryptionAnnouncement(round, &company).verify(pinned: pinned)
    var owner = try market.connect(nil)
    try owner.script(
      "SET session_replication_role = replica; UPDATE market.round SET gate = gate - interval '1 day'")
    let moved = try EncryptionAnnouncement(round, &company)
    let error = #expect(throws: TrustProblem.self) { try moved.verify(pinned: pinned) }
    #expect(error?.problem.hasSuffix("for the gate that the database names, 2036-11-29T12:00Z") == true)
  }

  /// Moved before it was announced, or of an earlier round of that name, a gate is signed all the same: the bidder's own
  /// clock tells that it has passed.
  @Test func aBidderSealsNothingOnceTheGateHasPassed() throws {
    let (market, login, round) = try TestMarket.withOneBidder(credit: "1000000")
    let host = try market.encrypt(round)
    var company = try market.connect(login)
    let announcement = try EncryptionAnnouncement(round, &company)
    let gate = try Instant(iso8601: Self.gate)
    #expect(announcement.isSigned(by: host.key.publicKey))
    try announcement.verifyGate(at: Instant(microseconds: gate.microseconds - 1))
    #expect(throws: TrustProblem.self) { try announcement.verifyGate(at: gate) }

    let tool = Tool(home: try TestFolder.make())
    func bid(_ key: String) throws -> Tool.Run {
      try tool.run(
        "bid", "curve", "--round", round, "--pool", "h100", "--step", "8@2.00", "--yes", "--json", "--key", key,
        "--clearing-key", hex(host.key.publicKey), "--database", market.conninfo(login))
    }
    let first = try bid("first")
    #expect(first.status == 0 && !first.error.contains("gate"), "\(first.error)")
    var owner = try market.connect(nil)
    try owner.script("SET session_replication_role = replica")
    try owner.script("UPDATE market.round SET gate = '2020-01-01T00:00Z'")
    try sign(announcement, for: Instant(iso8601: "2020-01-01T00:00Z"), by: host, &owner)
    let refused = try bid("third")
    #expect(refused.status == 2 && refused.error.contains("closes at 2020-01-01T00:00Z; it is 2"), "\(refused.error)")
    #expect(refused.error.contains("by this machine's clock") && refused.error.contains("check this machine's clock"))
    // What was accepted in time is shown again under its key.
    let again = try bid("first")
    #expect(again.status == 0 && again.error.contains("this was accepted before"), "\(again.error)")
    #expect(again.output == first.output)
    #expect(try owner.query("SELECT FROM market.entry").count == 1)
  }

  /// Puts there what the host would have signed for another gate.
  private func sign(
    _ announcement: EncryptionAnnouncement, for gate: Instant, by host: StatementHost, _ owner: inout Connection
  ) throws {
    let message = EncryptionAnnouncement.message(
      round: announcement.round, publicKey: announcement.publicKey, gate: gate)
    try owner.execute("UPDATE market.round_key SET signature = \(host.key.sign(message))")
  }

  /// A statement that signed the moved gate, and the secret published beside it, would leave a round that cannot be cleared.
  @Test func aMovedGateIsNeitherSignedNorOpened() throws {
    var early = try EarlyRound()
    try early.setClock(secondsAfterGate: 60)
    var owner = try early.market.connect(nil)
    var clearing = try early.market.asClearing()
    try owner.script("SET session_replication_role = replica; UPDATE market.round SET gate = gate - interval '1 day'")
    let error = #expect(throws: TrustProblem.self) { _ = try early.clear() }
    #expect(
      error?.problem
        == "the gate of the encrypted round \(early.round) is 2036-11-29T12:00Z in the database, and this host announced "
        + "\(Self.gate) with its key; nothing was signed or opened")
    #expect(error?.advice.contains("restore the gate that was announced") == true && error?.isEarly == false)
    #expect(throws: TrustProblem.self) { try early.host.openBoxes(early.round, &clearing) }
    #expect(!FileManager.default.fileExists(atPath: early.host.path(ofRound: early.round)))
    for table in ["opened", "opened_key", "clearing"] {
      #expect(try owner.query(SQL(unsafeRaw: "SELECT FROM market.\(table)")).isEmpty, "\(table)")
    }
    try owner.script("UPDATE market.round SET gate = gate + interval '1 day'")
    #expect(try early.clear().ending == .published)
  }

  /// Too early by one clock and not by the other is no matter of waiting.
  @Test func clocksThatDifferAreNamed() throws {
    var early = try EarlyRound()
    let gate = try Instant(iso8601: "2020-01-01T00:00Z")
    let secret = try early.host.roundKeyFile(early.round, publicKey: early.publicKey).pair.secretKey
    try "\(EncryptionAnnouncement.format.text)\n\(hex(secret))\n\(gate.iso8601)\n".write(
      toFile: early.keyFile, atomically: false, encoding: .utf8)
    var owner = try early.market.connect(nil)
    try owner.script("SET session_replication_role = replica; UPDATE market.round SET gate = '2020-01-01T00:00Z'")
    early.host.now = { gate - TimeSpan(hours: 1) }
    let error = #expect(throws: TrustProblem.self) { _ = try early.clear() }
    #expect(error?.clocksDiffer == true && error?.isEarly == false, "\(String(describing: error))")
    #expect(
      error?.problem.contains("closes at 2020-01-01T00:00Z; it is 2019-12-31T23:00Z by this host's clock") == true)
    #expect(error?.problem.contains("by the database's clock, 20") == true)
    #expect(error?.problem.hasSuffix("the gate has passed: the two clocks differ") == true)
    #expect(try owner.query("SELECT FROM market.opened_key").isEmpty)
  }
}
