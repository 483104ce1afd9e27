import Foundation
import Market
import Postgres
import TestSupport
import Testing
import Units

/// What a bidder may try, over its own login, and what must come of it.
@Suite("Attacks by a bidder")
struct AttackTests {
  let market: TestMarket
  let acme: String
  let rival: Rival
  let round: String

  init() throws {
    market = try TestMarket(afresh: true)
    try market.addPool()
    acme = try market.addCompany("acme")
    round = try market.openRound()
    rival = try Rival(market, try market.addCompany(Rival.name), round: round)
  }

  /// An entry for a bid that nobody placed would make the round impossible to clear, for ever.
  @Test func whatIsNotNamedWritesNoEntry() throws {
    let body = try TestMarket.block().body
    var bidder = try market.connect(acme)
    for call: SQL in [
      "SELECT market.withdraw_bid(\(round), NULL, 'k')", "SELECT market.amend_bid(\(round), NULL, 'k', \(body))",
      "SELECT market.place_bid(\(round), 'k', NULL)", "SELECT market.place_bid(\(round), NULL, \(body))",
      "SELECT market.amend_bid(\(round), 'b_none', 'k', NULL)",
      "SELECT market.place_bids(\(round), ARRAY['k'], ARRAY[NULL]::text[], NULL)",
    ] {
      let error = refusal { try bidder.query(call) }
      #expect(error?.sqlState.hasPrefix("GM4") == true, "\(call): \(String(describing: error))")
    }
    var owner = try market.connect(nil)
    #expect(try owner.query("SELECT FROM market.entry WHERE key = 'k'").isEmpty)
    try market.close(round)
    var clearing = try market.asClearing()
    #expect(try ClearingJob().run(round, &clearing).ending == .published)
  }

