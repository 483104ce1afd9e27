import Files
import Foundation
import Market
import Postgres
import TestSupport
import Testing
import Units

@Suite("Receipts and seal")
struct VerifyTests {
  @Test(arguments: [("vcg", 1 as UInt64), ("pay-as-bid", 12), ("vcg", 3)])
  func aSoundRoundPasses(_ pricing: String, _ seed: UInt64) throws {
    let cleared = try ClearedMarket(seed: seed, pricing: pricing)
    let bundle = try cleared.bundle()
    var verification = VerifyRound(bundle)
    verification.statement = try cleared.statement()
    let findings = verification.findings()
    #expect(findings.count == 10)
    for finding in findings { #expect(finding.problems == [], "\(finding.check)") }
    #expect(!bundle.awards.isEmpty && bundle.awards.contains { $0.alternative == nil }, "a curve won too")
    #expect(try cleared.invariants() == [])
  }

  @Test func everyReceiptLeadsToTheRoot() throws {
    let cleared = try ClearedMarket.common.get()
    let statement = try cleared.statement()
    for receipt in cleared.receipts {
      var connection = try cleared.market.connect(cleared.logins[receipt.company])
      let proof = try SealProof(hash: receipt.hash, &connection)
      #expect(proof.problems(of: receipt, statement: statement, pinnedKey: nil) == [])
      // What a file holds is what was printed.
      let file = try Receipt.read(Array(receipt.json.text().utf8), source: "file")[0]
      #expect(file.computedHash == receipt.computedHash)
      // A rival has no use for it.
      let rival = cleared.logins.first { $0.key != receipt.company }?.value
      var other = try cleared.market.connect(rival)
      #expect(throws: PostgresError.self) { _ = try SealProof(hash: receipt.hash, &other) }
    }
  }

  @Test func aChangedReceiptFails() throws {
    let cleared = try ClearedMarket.common.get()
    let receipt = cleared.receipts[2]
    var connection = try cleared.market.connect(cleared.logins[receipt.company])
    let proof = try SealProof(hash: receipt.hash, &connection)
    let text = Array(receipt.json.text().utf8)
    var random = SeededGenerator(5)
    var caught = 0
    for _ in 0..<300 {
      var changed = text
      changed[Int.random(in: changed.indices, using: &random)] ^= UInt8.random(in: 1...127, using: &random)
      do {
        let forged = try Receipt.read(changed, source: "forged")[0]
        #expect(proof.problems(of: forged, statement: nil, pinnedKey: nil) != [])
        caught += 1
      } catch {
        caught += 1
      }
    }
    #expect(caught == 300)
  }

  @Test func nothingIsShownBeforePublication() throws {
    let cleared = try ClearedMarket(seed: 6, bids: 5, publish: false)
    let receipt = cleared.receipts[0]
    var company = try cleared.market.connect(cleared.logins[receipt.company])
    #expect(throws: PostgresError.self) { _ = try SealProof(hash: receipt.hash, &company) }
    #expect(throws: PostgresError.self) { _ = try cleared.bundle() }
  }

  /// The database's administrator edits the stored book; the statement or a hash tells, and names the entry.
  @Test(arguments: [
    "body = replace(body, 'limit', 'timil')", "body = replace(body, '\"gpus\":', '\"gpus\":1')", "key = key || 'x'",
    "salt = reverse(salt)", "accepted_at = accepted_at + interval '1 microsecond'", "kind = 'amend'", "bid = 'b_0'",
    "parent = 'b_0'", "hash = sha256(hash)", "company_id = company_id % 4 + 1",
  ])
  func anEditedEntryIsNamed(_ edit: String) throws {
    let victim = try ClearedMarket.common.get().receipts[3].hash
    let problems = try problems(
      after: "UPDATE market.entry SET \(edit) WHERE encode(hash, 'hex') = '\(victim)'", brokenInvariants: true)
    #expect(problems.contains { $0.hasPrefix("entry ") }, "\(problems)")
  }

  /// What the verification says after an edit by the database's administrator, which is then taken back.
  func problems(after edit: String, brokenInvariants: Bool = false) throws -> [String] {
    let cleared = try ClearedMarket.common.get()
    var owner = try cleared.market.connect(nil)
    struct TakeBack: Error {}
    var problems: [String] = []
    #expect(throws: TakeBack.self) {
      try owner.transaction { owner in
        try owner.script("SET LOCAL session_replication_role = replica; \(edit)")
        var verification = VerifyRound(try VerifyBundle.load(cleared.round, &owner))
        verification.statement = try cleared.statement()
        problems = verification.findings().flatMap(\.problems)
        if brokenInvariants { #expect(try AuditInvariants.problems(&owner) != []) }
        throw TakeBack()
      }
    }
    return problems
  }

  @Test(arguments: [
    (
      """
      UPDATE market.award SET payment = reserve_cost WHERE payment > reserve_cost;
      UPDATE market.company_payment p SET (payment, low, high) = (SELECT sum(payment), sum(payment), sum(payment)
        FROM market.award a WHERE a.company_id = p.company_id)
      """, "payment"
    ), ("DELETE FROM market.seal WHERE position = 3", "entr"),
    ("UPDATE market.award SET payment = payment + 1, value = value + 1 WHERE position = 1", "award"),
    (
      "UPDATE market.award SET payment = reserve_cost + value - payment WHERE 2 * payment <> reserve_cost + value",
      "award"
    ),
    ("DELETE FROM market.award_use WHERE award = (SELECT min(award) FROM market.award_use)", "award"),
    ("UPDATE ledger.posting SET cents = cents * 2", "posted"),
    ("UPDATE market.clearing SET bound = bound + 1, proven = false", "bound"),
    ("UPDATE market.round SET merkle_root = sha256('x')", "root"),
    ("UPDATE market.round_pool SET lot_gpus = lot_gpus / 2", "what the round offers, or how it is priced"),
    ("UPDATE market.clearing SET instance_digest = sha256('x')", "the instance's digest is"),
    ("UPDATE market.caps_salt SET salt = decode(md5('x'), 'hex')", "the caps are not those that were signed"),
    ("DELETE FROM market.caps_salt", "the caps are not those that were signed"),
    // Whose invoice it stands on.
    (
      """
      UPDATE ledger.transaction t SET company_id = (
        SELECT min(c.company_id) FROM market.company c WHERE c.company_id <> t.company_id)
      """, "is charged to company-"
    ),
    ("UPDATE market.round SET gate = (SELECT max(e.accepted_at) FROM market.entry e)", "not before the gate, "),
    ("UPDATE market.round SET effort = 'much'", "opened with effort much, which is none"),
    ("UPDATE market.clearing SET effort = 'much'", "cleared with effort much, which is none"),
    (
      """
      UPDATE ledger.account SET name = 'Assets:Receivable:Rival'
      WHERE account_id = (SELECT min(account_id) FROM ledger.account WHERE kind = 'receivable')
      """, "is posted to the account Assets:Receivable:Rival, which is not that of company-"
    ),
    (
      """
      UPDATE ledger.posting p SET account_id = (SELECT max(account_id) FROM ledger.account WHERE kind = 'receivable')
      FROM ledger.account a WHERE a.account_id = p.account_id AND a.kind = 'receivable'
      """, "which is not that of company-"
    ),
    // A company whose name reads alike, and whose account could have that very name.
    (
      """
      INSERT INTO market.company (name, login_role) SELECT replace(c.name, '-', ' '), 'c_alike'
      FROM ledger.account a JOIN market.company c USING (company_id) WHERE a.kind = 'receivable'
      ORDER BY a.account_id LIMIT 1;
      UPDATE ledger.account SET company_id = (SELECT company_id FROM market.company WHERE login_role = 'c_alike')
      WHERE account_id = (SELECT min(account_id) FROM ledger.account WHERE kind = 'receivable')
      """, "is posted to the account Assets:Receivable:Company-"
    ),
    (
      """
      INSERT INTO market.pool (name, capacity_gpus, lot_gpus, reserve_price) VALUES ('h200', 8, 8, 0);
      UPDATE ledger.account SET pool_id = (SELECT pool_id FROM market.pool WHERE name = 'h200')
      WHERE kind = 'revenue' AND pool_id = (SELECT pool_id FROM market.pool WHERE name = 'h100')
      """, "its revenue is posted for h200, and its GPUs are of h100"
    ),
  ])
  func anEditedResultIsFound(_ edit: String, _ word: String) throws {
    let problems = try problems(after: edit)
    #expect(problems.contains { $0.contains(word) }, "\(problems)")
  }

  @Test func anyByteOfABundleMatters() throws {
    let cleared = try ClearedMarket.common.get()
    let text = Array(try cleared.bundle().text.utf8)
    #expect(VerifyRound(try VerifyBundle(json: text, source: "bundle")).findings().allSatisfy(\.problems.isEmpty))
    var random = SeededGenerator(9)
    for _ in 0..<200 {
      var changed = text
      changed[Int.random(in: changed.indices, using: &random)] ^= UInt8.random(in: 1...127, using: &random)
      #expect(throws: (any Error).self) { _ = try VerifyBundle(json: changed, source: "bundle") }
    }
  }

  @Test func aStatementOfAnotherBookStopsTheClearing() throws {
    let cleared = try ClearedMarket(seed: 10, bids: 5, publish: false)
    var clearing = try cleared.market.asClearing()
    let host = try StatementHost(home: cleared.home, keyFile: nil, statements: nil)
    let first = try host.writeStatement(cleared.round, &clearing)
    #expect(try host.writeStatement(cleared.round, &clearing) == first)
    var owner = try cleared.market.connect(nil)
    try owner.script("SET session_replication_role = replica; UPDATE market.round SET merkle_root = sha256('x')")
    #expect(throws: TrustProblem.self) { _ = try cleared.clear() }
    #expect(try Rounds.named(cleared.round, &clearing).state == .closed)
    // Signed bytes cannot be moved to another key or changed.
    var text = first.json.text()
    text.replace("\"entry_count\":\(first.entryCount)", with: "\"entry_count\":\(first.entryCount + 1)")
    #expect(throws: TrustProblem.self) { _ = try Statement(json: Array(text.utf8), source: "forged") }
    #expect(
      first.problems(
        round: cleared.round, entryCount: first.entryCount, merkleRoot: first.merkleRoot, pinnedKey: "00") != [])
  }

