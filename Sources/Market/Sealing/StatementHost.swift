import CSodium
import Files
import Glibc
import Postgres
import Units

/// What the clearing host keeps of its own, out of the database's and the operator's reach: its signing key, the keys of
/// encrypted rounds, and the signed closing statements.
public struct StatementHost: Sendable {
  /// Signs statements and announcements of round keys.
  public let key: StatementKey
  /// Where statements go, one file a round.
  public let statementsFolder: String
  let roundKeysFolder: String
  /// What is opened in one call: PostgreSQL reads no JSON text beyond 256 MiB.
  var bytesAtOnce = 4 << 20
  /// What time it is here. Whoever administers the database sets its clock; this one is the host's own.
  var now: @Sendable () -> Instant = { StatementHost.clock() }

  /// Opens the host's folder, making it and the key the first time.
  ///
  /// - Parameters:
  ///   - home: the folder; the private server's, unless told otherwise.
  ///   - keyFile: nil takes `clearing.key` in the home. Keys of rounds lie beside it.
  ///   - statements: nil takes `statements` in the home.
  /// - Throws: `TrustProblem`, `FileProblem`.
  public init(home: String, keyFile: String?, statements: String?) throws {
    let keyFile = keyFile ?? home + "/clearing.key"
    statementsFolder = statements ?? home + "/statements"
    roundKeysFolder = keyFile + ".rounds"
    if access(home, F_OK) != 0 { try Self.makeFolder(home, 0o700) }
    key = try StatementKey(file: keyFile)
  }

  private static func makeFolder(_ path: String, _ mode: mode_t) throws {
    if mkdir(path, mode) == 0 { return try nameForGood(path) }
    guard errno == EEXIST else {
      throw TrustProblem(
        "the folder \(path) cannot be made: \(String(cString: strerror(errno)))", "make it, or name another")
    }
  }

  /// The file of a round's statement.
  public func path(ofRound round: String) -> String { "\(statementsFolder)/\(round).json" }

  /// What time it is by this machine's clock.
  public static func clock() -> Instant {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
  }

  /// Signs and writes the statement of a closed round; one that is there already must say the same, and stays.
  ///
  /// - Returns: what the file says.
  /// - Throws: `TrustProblem` where the earlier statement is of another book, offer or key, or an encrypted round's gate is not
  ///   the one that was announced: then the database was changed.
  @discardableResult
  public func writeStatement(_ round: String, _ connection: inout Connection) throws -> Statement {
    try checkGate(of: EncryptionAnnouncement(round, &connection))
    let statement = try Statement(round, key: key, &connection)
    try Self.makeFolder(statementsFolder, 0o755)
    let path = path(ofRound: round)
    if access(path, F_OK) == 0 {
      let earlier = try Statement(json: readFile(path), source: path)
      guard earlier.publicKey == statement.publicKey else {
        throw TrustProblem(
          "\(path) was signed with another key than this host's",
          "clear on the host, or with the key, that signed it; where that is lost, move the statement elsewhere and tell the "
            + "auditor (docs/operator.md)")
      }
      guard earlier.isOfSameBook(as: statement) else {
        throw Self.signedOtherwise("\(path) was signed for another book of round \(round)")
      }
      // Not the caps: their digest differs too where an entry was edited, and loading the book tells which it is.
      let problems = earlier.problems(offer: statement.terms.offer)
      guard problems.isEmpty else {
        throw Self.signedOtherwise(
          "\(path) was signed for other terms of round \(round): \(problems.joined(separator: "; "))")
      }
      return earlier
    }
    try writeAtomically(path, statement.json.text(pretty: true) + "\n")
    return statement
  }

  private static func signedOtherwise(_ problem: String) -> TrustProblem {
    TrustProblem(
      problem, "the database was changed or is another one: do not clear; keep both and compare (docs/operator.md)")
  }

  // MARK: Encrypted rounds

  /// Makes and announces a key for every encrypted round that has none; returns their names.
  public func announceKeys(_ connection: inout Connection) throws -> [String] {
    var announced: [String] = []
    for row in try connection.query("SELECT round FROM market.rounds_without_key()") {
      let round: String = try row.get("round")
      try Self.makeFolder(roundKeysFolder, 0o700)
      removeCopies(of: globPattern(roundKeysFolder) + "/*.key")
      let pair = EncryptionKeyPair()
      guard let gate = try EncryptionAnnouncement(round, &connection).gate else { continue }
      // On disk before anyone can seal to it; the gate too, so that nobody moves it later.
      try writeSecret(
        roundKeyPath(round, pair.publicKey),
        "\(EncryptionAnnouncement.format.text)\n\(hex(pair.secretKey))\n\(gate.iso8601)\n")
      let signature = key.sign(EncryptionAnnouncement.message(round: round, publicKey: pair.publicKey, gate: gate))
      let outcome: String = try connection.query(
        "SELECT market.announce_key(\(round), \(pair.publicKey), \(key.publicKey), \(signature)) AS outcome"
      ).one().get("outcome")
      if outcome == "announced" { announced.append(round) }
    }
    return announced
  }

  /// Makes sure that the database names the gate that was announced with an encrypted round's key, where that lies here.
  ///
  /// Asked before anything is signed or opened: a statement that signs a moved gate, beside a key that was announced for
  /// another, leaves a round that cannot be cleared with either.
  ///
  /// - Throws: `TrustProblem` where the gate was moved since.
  private func checkGate(of announcement: EncryptionAnnouncement) throws {
    let round = announcement.round
    guard announcement.isEncrypted, hasRoundKey(round, publicKey: announcement.publicKey),
      case let announced = try roundKeyFile(round, publicKey: announcement.publicKey).gate,
      announced != announcement.gate
    else { return }
    throw TrustProblem(
      "the gate of the encrypted round \(round) is \(announcement.gate?.iso8601 ?? "none") in the database, and this host "
        + "announced \(announced) with its key; nothing was signed or opened",
      "the database was changed: let its administrator restore the gate that was announced, clear the round again, and "
        + "tell the auditor (docs/operator.md)")
  }