  /// Each must be refused, whatever for; %R is the rival's login, %B a bid of the rival.
  static let refused = [
    "SELECT * FROM market.entry", "SELECT count(*) FROM market.bid", "TABLE market.company",
    "SELECT 1 FROM market.entry WHERE false", "EXPLAIN SELECT * FROM market.entry",
    "EXPLAIN ANALYZE SELECT * FROM market.bid WHERE exposure > 1", "COPY market.entry TO STDOUT",
    "COPY (SELECT * FROM market.entry) TO STDOUT", "COPY market.entry TO PROGRAM 'cat'",
    "COPY market.entry TO '/tmp/x'",
    "INSERT INTO market.entry DEFAULT VALUES", "UPDATE market.round SET gate = gate + '1 day'",
    "DELETE FROM market.bid", "TRUNCATE market.entry", "LOCK TABLE market.round", "DROP TABLE market.entry",
    "ALTER TABLE market.entry DISABLE TRIGGER ALL", "ALTER TABLE market.entry DISABLE ROW LEVEL SECURITY",
    "CREATE POLICY p ON market.entry USING (true)", "GRANT SELECT ON market.entry TO PUBLIC",
    "CREATE INDEX ON market.entry (body)", "ANALYZE market.entry; SELECT * FROM market.entry",
    "REINDEX TABLE market.entry", "CREATE STATISTICS s ON round_id, company_id FROM market.entry",
    "SELECT nextval('market.entry_entry_id_seq')", "SELECT last_value FROM market.entry_entry_id_seq",
    "SELECT pg_sequence_last_value('market.entry_entry_id_seq')", "SELECT currtid2('market.entry', '(0,1)')",
    "SELECT query_to_xml('TABLE market.entry', true, true, '')", "SELECT table_to_xml('market.entry', true, true, '')",

    "SELECT cursor_to_xml(r, 1, true, true, '') FROM (SELECT 'c'::refcursor AS r) x",
    "DO $$ BEGIN PERFORM FROM market.entry; END $$",
    "SELECT * FROM pg_stat_user_tables", "SELECT * FROM pg_stat_activity", "SELECT * FROM pg_stat_database",
    "SELECT * FROM pg_statio_user_tables", "SELECT * FROM pg_stat_user_functions", "SELECT * FROM pg_locks",
    "SELECT * FROM pg_stat_wal", "SELECT * FROM pg_stat_bgwriter", "SELECT * FROM pg_stat_xact_user_tables",
    "SELECT pg_stat_get_tuples_inserted('market.entry'::regclass)", "SELECT * FROM pg_stat_progress_vacuum",
    "SELECT pg_relation_size('market.entry')", "SELECT pg_total_relation_size('market.entry')",
    "SELECT pg_database_size(current_database())", "SELECT pg_current_wal_insert_lsn()", "SELECT txid_current()",
    "SELECT pg_current_xact_id()", "SELECT pg_current_snapshot()", "SELECT pg_get_multixact_members('1')",
    "SELECT pg_export_snapshot()", "SELECT * FROM pg_control_checkpoint()", "SELECT pg_last_committed_xact()",
    "SELECT age('3'::xid)", "SELECT mxid_age('1'::xid)", "SELECT pg_logical_emit_message(false, 'x', 'y')",
    "SELECT pg_logical_emit_message(true, 'x', 'y'::bytea)",
    "SELECT pg_read_file('PG_VERSION')", "SELECT pg_ls_dir('.')", "SELECT pg_stat_file('base')",
    "SELECT pg_read_binary_file('global/pg_control')", "SELECT lo_create(0)", "SELECT lo_import('/etc/passwd')",
    "SELECT lo_from_bytea(0, 'x')", "SELECT pg_advisory_lock(1)", "SELECT pg_try_advisory_xact_lock(1)",
    "SELECT pg_notify('round', 'closed')", "SELECT * FROM pg_prepared_xacts", "SELECT * FROM pg_replication_slots",
    "SELECT * FROM pg_authid", "SELECT * FROM pg_shadow", "SELECT * FROM pg_statistic",
    "SELECT * FROM pg_hba_file_rules",
    "SELECT * FROM pg_config", "SELECT * FROM pg_file_settings", "SELECT * FROM pg_shmem_allocations",
    "SELECT * FROM pg_backend_memory_contexts", "SELECT pg_reload_conf()", "SELECT pg_switch_wal()",
    "SET ROLE market_owner", "SET ROLE market_operator", "SET ROLE market_clearing", "SET ROLE \"%R\"",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION \"%R\"", "SET SESSION AUTHORIZATION market_owner", "ALTER ROLE \"%R\" PASSWORD 'x'",
    "ALTER ROLE market_owner LOGIN", "CREATE ROLE mole", "GRANT market_owner TO CURRENT_USER",
    "GRANT \"%R\" TO CURRENT_USER", "ALTER ROLE CURRENT_USER SUPERUSER", "ALTER ROLE CURRENT_USER BYPASSRLS",
    "ALTER ROLE CURRENT_USER CONNECTION LIMIT -1", "ALTER ROLE market_clearing SET search_path = 'mole'",
    "ALTER DATABASE CURRENT_CATALOG SET search_path = 'mole'", "ALTER SYSTEM SET log_statement = 'all'",
    "CREATE SCHEMA mole", "CREATE TABLE public.now (x int)", "CREATE TEMP TABLE round (x int)",
    "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT null::timestamptz'",
    "CREATE FUNCTION market.pools(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION pg_temp.sha256(text) RETURNS bytea LANGUAGE sql AS 'SELECT null::bytea'",
    "CREATE OPERATOR public.|| (leftarg = text, rightarg = text, function = textcat)",
    "CREATE OR REPLACE FUNCTION market.current_company() RETURNS bigint LANGUAGE sql AS 'SELECT 1'",
    "CREATE CAST (text AS bytea) WITHOUT FUNCTION", "CREATE EXTENSION pg_stat_statements", "CREATE EXTENSION dblink",
    "LOAD 'auto_explain'", "CREATE PUBLICATION p FOR ALL TABLES", "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p",
    "CREATE EVENT TRIGGER t ON ddl_command_start EXECUTE FUNCTION market.refuse_change()", "CREATE LANGUAGE plperl",
    "COMMENT ON TABLE market.entry IS 'x'", "SECURITY LABEL ON TABLE market.entry IS 'x'",
    "VACUUM FULL pg_class; TABLE market.bid",
    "SET session_preload_libraries = 'x'", "SET log_min_messages = debug5", "SET log_executor_stats = on",
    "SET session_replication_role = replica", "SET row_security = off; SELECT * FROM market.entry",
    "CHECKPOINT",
    "SELECT market.append_entry(1, 'r', null, 'place', null, 'k', '{}', null)", "SELECT market.seal_round(1)",
    "SELECT * FROM market.sealed_book('2036-12-01')", "SELECT * FROM market.due_rounds()",
    "SELECT * FROM market.companies()", "SELECT market.company_exposure(1)", "SELECT ledger.owed(2)",
    "SELECT market.awards(null)", "SELECT market.company_payments('2036-12-01')",
    "SELECT market.close_round('2036-12-01')",
    "SELECT market.cancel_round('2036-12-01', 'x')", "SELECT market.publish_round('2036-12-01', '', '{}')",
    "SELECT market.set_credit('acme', 1)", "SELECT market.add_company('x', 1, 'y')",
    "SELECT market.end_company_sessions('acme')", "SELECT market.lock_company(1, '0')",
    "SELECT market.change_login('%R', 'NOLOGIN')", "SELECT market.change_own_password('a plain password')",
    "SELECT market.change_own_password(NULL)", "SELECT market.end_sessions('%R')", "SELECT market.check_verifier('x')",
    "SELECT market.rotate_company('rival', 'SCRAM-SHA-256$4096:x')",
    "SELECT market.receipt(null, null, null)",
    "SELECT market.award_rows(null, null)", "SELECT market.current_company()", "SELECT market.random_id('x')",
    "SELECT market.company_named('x')", "SELECT (market.round_named('2036-12-01')).gate",
    "SELECT market.refuse('a', 'b', 'c')", "SELECT market.amend_bid('2036-12-01', '%B', 'k', '{}')",
    "SELECT market.withdraw_bid('2036-12-01', '%B', 'k')",
  ]

