import Clearing
import Postgres
import Units

/// Every entry of a sealed book with all that is hashed of it, and what else a clearing is computed from: enough to
/// tell whether the book is still the one that was sealed, and which bids are live. The clearing job and the
/// verification share it, so that what the one clears the other passes.
struct SealedEntries: Sendable {
  let round: Round
  let entryCount: Int
  /// In hexadecimal.
  let merkleRoot: String
  let pools: [OfferedPool]
  let caps: [(company: String, pool: String, gpus: Int)]
  /// In the sealed order.
  let entries: [VerifyBundle.Entry]
  /// By position in `entries`: why one counts for nothing. Everything that asks what stands passes it over.
  var setAside: [Int: String] = [:]
  /// Of the caps' digest in the statement, in hexadecimal; empty where nothing is compared with it.
  var capsSalt = ""

  /// The root of these entries, in hexadecimal.
  var computedRoot: String { hex(SealHash.merkleRoot(entries.map { bytes(hex: $0.hash) ?? [] })) }

  /// Entries whose hash is not that of their fields, in words.
  func hashProblems() -> [String] {
    entries.filter { entry in
      entry.hash
        != hex(
          SealHash.entry(
            round: round.name, company: entry.company, bid: entry.bid, kind: entry.kind, parent: entry.parent,
            key: entry.key, salt: entry.salt, acceptedAt: entry.acceptedAt, body: entry.body, signature: entry.signature
          ))
    }.map { "\($0.name): its hash is not that of its fields" }
  }

  /// Where order, count or root are not as the seal says, or an entry is none that the door writes there, in words.
  ///
  /// Not whether the gate had closed by an entry's time: the root holds the entries, and a server's clock that was set
  /// back must not keep a round from being cleared.
  func sealProblems() -> [String] {
    var problems: [String] = []
    for (at, entry) in entries.enumerated() {
      if entry.place != at + 1 { problems.append("\(entry.name): it stands in place \(at + 1)") }
      if at > 0, entries[at - 1].acceptedAt > entry.acceptedAt {
        problems.append("\(entry.name): it was accepted before the entry that precedes it")
      }
    }
    if entries.count != entryCount {
      problems.append("the book has \(entries.count) entries, the seal says \(entryCount)")
    }
    let root = computedRoot
    if root != merkleRoot { problems.append("the root of the entries is \(root), the seal says \(merkleRoot)") }
    return problems + historyProblems()
  }

  /// A bid is placed once, then amended or withdrawn, and nothing follows its withdrawal; a company uses a key once.
  /// By bytes, as the database compares: to Swift, texts may be equal that differ there.
  private func historyProblems() -> [String] {
    var problems: [String] = []
    var lastKind: [[UInt8]: String] = [:]
    var keys: Set<[UInt8]> = []
    for (at, entry) in entries.enumerated() where setAside[at] == nil {
      let company: [UInt8] = Array(entry.company.utf8) + [0]
      let bid: [UInt8] = company + Array(entry.bid.utf8)
      let before = lastKind[bid]
      switch (before, entry.kind) {
      case (nil, "place"), ("place"?, "amend"), ("place"?, "withdraw"), ("amend"?, "amend"), ("amend"?, "withdraw"):
        lastKind[bid] = entry.kind
      case (_, "place"), (_, "amend"), (_, "withdraw"):
        let history = before.map { "follows the kind \($0)" } ?? "comes before its bid was placed"
        problems.append("\(entry.name): its kind is \(entry.kind), and it \(history)")
        // After a withdrawal all that follows is named.
        if before != "withdraw" { lastKind[bid] = entry.kind }
      default:
        problems.append("\(entry.name): there is no kind \(entry.kind)")
      }
      if !keys.insert(company + Array(entry.key.utf8)).inserted {
        problems.append("\(entry.name): its key was used by an earlier entry of its company")
      }
    }
    return problems
  }

