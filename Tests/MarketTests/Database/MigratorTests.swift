import Foundation
import Market
import Postgres
import TestSupport
import Testing

/// What migrating does to a database, and which it refuses.
@Suite("Migrator")
struct MigratorTests {
  /// A copy of the checkout's `sql` that a test may change.
  struct Tree {
    let folder: String

    init() throws {
      folder = try TestServer.shared().folder + "/sql-\(UUID().uuidString)"
      try FileManager.default.copyItem(atPath: TestMarket.sqlFolder, toPath: folder)
    }

    func write(_ text: String, to path: String) throws {
      let file = "\(folder)/\(path)"
      try FileManager.default.createDirectory(
        atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try text.write(toFile: file, atomically: true, encoding: .utf8)
    }

    func replace(_ old: String, with new: String, in path: String) throws {
      let text = try String(contentsOfFile: "\(folder)/\(path)", encoding: .utf8)
      #expect(text.contains(old), "\(path) has no \(old)")
      try write(text.replacing(old, with: new), to: path)
    }

    @discardableResult
    func migrate(_ connection: inout Connection) throws -> [String] {
      try Migrator(folder: folder).migrate(&connection, slotLength: nil)
    }

    /// What it says when it refuses.
    func refusal(_ connection: inout Connection) -> String {
      #expect(throws: Migrator.Problem.self) { try migrate(&connection) }?.description ?? "it did not"
    }
  }

  private func emptyDatabase() throws -> Connection {
    let server = try TestServer.shared()
    return try Connection(conninfo: server.conninfo(database: server.makeDatabase()))
  }

  private func one(_ expression: String, _ connection: inout Connection) throws -> String {
    try connection.query(SQL(unsafeRaw: "SELECT (\(expression))::text AS it")).one().get("it")
  }

  /// Every function and trigger with its owner and rights, as text.
  static func catalogue(_ connection: inout Connection) throws -> Set<String> {
    Set(
      try connection.query(
        """
        SELECT concat_ws(' ', p.oid::regprocedure, p.proowner::regrole,
          (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(p.proacl) a), pg_get_functiondef(p.oid)) AS made
        FROM pg_proc p WHERE p.pronamespace IN ('market'::regnamespace, 'ledger'::regnamespace)
        UNION ALL
        SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE NOT t.tgisinternal
        """
      ).map { try $0.get("made") })
  }

  @Test func appliesEachFileOnce() throws {
    var connection = try emptyDatabase()
    let migrator = try Migrator(folder: TestMarket.sqlFolder)
    let first = try migrator.migrate(&connection, slotLength: .halfHour)
    let status = try migrator.status(&connection)
    #expect(first == status.map(\.name) && first.last == "functions")
    #expect(status.allSatisfy { $0.appliedAt != nil })
    #expect(try migrator.migrate(&connection, slotLength: nil).isEmpty)
    #expect(throws: PostgresError.self) { try migrator.migrate(&connection, slotLength: .hour) }
  }

  @Test func refusesATableFileThatChanged() throws {
    var connection = try emptyDatabase()
    let tree = try Tree()
    try tree.migrate(&connection)
    try tree.replace("-- The order book", with: "-- An order book", in: "tables/003_rounds_and_bids.sql")
    let said = tree.refusal(&connection)
    #expect(said.contains("tables/003_rounds_and_bids.sql has changed since it was applied"))
    #expect(said.contains("new file with the next number"))
  }

  @Test func aNewTableIsHiddenAsTheOthersAre() throws {
    var connection = try emptyDatabase()
    let tree = try Tree()
    try tree.migrate(&connection)
    try tree.write("CREATE TABLE market.extra (x integer);", to: "tables/900_extra.sql")
    #expect(try tree.migrate(&connection) == ["tables/900_extra.sql", "functions"])
    #expect(
      try one("SELECT relforcerowsecurity FROM pg_class WHERE oid = 'market.extra'::regclass", &connection) == "true")
    // The tool before it keeps off.
    #expect(try Tree().refusal(&connection).contains("this database has tables/900_extra.sql, which"))
  }

  @Test func functionsAreAppliedAgainAndNeverTakenBack() throws {
    var connection = try emptyDatabase()
    let (older, newer) = (try Tree(), try Tree())
    try newer.replace("' USD'", with: "' dollars'", in: "functions/access/show.sql")
    try newer.write("1000\n", to: "version")
    try older.migrate(&connection)
    #expect(try newer.migrate(&connection) == ["functions"])
    #expect(try one("market.show_usd(1000000)", &connection) == "1.00 dollars")
    #expect(try newer.migrate(&connection).isEmpty)
    let said = older.refusal(&connection)
    #expect(said.contains("has the functions of version 1000, and \(older.folder) has version"))
    #expect(said.hasSuffix("it belongs to a newer version; use that version"))
    #expect(try one("market.show_usd(1000000)", &connection) == "1.00 dollars")
    // A change that is taken back is a version of its own.
    try older.write("1001\n", to: "version")
    #expect(try older.migrate(&connection) == ["functions"])
    #expect(try one("market.show_usd(1000000)", &connection) == "1.00 USD")
  }