  private func roundKeyPath(_ round: String, _ publicKey: [UInt8]) -> String {
    "\(roundKeysFolder)/\(round)-\(hex(publicKey).prefix(16)).key"
  }

  /// Whether the key pair of an encrypted round lies here.
  func hasRoundKey(_ round: String, publicKey: [UInt8]) -> Bool {
    access(roundKeyPath(round, publicKey), F_OK) == 0
  }

  /// Where the host's clock is so little behind that the gate passes meanwhile, it waits: microseconds.
  private static let patience: Int64 = 5_000_000

  /// The key pair of an encrypted round, from the gate on that was announced with it. It opens bids, so nobody gets it
  /// sooner, whatever the database says of the round and of the time.
  ///
  /// - Throws: `TrustProblem`, early, before that gate by the host's own clock; and where the file is gone: then its bids
  ///   can be read by nobody.
  public func roundKey(_ round: String, publicKey: [UInt8]) throws -> EncryptionKeyPair {
    let (pair, gate) = try roundKeyFile(round, publicKey: publicKey)
    let early = gate.microseconds - now().microseconds
    if early > 0, early <= Self.patience { usleep(UInt32(early) + 1000) }
    let time = now()
    guard time >= gate else {
      throw TrustProblem(
        "the gate that was announced for the encrypted round \(round) closes at \(gate); it is \(time) by this host's "
          + "clock, and its bids are not opened before",
        "clear it after the gate; a round closed early is opened at the gate that bidders were told, no sooner",
        isEarly: true)
    }
    return pair
  }

  /// The same, for whoever has the database at hand: it is too early only while that too says that the gate lies ahead.
  ///
  /// - Throws: as above; `TrustProblem`, `clocksDiffer`, where the gate has passed by the database's clock.
  func roundKey(
    _ round: String, publicKey: [UInt8], _ connection: inout Connection
  ) throws -> EncryptionKeyPair {
    do {
      return try roundKey(round, publicKey: publicKey)
    } catch let early as TrustProblem where early.isEarly {
      let time = try Rounds.serverTime(&connection)
      guard try time >= roundKeyFile(round, publicKey: publicKey).gate else { throw early }
      throw TrustProblem(
        "\(early.problem); by the database's clock, \(time), the gate has passed: the two clocks differ",
        "compare both with a third: if this host's is behind, set it right and clear again; if the database's is ahead, "
          + "tell the auditor, for the gate closed before its time",
        clocksDiffer: true)
    }
  }

  /// What the file of a round's key holds: the pair, and the gate that was announced with it.
  func roundKeyFile(_ round: String, publicKey: [UInt8]) throws -> (pair: EncryptionKeyPair, gate: Instant) {
    let path = roundKeyPath(round, publicKey)
    guard access(path, F_OK) == 0 else {
      throw TrustProblem(
        "the key of the encrypted round \(round) is not at \(path)",
        "clear on the host that announced it, or restore the file from a backup; without it the round can only be cancelled"
      )
    }
    let lines = String(decoding: try readFile(path), as: UTF8.self).split(separator: "\n")
    try requireFormat(EncryptionAnnouncement.format, lines, path)
    guard lines.count == 3, let secret = bytes(hex: String(lines[1])),
      secret.count == 32, let gate = try? Instant(iso8601: lines[2])
    else {
      throw TrustProblem(
        "\(path) does not hold its format, a key and a gate, in three lines", "restore it from a backup")
    }
    return (EncryptionKeyPair(publicKey: publicKey, secretKey: secret), gate)
  }

  /// Opens the bids of a closed encrypted round and writes them, with the reason for each that is refused.
  ///
  /// Does nothing for another round, or where it was done before.
  ///
  /// - Throws: `TrustProblem`: early, before the gate that was announced, by the host's own clock; where the gate was moved.
  public func openBoxes(_ round: String, _ connection: inout Connection) throws {
    let announcement = try EncryptionAnnouncement(round, &connection)
    guard announcement.isEncrypted else { return }
    let boxes = try connection.query(
      "SELECT company, bid, key, body, encode(hash, 'hex') AS hash FROM market.sealed_boxes(\(round))")
    guard !boxes.isEmpty else { return }
    try checkGate(of: announcement)
    let pair = try roundKey(round, publicKey: announcement.publicKey, &connection)
    for part in Self.parts(of: try boxes.map { try $0.get("body", as: String.self).utf8.count }, most: bytesAtOnce) {
      let opened = try boxes[part].map { box -> JSONText in
        let found = EncryptedBid.open(
          try box.get("body"), round: round, company: try box.get("company"), key: try box.get("key"), pair)
        return [
          "hash": .string(try box.get("hash")), "body": found.body.map { .string($0) } ?? .null,
          "refusal": found.refusal.map { .string($0) } ?? .null,
        ]
      }
      try connection.query(
        "SELECT market.open_boxes(\(round), \(JSONText.array(opened).text())::jsonb, \(pair.secretKey))")
    }
  }

  /// Neighbours together, as many as come to no more than `most`, or one.
  static func parts(of sizes: [Int], most: Int) -> [Range<Int>] {
    var parts: [Range<Int>] = []
    var (start, sum) = (0, 0)
    for (at, size) in sizes.enumerated() {
      if at > start, sum + size > most {
        parts.append(start..<at)
        (start, sum) = (at, 0)
      }
      sum += size
    }
    return start < sizes.count ? parts + [start..<sizes.count] : parts
  }
}