  @Test func everyForbiddenStatementIsRefused() throws {
    var spy = try market.connect(acme)
    for text in Self.refused {
      let attack = text.replacing("%R", with: rival.login).replacing("%B", with: rival.receipts[0].bid)
      do {
        let rows = try spy.attempt(attack)
        Issue.record("\(attack) gave \(rows) rows")
      } catch {
        for secret in rival.secrets where !attack.contains(secret) {
          #expect(!"\(error)".contains(secret), "\(attack): \(error)")
        }
      }
    }
  }

  @Test func refusalsDoNotTellARivalsBidFromNone() throws {
    var spy = try market.connect(acme)
    let body = try TestMarket.block().body
    let (real, none) = (rival.receipts[0].bid, "b_" + String(repeating: "0", count: 32))
    for attack in [
      "SELECT market.place_bid('\(round)', 'k', '\(body)', '%B')",
      "SELECT market.amend_bid('\(round)', '%B', 'k', '\(body)')",
      "SELECT market.withdraw_bid('\(round)', '%B', 'k')", "SELECT * FROM market.my_bid_history('%B')",
      "SELECT * FROM market.my_bids('%B')",
    ] {
      let answers = [real, none].map { bid in
        do {
          return "\(try spy.attempt(attack.replacing("%B", with: bid)))"
        } catch { return "\(error)".replacing(bid, with: "%B") }
      }
      #expect(answers[0] == answers[1])
    }
    let keys = rival.receipts.map(\.key)
    #expect(!keys.isEmpty)
    #expect(try spy.query("SELECT market.my_receipts(\(keys)::text[])").isEmpty)
    // A rival's idempotency key is as free as any other.
    #expect(try market.place(TestMarket.block(), as: acme, in: round, key: "\(Rival.key)-0").company == "acme")
  }

  @Test func settingsCannotTurnTheDoorAround() throws {
    var spy = try market.connect(acme)
    for setting in [
      "search_path = 'mole', market, pg_catalog", "role = market_company", "transform_null_equals = on",
      "standard_conforming_strings = off", "bytea_output = 'escape'", "timezone = 'Asia/Tokyo'",
      "datestyle = 'SQL, DMY'",
      "intervalstyle = 'sql_standard'", "lc_numeric = 'C'", "xmloption = document", "check_function_bodies = off",
      "plan_cache_mode = force_generic_plan", "market.throwaway = on",
      "extra_float_digits = -15", "quote_all_identifiers = on", "array_nulls = off", "lo_compat_privileges = off",
    ] {
      do { try spy.script("SET \(setting)") } catch { continue }
    }
    let receipt = try OrderBook.place(TestMarket.block(), in: round, parent: nil, key: "turned", &spy)
    #expect(receipt.company == "acme" && receipt.acceptedAt.hasSuffix("Z"))
    try market.close(round)
    var auditor = try market.connect(nil)
    let sound: Bool = try auditor.query(
      """
      SELECT bool_and(e.hash = market.entry_hash(r.name, c.name, e.bid, e.kind, e.parent, e.key, e.salt,
        market.exact_time(e.accepted_at), e.body)) AS sound
      FROM market.entry e JOIN market.round r USING (round_id) JOIN market.company c USING (company_id)
      """
    ).one().get("sound")
    #expect(sound)
  }