  /// The live bids of an intact book.
  ///
  /// - Throws: `TrustProblem` naming the entry or cap that no door lets in.
  func book() throws -> SealedBook {
    guard (1...Limits.slots).contains(round.slotCount) else {
      throw TrustProblem("the round has \(round.slotCount) slots", "no round has so many; keep it and report this")
    }
    let offered = Set(pools.map(\.name))
    if let cap = caps.first(where: { !offered.contains($0.pool) }) {
      throw TrustProblem(
        "a cap of \(cap.company) is on the pool \(cap.pool), which the round does not offer",
        "keep it as it is and report this")
    }
    var live: [SealedBook.Entry] = []
    for entry in liveEntries() {
      let body = entry.opened ?? entry.body
      do {
        let bid = try Bid(body: body)
        try checkWithinRound(bid)
        live.append(
          SealedBook.Entry(
            place: entry.place, company: entry.company, id: entry.bid, parent: entry.parent, bid: bid,
            bodyText: body, acceptedAt: try Instant(iso8601: entry.acceptedAt), hash: bytes(hex: entry.hash) ?? []))
      } catch {
        throw TrustProblem(
          "\(entry.name): \(error)", "the door lets no such bid in; keep it as it is and report this")
      }
    }
    return SealedBook(
      round: round, merkleRoot: bytes(hex: merkleRoot) ?? [], entryCount: entryCount, pools: pools, caps: caps,
      entries: live)
  }

  /// Whether a bid that takes part is still in its box. Only of an encrypted round it says anything.
  var waitsForOpening: Bool { liveEntries().contains { $0.opened == nil } }

  /// Of each bid its last entry, unless that withdraws it, or it or what it hangs on was refused at opening.
  private func liveEntries() -> [VerifyBundle.Entry] {
    var heads: [String: Int] = [:]
    for (at, entry) in entries.enumerated() where setAside[at] == nil { heads["\(entry.company)/\(entry.bid)"] = at }
    // Upwards in a loop: in a bundle that somebody made, bids may hang on each other a million deep, or in a ring,
    // which counts as alive here and which the engine refuses.
    var dead: [Int: Bool] = [:]
    for head in heads.values {
      var path: [Int] = []
      var at = head
      while dead[at] == nil {
        path.append(at)
        let entry = entries[at]
        dead[at] = entry.kind == "withdraw" || entry.refusal != nil
        guard dead[at] == false, let parent = entry.parent else { break }
        guard let above = heads["\(entry.company)/\(parent)"] else {
          dead[at] = true
          break
        }
        at = above
      }
      if dead[at] == true { for below in path { dead[below] = true } }
    }
    return heads.values.filter { dead[$0] == false }.sorted().map { entries[$0] }
  }

  /// What the door makes sure of and the engine's instance relies on.
  private func checkWithinRound(_ bid: Bid) throws(TrustProblem) {
    let slot = round.slotLength.span.seconds
    let delivery = round.delivery
    for ask in bid.kind.asks {
      let lot = pools.first { $0.name == ask.pool }?.lotGPUs ?? 0
      let period = ask.period
      guard lot > 0, !ask.gpus.isEmpty, ask.gpus.allSatisfy({ $0 > 0 && $0 <= 10_000_000 && $0 % lot == 0 }),
        ask.slots > 0, period.start >= delivery.start, period.end <= delivery.end,
        period.length.seconds / slot >= ask.slots, (period.start - delivery.start).seconds % slot == 0,
        period.length.seconds % slot == 0
      else { throw TrustProblem("it asks for what the round does not offer", "the door refuses such a bid") }
      let perSlot = Int128(ask.limit.microdollarsPerGPUSlot(round.slotLength))
      guard perSlot * Int128(ask.gpus.max() ?? 0) * Int128(ask.slots) <= Int128(Limits.totalValue) else {
        throw TrustProblem("it is worth more than a whole book may be", "the door refuses such a bid")
      }
    }
  }
}

extension SealedEntries {
  init(_ bundle: VerifyBundle) {
    round = bundle.round
    entryCount = bundle.entryCount
    merkleRoot = bundle.merkleRoot
    pools = bundle.pools
    caps = bundle.caps
    entries = bundle.entries
    setAside = SetAside(
      market: bundle.market, terms: hex(Terms.digest(of: bundle.round, isEncrypted: bundle.isEncrypted, bundle.pools)),
      round: bundle.round.name, keys: bundle.keys
    ).reasons(bundle.entries)
    capsSalt = bundle.capsSalt
  }

