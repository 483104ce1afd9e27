import Market
import Postgres
import Signing
import TestSupport
import Testing

@testable import Door
@testable import DoorClient

/// What an operator, an administrator or a door that was taken over cannot do: enter, alter or withdraw a company's bid so that
/// it counts. It is set aside by rule, published, and found by whoever verifies.
@Suite struct ForgeryTests {
  /// Appends an entry as the database's owner would, without the company or with a signature of another.
  private func forge(
    _ market: DoorMarket, kind: String, bid: String?, key: String, body: String, signature: [UInt8]?
  ) throws {
    let id: Int64 = try market.administer("SELECT company_id FROM market.company WHERE name = 'acme'").one().get(
      "company_id")
    _ = try market.administer(
      "SELECT market.append_entry(\(id), 'r', \(bid), \(kind), NULL, \(key), \(body), \(signature ?? [0]))")
    guard signature == nil else { return }
    var admin = try market.market.connect(nil)
    try admin.script("ALTER TABLE market.entry DISABLE TRIGGER append_only")
    try admin.query(
      """
      UPDATE market.entry e SET signature = NULL, hash = market.entry_hash('r', 'acme', e.bid, e.kind, e.parent, e.key, e.salt,
        market.exact_time(e.accepted_at), e.body) WHERE e.key = \(key)
      """)
    try admin.script("ALTER TABLE market.entry ENABLE TRIGGER append_only")
  }

  @Test func forgedEntriesCountForNothing() throws {
    let market = try DoorMarket()
    let body = try TestMarket.block().body
    let bid = try market.place(TestMarket.block(), key: "k1").bid
    let second = try market.place(TestMarket.block(), key: "k2").bid
    // A bid nobody signed, a bid signed by a rival, a withdrawal, and an amendment under a signature for another body.
    try forge(market, kind: "place", bid: nil, key: "f1", body: body, signature: nil)
    let stolen = try #require(
      EntrySignature(text: try market.place(TestMarket.block(), key: "z1", as: "zephyr").signature ?? ""))
    try forge(market, kind: "place", bid: nil, key: "f2", body: body, signature: stolen.bytes)
    try forge(market, kind: "withdraw", bid: bid, key: "f3", body: "", signature: nil)
    let reused = try #require(
      EntrySignature(
        text: try market.enter([
          .init(kind: "amend", bid: second, key: "k3", body: try TestMarket.block(limit: "2.20").body)
        ])[0].signature ?? ""))
    try forge(
      market, kind: "amend", bid: second, key: "f4", body: try TestMarket.block(limit: "9.00").body,
      signature: reused.bytes)

    let outcome = try market.clear()
    #expect(outcome.ending == .published)
    #expect(outcome.bids == 3, "the bids of acme and zephyr stand, the forged ones do not")
    let limits: [String] = try market.administer(
      "SELECT e.key FROM market.award a JOIN market.entry e USING (entry_id) ORDER BY e.key"
    ).map { try $0.get("key") }
    #expect(limits == ["k1", "k3", "z1"])
    let reasons: [String] = try market.administer(
      "SELECT reason FROM market.set_aside JOIN market.seal USING (entry_id) ORDER BY position"
    ).map { try $0.get("reason") }
    #expect(
      reasons == [
        "its company did not sign it", "it is signed by a key that is none of its company's",
        "its company did not sign it", "its signature is not that of its company over these fields",
      ])
    let (problems, said) = try market.verify()
    #expect(problems.isEmpty, "\(problems)")
    #expect(said.contains("4 entries are set aside"))
    #expect(
      try market.administer("SELECT string_agg(i, '; ') AS problems FROM market.check_invariants() i").one()
        .optional("problems", as: String.self) == nil)
  }

  /// Setting aside is no choice: what the database sets aside without reason, the clearing refuses to leave out.
  @Test func aGoodBidCannotBeSetAside() throws {
    let market = try DoorMarket()
    _ = try market.place(TestMarket.block(), key: "k1")
    try market.market.close("r")
    var clearing = try market.market.asClearing()
    try clearing.query("SELECT market.set_aside_entries('r', ARRAY[1], ARRAY['because'])")
    let problem = #expect(throws: TrustProblem.self) { try ClearingJob().run("r", &clearing) }
    #expect(problem?.problem.contains("stands by the entries, and the database leaves it out") == true)
  }

  /// A signature that is changed after the receipt breaks the entry's hash.
  @Test func aSpoiltSignatureIsTampering() throws {
    let market = try DoorMarket()
    _ = try market.place(TestMarket.block(), key: "k1")
    var admin = try market.market.connect(nil)
    try admin.script(
      """
      ALTER TABLE market.entry DISABLE TRIGGER append_only;
      UPDATE market.entry SET signature = set_byte(signature, 40, (get_byte(signature, 40) + 1) % 256);
      ALTER TABLE market.entry ENABLE TRIGGER append_only;
      """)
    let problem = #expect(throws: TrustProblem.self) { _ = try market.clear() }
    #expect(problem?.problem.contains("its hash is not that of its fields") == true)
  }

  /// A key revoked, or one that may only read, enters nothing from that moment on.
  @Test func revokedAndReadingKeysEnterNothing() throws {
    let market = try DoorMarket()
    _ = try market.place(TestMarket.block(), key: "k1")
    let reading = try CompanyKey.make(company: "acme", file: market.folder + "/reader.key")
    var connection = try market.market.asOperator()
    try connection.query("SELECT market.register_key('acme', 'bob', false, \(reading.publicKey))")
    var reader = try DoorClient(market: market.address, key: reading)
    reader.retries = 0
    #expect(try reader.ask("GET", "/v1/account").at("member").string() == "bob")
    let (id, terms) = (try market.marketID(), try market.terms())
    let wish = DoorClient.Wish(kind: "place", key: "k2", body: try TestMarket.block().body)
    let refused = #expect(throws: DoorClient.Refusal.self) {
      try reader.enter([wish], round: "r", market: id, terms: terms)
    }
    #expect(refused?.status == 403 && refused?.problems.first?.message == "this key may read and not bid")

    try connection.query("SELECT market.revoke_key(\(try market.key("acme").publicKey))")
    let revoked = #expect(throws: DoorClient.Refusal.self) {
      try market.client().enter([wish], round: "r", market: id, terms: terms)
    }
    #expect(revoked?.status == 403)
    // What it signed before stands.
    #expect(try market.clear().bids == 1)
    #expect(try market.verify().problems.isEmpty)
  }

  /// A company that has keys cannot be bid for by a login, and the door's role reaches nothing else.
  @Test func loginsOfSigningCompaniesPlaceNothing() throws {
    let market = try DoorMarket()
    let login: String = try market.administer("SELECT login_role FROM market.company WHERE name = 'acme'").one().get(
      "login_role")
    let refused = #expect(throws: PostgresError.self) {
      try market.market.place(TestMarket.block(), as: login, in: "r")
    }
    #expect(refused?.message == "this company signs its bids")
    var door = try market.market.connect("market_door")
    for statement: SQL in [
      "SELECT * FROM market.entry", "SELECT * FROM market.company_key", "INSERT INTO market.set_aside VALUES (1, 'x')",
      "SELECT market.register_key('acme', 'x', true, '\\x00')", "SELECT market.close_round('r')",
      "SELECT market.append_entry(1, 'r', NULL, 'place', NULL, 'k', '{}', NULL)",
    ] {
      let refusal = #expect(throws: PostgresError.self) { _ = try door.query(statement) }
      #expect(refusal?.sqlState == "42501", "\(statement)")
    }
  }
}