  @Test func theDatabaseHasJustWhatTheFilesMake() throws {
    var connection = try emptyDatabase()
    let tree = try Tree()
    try tree.migrate(&connection)
    let plain = try Self.catalogue(&connection)
    try tree.write(
      """
      CREATE OR REPLACE FUNCTION market.extra(x integer) RETURNS integer LANGUAGE sql AS $$ SELECT x $$;
      GRANT EXECUTE ON FUNCTION market.extra(integer) TO market_finance, PUBLIC;
      CREATE OR REPLACE FUNCTION market.extra_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
      CREATE OR REPLACE TRIGGER extra AFTER INSERT ON market.pool FOR EACH ROW EXECUTE FUNCTION market.extra_row();
      """, to: "functions/extra/extra.sql")
    try tree.migrate(&connection)
    let rights = "SELECT proacl FROM pg_proc WHERE proname = 'extra'"
    #expect(try one(rights, &connection) == "{market_owner=X/market_owner,market_finance=X/market_owner}")
    // Other parameters, another result, fewer rights.
    try tree.write(
      """
      CREATE OR REPLACE FUNCTION market.extra(y integer) RETURNS text LANGUAGE sql AS $$ SELECT 'now ' || y $$;
      GRANT EXECUTE ON FUNCTION market.extra(integer) TO market_auditor;
      CREATE OR REPLACE FUNCTION market.extra_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
      CREATE OR REPLACE TRIGGER extra AFTER INSERT ON market.pool FOR EACH ROW EXECUTE FUNCTION market.extra_row();
      """, to: "functions/extra/extra.sql")
    try tree.migrate(&connection)
    #expect(try one("market.extra(y => 7)", &connection) == "now 7")
    #expect(try one(rights, &connection) == "{market_owner=X/market_owner,market_auditor=X/market_owner}")
    #expect(try Self.catalogue(&connection).subtracting(plain).count == 3)
    // What is gone from the tree is gone from the database; all else stands as it did.
    try FileManager.default.removeItem(atPath: tree.folder + "/functions/extra")
    try tree.migrate(&connection)
    #expect(try Self.catalogue(&connection) == plain)
  }

  @Test func theOrderOfFilesDoesNotMatter() throws {
    let tree = try Tree()
    let areas = try FileManager.default.contentsOfDirectory(atPath: tree.folder + "/functions").sorted()
    for (number, area) in areas.reversed().enumerated() {
      try FileManager.default.moveItem(
        atPath: "\(tree.folder)/functions/\(area)", toPath: "\(tree.folder)/functions/\(10 + number)_\(area)")
    }
    // And one that needs another when it is made, not only when it is called.
    try tree.write(
      "CREATE OR REPLACE FUNCTION market.early(x text DEFAULT market.late()) RETURNS text LANGUAGE sql AS $$ SELECT x $$;",
      to: "functions/00_early/early.sql")
    try tree.write(
      "CREATE OR REPLACE FUNCTION market.late() RETURNS text LANGUAGE sql AS $$ SELECT 'it came later' $$;",
      to: "functions/99_late/late.sql")
    var straight = try emptyDatabase()
    var reversed = try emptyDatabase()
    _ = try Migrator(folder: TestMarket.sqlFolder).migrate(&straight, slotLength: nil)
    try tree.migrate(&reversed)
    #expect(try one("market.early()", &reversed) == "it came later")
    let (one, other) = (try Self.catalogue(&straight), try Self.catalogue(&reversed))
    #expect(one.count > 150)
    #expect(
      Set(one.symmetricDifference(other).map { $0.prefix(19) }) == ["market.early(text) ", "market.late() marke"])
  }

  @Test(arguments: [
    ("LANGUAGE sql AS $$ SELECT market.nowhere() $$", "market.nowhere"),
    ("LANGUAGE plpgsql AS $$ BEGIN RETURN 1 +; END $$", "syntax error"),
  ])
  func aBodyThatCannotRunIsRefused(_ body: String, _ reason: String) throws {
    var connection = try emptyDatabase()
    let tree = try Tree()
    try tree.write(
      "CREATE OR REPLACE FUNCTION market.wrong() RETURNS integer \(body);", to: "functions/extra/wrong.sql")
    let error = #expect(throws: PostgresError.self) { try tree.migrate(&connection) }
    #expect(error.map { "\($0)" }?.contains(reason) == true, "\(error.map { "\($0)" } ?? "none")")
    #expect(try one("to_regnamespace('market') IS NULL", &connection) == "true", "something is left")
  }

  @Test func aFailingFileLeavesNothing() throws {
    var connection = try emptyDatabase()
    let tree = try Tree()
    try tree.migrate(&connection)
    let before = try Self.catalogue(&connection)
    try tree.write("CREATE TABLE market.half (x integer); SELECT 1/0;", to: "tables/900_bad.sql")
    #expect(throws: PostgresError.self) { try tree.migrate(&connection) }
    #expect(try Migrator(folder: tree.folder).status(&connection).suffix(2).allSatisfy { $0.appliedAt == nil })
    #expect(try one("to_regclass('market.half') IS NULL", &connection) == "true")
    #expect(try Self.catalogue(&connection) == before)
  }

  @Test func aDatabaseOfSomethingElseIsRefused() throws {
    var connection = try emptyDatabase()
    try connection.script("CREATE SCHEMA market")
    #expect(try Tree().refusal(&connection).hasSuffix("has recorded; migrate an empty database"))
  }

  @Test func aFolderThatIsNoSchemaIsRefused() throws {
    let problem = #expect(throws: Migrator.Problem.self) { try Migrator(folder: TestFolder.make()) }
    #expect(
      problem?.description.contains("it needs tables/NNN_name.sql, functions/AREA/name.sql and a whole number") == true)
  }
}