  /// Asks the database; for the clearing role.
  ///
  /// - Throws: `GM409` where the round is not sealed.
  init(_ name: String, _ connection: inout Connection) throws(PostgresError) {
    let sealed = try connection.query(
      "SELECT s.*, NULL AS cancel_reason FROM market.sealed_round(\(name)) s"
    ).one()
    let root: [UInt8] = try sealed.get("merkle_root")
    var entries: [VerifyBundle.Entry] = []
    while true {
      let last = entries.last?.place ?? 0
      let page = try connection.query(
        "SELECT * FROM market.sealed_entries(\(name), \(last)::integer) ORDER BY place")
      if page.isEmpty { break }
      for row in page {
        entries.append(
          VerifyBundle.Entry(
            place: try row.get("place"), company: try row.get("company"), bid: try row.get("bid"),
            kind: try row.get("kind"), parent: try row.optional("parent"), key: try row.get("key"),
            salt: try row.get("salt"), acceptedAt: try row.get("accepted_at"), body: try row.get("body"),
            signature: try row.optional("signature"), hash: try row.get("hash"), opened: try row.optional("opened"),
            refusal: try row.optional("refusal")))
      }
    }
    round = try Round(sealed)
    entryCount = try sealed.get("entry_count")
    merkleRoot = hex(root)
    pools = try Rounds.pools(of: name, &connection)
    caps = try Self.caps(of: name, &connection)
    self.entries = entries
    let keys = try Self.keys(of: name, &connection)
    guard !keys.isEmpty else { return }
    let isEncrypted = try EncryptionAnnouncement(name, &connection).isEncrypted
    setAside = SetAside(
      market: try connection.query("SELECT market.market_id() AS id").one().get("id"),
      terms: hex(Terms.digest(of: round, isEncrypted: isEncrypted, pools)), round: name, keys: keys
    ).reasons(entries)
  }

  /// The keys that can have signed a sealed book's entries; for the clearing role.
  static func keys(of name: String, _ connection: inout Connection) throws(PostgresError) -> [RegisteredKey] {
    var keys: [RegisteredKey] = []
    for row in try connection.query("SELECT * FROM market.sealed_keys(\(name))") {
      keys.append(
        RegisteredKey(
          company: try row.get("company"), member: try row.get("member"), mayBid: try row.get("may_bid"),
          publicKey: try row.get("public_key"), registeredAt: try row.get("registered_at"),
          revokedAt: try row.optional("revoked_at")))
    }
    return keys
  }

  /// Writes which entries of a sealed book count for nothing, where companies sign theirs; for the clearing role. Run again, it
  /// writes the same and changes nothing.
  static func setAside(_ name: String, _ connection: inout Connection) throws {
    guard try !keys(of: name, &connection).isEmpty else { return }
    let sealed = try SealedEntries(name, &connection)
    guard sealed.round.state == .closed, !sealed.setAside.isEmpty else { return }
    let ordered = sealed.setAside.sorted { $0.key < $1.key }
    try connection.query(
      """
      SELECT market.set_aside_entries(\(name), \(ordered.map { sealed.entries[$0.key].place })::integer[],
        \(ordered.map(\.value))::text[])
      """)
  }

  /// The caps that were sealed with a book; for the clearing role.
  static func caps(
    of name: String, _ connection: inout Connection
  ) throws(PostgresError) -> [(company: String, pool: String, gpus: Int)] {
    var caps: [(company: String, pool: String, gpus: Int)] = []
    for row in try connection.query("SELECT * FROM market.sealed_caps(\(name))") {
      caps.append((try row.get("company"), try row.get("pool"), try row.get("gpus")))
    }
    return caps
  }
}