  @Test func treesOfAllSizesAgreeWithTheDatabase() throws {
    let market = try TestMarket()
    var owner = try market.connect(nil)
    for count in [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 33] {
      let leaves = (0..<count).map { [UInt8]("leaf \($0)".utf8) }
      let root: [UInt8] = try owner.query("SELECT market.merkle_root(\(leaves)::bytea[]) AS root").one().get("root")
      #expect(root == SealHash.merkleRoot(leaves))
    }
  }

  @Test func theKeyIsItsOwnersAlone() throws {
    let home = try ClearedMarket(seed: 11, bids: 1).home
    let file = home + "/clearing.key"
    #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
    let key = try StatementKey(file: file)
    #expect(try StatementKey(file: file).publicKey == key.publicKey)
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
    #expect(throws: TrustProblem.self) { _ = try StatementKey(file: file) }
  }

  @Test func aKeyFileOfAnotherFormatIsRefused() throws {
    let folder = try TestFolder()
    let file = folder.path + "/clearing.key"
    _ = try StatementKey(file: file)
    let text = try String(contentsOfFile: file, encoding: .utf8)
    for (other, said) in [
      (text.replacing("key 1", with: "key 2"), "this is format 2 of the clearing key, and this tool reads format 1"),
      (
        text.replacing("clearing key 1", with: "round key 2"),
        "this is \"gpumarket round key 2\", and not \"gpumarket clearing key 1\""
      ),
      ("", "this does not say that it is \"gpumarket clearing key 1\""),
      // The secret alone is not repeated.
      (String(text.drop { $0 != "\n" }.dropFirst()), "this does not say that it is \"gpumarket clearing key 1\""),
    ] {
      try other.write(toFile: file, atomically: false, encoding: .utf8)
      let error = #expect(throws: TrustProblem.self) { _ = try StatementKey(file: file) }
      #expect(error?.problem == "\(file): \(said)")
    }
  }

  /// A list of receipts with one of another format is refused whole.
  @Test func aReceiptOfAnotherFormatIsRefused() {
    for (format, said) in [
      (#""format": "gpumarket receipt 1""#, "this is format 1 of the receipt, and this tool reads format 2"),
      (#""round": "w""#, "this does not say that it is \"gpumarket receipt 2\""),
    ] {
      for text in ["{\(format)}", "[{\(format)}]"] {
        let error = #expect(throws: JSONProblem.self) { _ = try Receipt.read(Array(text.utf8), source: "receipt.json") }
        #expect(error?.problem == said)
      }
    }
  }
}
