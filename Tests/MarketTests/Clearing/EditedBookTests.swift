import Postgres
import TestSupport
import Testing
import Units

@testable import Market

/// Whoever administers the database edits a sealed book before it is cleared: it is not cleared.
@Suite("Edited books")
struct EditedBookTests {
  /// Each edit, and a word of what is said of it.
  @Test(arguments: [
    (
      """
      UPDATE market.entry SET body = replace(body, '"limit":', '"limit":1')
      WHERE entry_id = (SELECT min(entry_id) FROM market.entry)
      """, "its hash is not that of its fields"
    ),
    ("UPDATE market.entry SET salt = reverse(salt) WHERE kind = 'withdraw'", "its hash is not that of its fields"),
    (
      "UPDATE market.bid SET withdrawn = true WHERE bid = (SELECT min(bid) FROM market.bid WHERE NOT withdrawn)",
      "leaves it out"
    ),
    ("UPDATE market.bid SET withdrawn = false WHERE withdrawn", "stands in the database"),
    (
      """
      UPDATE market.bid b SET head_entry = (SELECT min(e.entry_id) FROM market.entry e WHERE e.bid = b.bid)
      WHERE b.bid IN (SELECT e.bid FROM market.entry e WHERE e.kind = 'amend')
      """, "leaves it out"
    ),
    ("UPDATE market.bid SET parent = NULL", "hangs on another bid"),
    ("DELETE FROM market.seal WHERE position = (SELECT max(position) FROM market.seal)", "entries, the seal says"),
    (
      """
      UPDATE market.seal SET position = -position WHERE position < 3;
      UPDATE market.seal SET position = 3 + position WHERE position < 0
      """, "accepted before the entry that precedes it"
    ),
    (
      "UPDATE market.entry SET hash = sha256(hash) WHERE entry_id = (SELECT min(entry_id) FROM market.entry)",
      "its hash"
    ),
  ])
  func isNotCleared(_ edit: String, _ words: String) throws {
    let cleared = try ClearedMarket(seed: 31, bids: 14, publish: false)
    var clearing = try cleared.market.asClearing()
    let host = try StatementHost(home: cleared.home, keyFile: nil, statements: nil)
    try host.writeStatement(cleared.round, &clearing)
    var owner = try cleared.market.connect(nil)
    try owner.script("SET session_replication_role = replica; \(edit)")
    let error = #expect(throws: TrustProblem.self) { _ = try cleared.clear() }
    #expect(error?.problem.contains(words) == true, "\(String(describing: error))")
    #expect(error?.advice.contains("tell the auditor") == true)
    #expect(try Rounds.named(cleared.round, &clearing).state == .closed)
    let published = try owner.query("SELECT FROM market.clearing").count
    #expect(published == 0)
  }