  @Test func aListenerHearsNothing() throws {
    var spy = try market.connect(acme)
    for channel in ["round", "market", "bid", "entry", "clearing"] { try spy.script("LISTEN \(channel)") }
    try market.place(TestMarket.block(), as: rival.login, in: round)
    try market.close(round)
    #expect(try spy.query("SELECT * FROM pg_listening_channels()").count == 5)
    var owner = try market.connect(nil)
    let notifying: Int = try owner.query(
      """
      SELECT count(*) AS n FROM pg_proc WHERE pronamespace IN ('market'::regnamespace, 'ledger'::regnamespace)
        AND prosrc ~* '(pg_notify|\\mnotify\\M|advisory)'
      """
    ).one().get("n")
    #expect(notifying == 0, "nothing of the market signals what others could hear or hold")
  }

  /// What the server says of how it ran a company's own call: plans, pages, the log, its own statements.
  @Test func explainingOnesOwnCallsShowsNothingOfARival() throws {
    var spy = try market.connect(acme)
    let body = try TestMarket.block().body
    var said: [String] = []
    for call in [
      "SELECT market.place_bid('\(round)', 'explained', '\(body)')", "SELECT * FROM market.my_bids(NULL)",
      "SELECT * FROM market.round_result('\(round)')", "SELECT * FROM market.rounds()",
      "SELECT * FROM market.my_account()", "SELECT market.my_proof('\(rival.receipts[0].hash)')",
      "SELECT * FROM market.my_bid_history('\(rival.receipts[0].bid)')",
    ] {
      for options in ["VERBOSE", "ANALYZE, VERBOSE, BUFFERS, WAL, SETTINGS", "ANALYZE, BUFFERS, FORMAT JSON"] {
        do {
          let rows = try spy.query(SQL(unsafeRaw: "EXPLAIN (\(options)) \(call)"))
          for row in rows {
            said.append(try row.get("QUERY PLAN", as: String.self))
          }
        } catch { said.append("\(error)") }
      }
    }
    try spy.script("SET client_min_messages = debug1; SET debug_print_plan = on; SET debug_print_rewritten = on")
    _ = try spy.query("SELECT market.place_bid(\(round), 'printed', \(body))")
    said += spy.takeNotices()
    #expect(said.count > 20)
    for text in said {
      for secret in rival.secrets where !rival.receipts.map(\.hash).contains(secret) && secret != rival.receipts[0].bid
      {
        #expect(!text.contains(secret))
      }
    }
  }

  /// A key is a company's own: a rival that holds the same one in an open transaction makes nobody wait, as a key that is
  /// unique in the whole book would, and so tell that it is in use.
  @Test func aRivalsOpenBidDelaysNobody() throws {
    var other = try market.connect(rival.login)
    try other.script("BEGIN")
    _ = try OrderBook.place(TestMarket.block(), in: round, parent: nil, key: "shared", &other)
    var spy = try market.connect(acme)
    // Far longer than a bid takes on the slowest machine, far shorter than the rival holds its own.
    try spy.script("SET lock_timeout = '30s'")
    let receipt = try OrderBook.place(TestMarket.block(), in: round, parent: nil, key: "shared", &spy)
    #expect(receipt.company == "acme")
    #expect(try OrderBook.mine(round: round, &spy).count == 1)
    try other.script("COMMIT")
  }

  @Test func neighbouringDatabasesAreClosed() throws {
    for database in ["postgres", "template1"] {
      #expect(throws: PostgresError.self) {
        _ = try Connection(conninfo: TestServer.shared().conninfo(user: acme, database: database))
      }
    }
  }

  @Test func aBidLeftOpenCannotHoldTheGate() throws {
    var spy = try market.connect(acme)
    try spy.script("SET idle_in_transaction_session_timeout = 0; BEGIN")
    let unacknowledged = try OrderBook.place(TestMarket.block(), in: round, parent: nil, key: "held", &spy)
    try market.close(round)
    #expect(throws: PostgresError.self) { try spy.script("COMMIT") }
    var clearing = try market.asClearing()
    let book = try SealedBook.load(round, &clearing)
    #expect(!book.entries.contains { $0.id == unacknowledged.bid })
    #expect(book.entries.count == 11)

    // After the gate neither a retry nor a late bid takes a lock.
    var late = try market.connect(rival.login)
    try late.script("BEGIN")
    _ = try OrderBook.place(
      TestMarket.block(gpus: 8, slots: 3, limit: Rival.limit), in: round, parent: nil, key: "\(Rival.key)-0", &late)
    var asOperator = try market.asOperator()
    try asOperator.script("SET lock_timeout = '1s'")
    #expect(try Rounds.cancel(round, reason: "test", &asOperator) == "cancelled")
  }
}