extension SealedBook {
  /// Reads a sealed book and makes sure that it is still the one that was sealed; for the clearing role.
  ///
  /// All is computed again from the entries: each one's hash, their order, count and root, and which bids are live. The
  /// terms are those that the statement covers.
  ///
  /// - Parameters:
  ///   - statement: what the clearing host signed when the gate had closed.
  ///   - host: opens an encrypted round's boxes again, where it has the key.
  /// - Throws: `PostgresError` with `GM409` where the round is not sealed, `TrustProblem` where the book or the terms were
  ///   changed, the boxes are not opened yet, or were before the gate that the host announced.
  public static func load(
    _ name: String, statement: Statement? = nil, host: StatementHost? = nil, _ connection: inout Connection
  ) throws -> SealedBook {
    var sealed = try SealedEntries(name, &connection)
    try refuse(name, sealed.hashProblems() + sealed.sealProblems())
    let isEncrypted = try EncryptionAnnouncement(name, &connection).isEncrypted
    if let statement {
      try refuse(
        name,
        statement.problems(
          round: name, entryCount: sealed.entries.count, merkleRoot: bytes(hex: sealed.computedRoot) ?? [],
          pinnedKey: nil))
      sealed.capsSalt = try Terms.capsSalt(of: name, &connection)
      try refuse(name, statement.problems(termsOf: sealed, isEncrypted: isEncrypted))
    }
    if let host { try refuse(name, try boxProblems(sealed, host, &connection)) }
    guard !isEncrypted || !sealed.waitsForOpening else { throw notOpened(sealed.round) }
    let book = try sealed.book()
    try refuse(name, try book.differences(&connection))
    return book
  }

  private static func refuse(_ name: String, _ problems: [String]) throws(TrustProblem) {
    guard !problems.isEmpty else { return }
    let more = problems.count > 5 ? "; and \(problems.count - 5) more" : ""
    throw TrustProblem(
      "the book of round \(name) is not the one that was sealed: \(problems.prefix(5).joined(separator: "; "))\(more)",
      "it was not cleared: keep the database as it is, compare it with a backup and the signed statement, and tell the "
        + "auditor (docs/operator.md)")
  }

  /// As a dry run finds a book that the clearing job has not come to yet.
  private static func notOpened(_ round: Round) -> TrustProblem {
    TrustProblem(
      "the bids of the encrypted round \(round.name) are not opened yet: the clearing job does that, from its gate on, "
        + "\(round.gate)", "run gpumarket clear without --dry-run after the gate; what it opened a dry run can read",
      isEarly: round.serverTime < round.gate)
  }

  /// Where what was opened is not what the boxes hold. Nothing where nothing was opened yet.
  private static func boxProblems(
    _ sealed: SealedEntries, _ host: StatementHost, _ connection: inout Connection
  ) throws -> [String] {
    guard sealed.entries.contains(where: { $0.opened != nil || $0.refusal != nil }) else { return [] }
    let announcement = try EncryptionAnnouncement(sealed.round.name, &connection)
    guard announcement.isEncrypted else { return ["bids are said to be opened, and the round is not encrypted"] }
    guard host.hasRoundKey(sealed.round.name, publicKey: announcement.publicKey) else {
      // It may have been lost since the boxes were opened; but a key that this host never announced was put there.
      return announcement.isSigned(by: host.key.publicKey)
        ? [] : ["the round's key is not the one that this host announced"]
    }
    let pair = try host.roundKey(sealed.round.name, publicKey: announcement.publicKey, &connection)
    let keys = VerifyBundle.Encryption(
      publicKey: hex(announcement.publicKey), signer: hex(announcement.signer), signature: hex(announcement.signature),
      secretKey: hex(pair.secretKey))
    return VerifyBoxes(sealed, keys, pinnedKey: nil).problems()
  }

  /// Where the database's own view of which bids are live is another.
  private func differences(_ connection: inout Connection) throws(PostgresError) -> [String] {
    var theirs: [Int: (company: String, bid: String, parent: String?)] = [:]
    let rows = try connection.query("SELECT place, company, bid, parent FROM market.sealed_book(\(round.name))")
    for row in rows {
      let place: Int = try row.get("place")
      theirs[place] = (company: try row.get("company"), bid: try row.get("bid"), parent: try row.optional("parent"))
    }
    var problems: [String] = []
    for entry in entries {
      guard let found = theirs.removeValue(forKey: entry.place) else {
        problems.append("bid \(entry.id) of \(entry.company) stands by the entries, and the database leaves it out")
        continue
      }
      guard found.company == entry.company, found.bid == entry.id, found.parent == entry.parent else {
        problems.append("bid \(entry.id) of \(entry.company) hangs on another bid by the entries than in the database")
        continue
      }
    }
    for (_, found) in theirs.sorted(by: { $0.key < $1.key }) {
      problems.append(
        "bid \(found.bid) of \(found.company) stands in the database, and by the entries it was withdrawn, replaced or "
          + "refused")
    }
    return problems
  }
}