  /// The root too, with an entry's hash: then the statement that was signed before tells.
  @Test func aBookWithASealOfItsOwnIsNotCleared() throws {
    let cleared = try ClearedMarket(seed: 32, bids: 6, publish: false)
    var clearing = try cleared.market.asClearing()
    let host = try StatementHost(home: cleared.home, keyFile: nil, statements: nil)
    let statement = try host.writeStatement(cleared.round, &clearing)
    var owner = try cleared.market.connect(nil)
    try owner.script(
      """
      SET session_replication_role = replica;
      DELETE FROM market.seal WHERE position = (SELECT max(position) FROM market.seal);
      UPDATE market.round r SET entry_count = (SELECT count(*) FROM market.seal),
        merkle_root = market.merkle_root(market.sealed_hashes(r.round_id));
      """)
    #expect(throws: TrustProblem.self) { _ = try cleared.clear() }
    #expect(throws: TrustProblem.self) {
      _ = try SealedBook.load(cleared.round, statement: statement, host: nil, &clearing)
    }
    #expect(try Rounds.named(cleared.round, &clearing).state == .closed)
  }

  /// Hashes and root are those of what was put there, and no statement was signed before: what is left is a history
  /// that no door writes.
  @Test(arguments: [
    ("kind = 'place'", "e.kind = 'amend'", "its kind is place, and it follows the kind place"),
    (
      "kind = 'amend'", "e.entry_id = (SELECT min(entry_id) FROM market.entry)",
      "its kind is amend, and it comes before its bid was placed"
    ),
    (
      "kind = 'withdraw', body = ''",
      "e.kind = 'place' AND e.bid IN (SELECT a.bid FROM market.entry a WHERE a.kind = 'amend')",
      "its kind is amend, and it follows the kind withdraw"
    ),
    ("kind = 'void'", "e.entry_id = (SELECT min(entry_id) FROM market.entry)", "there is no kind void"),
  ])
  func aHistoryThatNoDoorWritesIsNotCleared(_ change: String, _ which: String, _ words: String) throws {
    let cleared = try ClearedMarket(seed: 36, bids: 5, publish: false)
    var owner = try cleared.market.connect(nil)
    try owner.script(
      """
      SET session_replication_role = replica;
      UPDATE market.entry e SET \(change) WHERE \(which);
      UPDATE market.entry e SET hash = market.entry_hash(r.name, c.name, e.bid, e.kind, e.parent, e.key, e.salt,
          market.exact_time(e.accepted_at), e.body)
      FROM market.round r, market.company c WHERE r.round_id = e.round_id AND c.company_id = e.company_id;
      UPDATE market.round r SET merkle_root = market.merkle_root(market.sealed_hashes(r.round_id))
      """)
    let error = #expect(throws: TrustProblem.self) { _ = try cleared.clear() }
    #expect(error?.problem.contains(words) == true, "\(String(describing: error))")
    var clearing = try cleared.market.asClearing()
    #expect(try Rounds.named(cleared.round, &clearing).state == .closed)
  }

  /// What was opened is held to the boxes.
  @Test(arguments: [
    (
      """
      UPDATE market.opened SET body = replace(body, '"limit":', '"limit":1')
      WHERE entry_id = (SELECT min(entry_id) FROM market.opened)
      """, "holds another bid"
    ),
    (
      "UPDATE market.opened SET refusal = 'no' WHERE entry_id = (SELECT max(entry_id) FROM market.opened)",
      "refused without cause"
    ),
    ("UPDATE market.round_key SET public_key = sha256('x')", "not the one that this host announced"),
    ("UPDATE market.round SET encrypted = false", "was signed for other terms"),
  ])
  func whatWasOpenedIsHeldToTheBoxes(_ edit: String, _ words: String) throws {
    let cleared = try ClearedMarket(seed: 33, bids: 6, encrypted: true, publish: false)
    var clearing = try cleared.market.asClearing()
    let host = try StatementHost(home: cleared.home, keyFile: nil, statements: nil).afterTheGate()
    try host.writeStatement(cleared.round, &clearing)
    try host.openBoxes(cleared.round, &clearing)
    var owner = try cleared.market.connect(nil)
    try owner.script("SET session_replication_role = replica; \(edit)")
    let error = #expect(throws: TrustProblem.self) { _ = try cleared.clear() }
    #expect(error?.problem.contains(words) == true, "\(String(describing: error))")
    #expect(try Rounds.named(cleared.round, &clearing).state == .closed)
  }

  /// Without a statement too it is noticed that nothing can have been opened.
  @Test func whatWasOpenedInADefaultRoundIsNotCleared() throws {
    let cleared = try ClearedMarket(seed: 37, bids: 3, encrypted: true, publish: false)
    var clearing = try cleared.market.asClearing()
    let host = try StatementHost(home: cleared.home, keyFile: nil, statements: nil).afterTheGate()
    try host.openBoxes(cleared.round, &clearing)
    var owner = try cleared.market.connect(nil)
    try owner.script("SET session_replication_role = replica; UPDATE market.round SET encrypted = false")
    let error = #expect(throws: TrustProblem.self) {
      _ = try SealedBook.load(cleared.round, host: host, &clearing)
    }
    #expect(error?.problem.contains("the round is not encrypted") == true, "\(String(describing: error))")
  }

  /// An intact one is, encrypted or not, and the database gives it in pages.
  @Test(arguments: [false, true]) func anIntactBookIsCleared(_ encrypted: Bool) throws {
    let cleared = try ClearedMarket(seed: 34, bids: 14, encrypted: encrypted, publish: false)
    var clearing = try cleared.market.asClearing()
    let sealed = try SealedEntries(cleared.round, &clearing)
    #expect(sealed.entries.count == cleared.receipts.count)
    let rest = try clearing.query("SELECT place FROM market.sealed_entries(\(cleared.round), 3) ORDER BY place")
    #expect(try rest.map { try $0.get("place", as: Int.self) } == Array(4...cleared.receipts.count))
    for role in ["market_operator", "market_finance"] {
      var other = try cleared.market.connect(role)
      let error = refusal { _ = try other.query("SELECT FROM market.sealed_entries(\(cleared.round), 0)") }
      #expect(error?.sqlState == "42501")
    }
    #expect(try cleared.clear().ending == .published)
    #expect(try cleared.clear().ending == .alreadyPublished)
    #expect(VerifyRound(try cleared.bundle()).findings().flatMap(\.problems) == [])
  }

  /// An entry larger than a page comes alone; nothing of an open book comes at all.
  @Test func pagesAreBounded() throws {
    let cleared = try ClearedMarket(seed: 35, bids: 5, publish: false)
    var owner = try cleared.market.connect(nil)
    try owner.script(
      """
      SET session_replication_role = replica;
      UPDATE market.entry SET body = repeat('x', 5000000)
      WHERE entry_id = (SELECT entry_id FROM market.seal WHERE position = 2)
      """)
    var clearing = try cleared.market.asClearing()
    func places(after place: Int, _ connection: inout Connection) throws -> [Int] {
      let rows = try connection.query(
        "SELECT place FROM market.sealed_entries(\(cleared.round), \(place)::integer) ORDER BY place")
      return try rows.map { try $0.get("place", as: Int.self) }
    }
    #expect(try places(after: 0, &clearing) == [1, 2])
    #expect(try places(after: 1, &clearing) == [2])
    #expect(try places(after: 2, &clearing).first == 3)
    try owner.script("UPDATE market.round SET state = 'open'")
    #expect(try places(after: 0, &clearing) == [])
  }
}
