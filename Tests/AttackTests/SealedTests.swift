import Foundation
import Market
import Postgres
import TestSupport
import Testing
import Units

/// The bids of a rival, as the attacks below look for them: their numbers and names occur nowhere else.
struct Rival {
  static let name = "zephyr-rival"
  static let limit = "7.7731"
  static let key = "rival-secret-key"

  let login: String
  let receipts: [Receipt]

  /// Places, amends and withdraws for the rival.
  init(_ market: TestMarket, _ login: String, round: String) throws {
    self.login = login
    var connection = try market.connect(login)
    var receipts: [Receipt] = []
    for number in 0..<12 {
      let bid = try TestMarket.block(gpus: 8 * (1 + number % 7), slots: 3 + number % 5, limit: Self.limit)
      receipts.append(
        try OrderBook.place(bid, in: round, parent: nil, key: "\(Self.key)-\(number)", &connection))
    }
    receipts.append(
      try OrderBook.amend(
        receipts[0].bid, to: TestMarket.block(gpus: 56, limit: Self.limit), in: round, parent: nil,
        key: "\(Self.key)-amend", &connection))
    receipts += try OrderBook.withdraw(receipts[1].bid, in: round, key: "\(Self.key)-withdraw", &connection)
    self.receipts = receipts
  }

  /// Texts that would give the rival away. Its login is in the list of roles, and names nobody.
  var secrets: [String] {
    [Self.name, Self.key, "7773100", Self.limit] + receipts.flatMap { [$0.bid, $0.hash, $0.salt, $0.acceptedAt] }
  }
}

/// What may a role read that changes when a rival bids? Every relation and every function that it may use is tried.
@Suite("Sealed bids", .serialized)
struct SealedTests {
  /// PostgreSQL's own estimate of table sizes, which says that the book grows, and statistics, which a role reads of what it may
  /// read only; vacuum and analyze write them when they will.
  static let growth: Set<String> = ["FROM pg_class AS", "FROM pg_stats AS"]

  static let server = Result { try TestServer.durable() }

  @Test(arguments: ["company", "market_operator", "market_finance", "market_auditor"])
  func nothingReadableChangesWhenARivalBids(_ who: String) throws {
    // A server of its own: on a shared one other tests make databases and roles.
    let market = try TestMarket(on: Self.server.get(), afresh: true)
    try market.addPool()
    let acme = try market.addCompany("acme")
    let rivalLogin = try market.addCompany(Rival.name, credit: "1000000")
    let round = try market.openRound()
    try market.place(TestMarket.block(), as: acme, in: round)
    var spy = try market.connect(who == "company" ? acme : who)
    // A rival that is connected all the time, so that only its bids make the difference.
    var idle = try market.connect(rivalLogin)
    _ = try idle.query("SELECT 1")

    let probes = try Self.probes(&spy)
    #expect(probes.count > 300)
    _ = Self.digests(probes, &spy)
    let quiet = [Self.digests(probes, &spy), Self.digests(probes, &spy)]
    let rival = try Rival(market, rivalLogin, round: round)
    let after = Self.digests(probes, &spy)

    var restless: [String] = []
    for (at, probe) in probes.enumerated() {
      let isGrowth = Self.growth.contains(where: probe.contains)
      if quiet[0][at] != quiet[1][at] || (isGrowth && quiet[1][at] != after[at]) {
        restless.append(probe)
      } else {
        #expect(quiet[1][at] == after[at], "\(probe) changed")
      }
    }
    for text in Self.readings(restless, &spy) {
      for secret in rival.secrets where secret != Rival.name { #expect(!text.contains(secret)) }
    }
    // What changes by itself are clocks and dice, and they are known.
    let expected =
      /cursor|clock_timestamp|statement_timestamp|transaction_timestamp|now\(|timeofday|random|inet_|pg_backend/
    let unexpected = restless.filter { probe in
      probe.firstMatch(of: expected) == nil && !probe.contains("market.rounds")
        && !Self.growth.contains(where: probe.contains)
    }
    #expect(unexpected == [])
  }

  /// A statement for each relation that the role may read, and for each function without side effects that it may call
  /// with no argument or with the book's name or number. (The information schema shows nothing that pg_catalog does not.)
  static func probes(_ connection: inout Connection) throws -> [String] {
    var probes: [String] = []
    let relations = """
      SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND n.nspname !~ '^(pg_toast|information_schema)' ORDER BY 1
      """
    for row in try connection.query(SQL(unsafeRaw: relations)) {
      probes.append("SELECT t::text AS reading FROM \(try row.get("name", as: String.self)) AS t")
    }
    let functions = """
      SELECT p.oid::regproc::text AS name, coalesce(p.proargtypes[0]::regtype::text, '') AS argument
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
      WHERE p.prokind = 'f' AND n.nspname IN ('pg_catalog', 'market', 'ledger')
        AND has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE')
        AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype)
        AND p.proname NOT IN ('current_setting', 'pg_terminate_backend', 'pg_cancel_backend')
        AND (p.pronargs = 0 OR p.pronargs = 1 AND (p.proargtypes[0] IN ('oid'::regtype, 'regclass'::regtype)
          OR n.nspname = 'market' AND p.proargtypes[0] = 'text'::regtype)) ORDER BY 1, 2
      """
    let tables = try connection.query(
      """
      SELECT c.oid::text AS id FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = 'market' AND c.relname IN ('entry', 'entry_pkey', 'bid', 'company_round', 'entry_entry_id_seq')
      """
    ).map { try $0.get("id", as: String.self) }
    for row in try connection.query(SQL(unsafeRaw: functions)) {
      let name: String = try row.get("name")
      switch try row.get("argument", as: String.self) {
      case "": probes.append("SELECT t::text AS reading FROM \(name)() AS t")
      case "text": probes.append("SELECT t::text AS reading FROM \(name)(NULL) AS t")
      default: probes += tables.map { "SELECT t::text AS reading FROM \(name)(\($0)) AS t" }
      }
    }
    return probes
  }

  static func digests(_ probes: [String], _ connection: inout Connection) -> [String] {
    readings(
      probes.map { "SELECT md5(string_agg(x.reading, ',' ORDER BY x.reading)) AS reading FROM (\($0)) AS x" },
      &connection)
  }

  static func readings(_ probes: [String], _ connection: inout Connection) -> [String] {
    probes.map { probe in
      do {
        return try connection.query(SQL(unsafeRaw: probe)).map { try $0.optional("reading", as: String.self) ?? "" }
          .sorted().joined(separator: "\n")
      } catch {
        return "\(error)"
      }
    }
  }
}
