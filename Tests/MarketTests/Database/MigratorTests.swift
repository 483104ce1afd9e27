import Foundation
import Market
import Postgres
import Synchronization
import TestSupport
import Testing

@Suite("Migrator")
struct MigratorTests {
  @Test func appliesEachFileOnce() throws {
    let server = try TestServer.shared()
    let database = try server.makeDatabase()
    var connection = try Connection(conninfo: server.conninfo(database: database))
    let migrator = try Migrator(folder: TestMarket.sqlFolder)
    let first = try migrator.migrate(&connection, slotLength: .halfHour)
    #expect(first.count == (try migrator.status(&connection)).count)
    #expect(try migrator.migrate(&connection, slotLength: nil).isEmpty)
    #expect(try migrator.status(&connection).allSatisfy { $0.appliedAt != nil })
    #expect(throws: PostgresError.self) { try migrator.migrate(&connection, slotLength: .hour) }
  }

  @Test func refusesAFileThatChanged() throws {
    let server = try TestServer.shared()
    let folder = server.folder + "/sql-\(UUID().uuidString)"
    try FileManager.default.copyItem(atPath: TestMarket.sqlFolder, toPath: folder)
    var connection = try Connection(conninfo: server.conninfo(database: server.makeDatabase()))
    let migrator = try Migrator(folder: folder)
    _ = try migrator.migrate(&connection, slotLength: .hour)
    let file = folder + "/002_market_tables.sql"
    try (String(contentsOfFile: file, encoding: .utf8) + "-- one more line\n")
      .write(toFile: file, atomically: true, encoding: .utf8)
    let problem = #expect(throws: Migrator.Problem.self) { try migrator.migrate(&connection, slotLength: nil) }
    #expect(problem?.description.contains("002_market_tables.sql has changed since it was applied") == true)
    #expect(problem?.description.contains("new file with the next number") == true)
  }

  /// The checkout's files with another text and revision of one that holds functions.
  private func version(_ revision: Int, says unit: String) throws -> Migrator {
    let folder = try TestServer.shared().folder + "/sql-\(UUID().uuidString)"
    try FileManager.default.copyItem(atPath: TestMarket.sqlFolder, toPath: folder)
    let file = folder + "/003_helpers.sql"
    var text = try String(contentsOfFile: file, encoding: .utf8)
    text.replace(/-- Revision [0-9]+\./, with: "-- Revision \(revision).", maxReplacements: 1)
    text.replace("' USD'", with: "' \(unit)'")
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    return try Migrator(folder: folder)
  }

  private func unit(_ connection: inout Connection) throws -> String {
    try connection.query("SELECT market.show_usd(1000000) AS usd").one().get("usd")
  }

  @Test func aFileOfFunctionsIsAppliedAgainAndNeverTakenBack() throws {
    let server = try TestServer.shared()
    var connection = try Connection(conninfo: server.conninfo(database: server.makeDatabase()))
    let (first, second, third) = (
      try version(101, says: "pounds"), try version(102, says: "francs"), try version(103, says: "dollars")
    )
    _ = try first.migrate(&connection, slotLength: .hour)
    #expect(try third.status(&connection).filter { $0.appliedAt == nil }.map(\.name) == ["003_helpers.sql"])
    #expect(try third.migrate(&connection, slotLength: nil) == ["003_helpers.sql"])
    #expect(try unit(&connection) == "1.00 dollars")
    #expect(try third.migrate(&connection, slotLength: nil).isEmpty)
    // Neither the one it had nor one it never saw.
    for (older, number) in [(first, 101), (second, 102)] {
      let problem = #expect(throws: Migrator.Problem.self) { try older.migrate(&connection, slotLength: nil) }
      #expect(
        problem?.description.contains(
          "has revision 103 of 003_helpers.sql, and \(older.folder) has revision \(number): it belongs to a newer version"
        )
          == true)
    }
    #expect(try unit(&connection) == "1.00 dollars")
    // A change that is taken back is a revision of its own.
    let reverted = try version(104, says: "pounds")
    #expect(try reverted.migrate(&connection, slotLength: nil) == ["003_helpers.sql"])
    #expect(try unit(&connection) == "1.00 pounds")
    #expect(throws: Migrator.Problem.self) { try third.migrate(&connection, slotLength: nil) }
    let forgotten = try version(104, says: "francs")
    let problem = #expect(throws: Migrator.Problem.self) { try forgotten.migrate(&connection, slotLength: nil) }
    #expect(problem?.description.hasSuffix("its revision has not; raise the number in its first line") == true)
  }

  @Test func anOlderVersionKeepsOffADatabaseThatWasBornNewer() throws {
    let server = try TestServer.shared()
    var connection = try Connection(conninfo: server.conninfo(database: server.makeDatabase()))
    let (older, newer) = (try version(101, says: "pounds"), try version(102, says: "dollars"))
    _ = try newer.migrate(&connection, slotLength: .hour)
    #expect(throws: Migrator.Problem.self) { try older.migrate(&connection, slotLength: nil) }
    #expect(try newer.migrate(&connection, slotLength: nil).isEmpty)
    #expect(try unit(&connection) == "1.00 dollars")
  }

  /// Earlier versions recorded checksums only.
  @Test func whatHasNoRecordedRevisionIsOlder() throws {
    let server = try TestServer.shared()
    var connection = try Connection(conninfo: server.conninfo(database: server.makeDatabase()))
    let (older, newer) = (try version(0, says: "pounds"), try version(1, says: "dollars"))
    _ = try older.migrate(&connection, slotLength: .hour)
    try connection.script("ALTER TABLE gpumarket_migration.applied DROP COLUMN revision")
    #expect(try newer.migrate(&connection, slotLength: nil) == ["003_helpers.sql"])
    #expect(try unit(&connection) == "1.00 dollars")
    #expect(throws: Migrator.Problem.self) { try older.migrate(&connection, slotLength: nil) }
  }

  /// Else a raised revision would bring back what a later file replaced, and an upgraded database be another than a new one.
  @Test func noFileOfFunctionsTakesBackWhatALaterOneMakes() throws {
    let server = try TestServer.shared()
    var connection = try Connection(conninfo: server.conninfo(database: server.makeDatabase()))
    let folder = server.folder + "/sql-\(UUID().uuidString)"
    try FileManager.default.copyItem(atPath: TestMarket.sqlFolder, toPath: folder)
    let migrator = try Migrator(folder: folder)
    let names = try migrator.migrate(&connection, slotLength: .hour)
    var made = try functionsAndTriggers(&connection)
    #expect(made.count > 100)
    var raised = 0
    for name in names {
      let file = folder + "/" + name
      var text = try String(contentsOfFile: file, encoding: .utf8)
      guard text.hasPrefix("-- Revision ") else { continue }
      text.replace(/-- Revision [0-9]+\./, with: "-- Revision 900.", maxReplacements: 1)
      try text.write(toFile: file, atomically: true, encoding: .utf8)
      #expect(try migrator.migrate(&connection, slotLength: nil) == [name])
      let now = try functionsAndTriggers(&connection)
      let changed = Set(now.symmetricDifference(made).map { $0.prefix(60) })
      #expect(changed == [], "applied again, \(name) changes these")
      made = now
      raised += 1
    }
    #expect(raised > 10)
  }

  private func functionsAndTriggers(_ connection: inout Connection) throws -> Set<String> {
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

  @Test func aFailingFileLeavesNothing() throws {
    let server = try TestServer.shared()
    let folder = server.folder + "/sql-\(UUID().uuidString)"
    try FileManager.default.copyItem(atPath: TestMarket.sqlFolder, toPath: folder)
    try "CREATE TABLE market.half (x integer); SELECT 1/0;"
      .write(toFile: folder + "/999_bad.sql", atomically: true, encoding: .utf8)
    var connection = try Connection(conninfo: server.conninfo(database: server.makeDatabase()))
    let migrator = try Migrator(folder: folder)
    #expect(throws: PostgresError.self) { try migrator.migrate(&connection, slotLength: .hour) }
    #expect(try migrator.status(&connection).last?.appliedAt == nil)
    let there: Bool = try connection.query("SELECT to_regclass('market.half') IS NOT NULL AS there").one().get("there")
    #expect(!there)
  }

  @Test func manyAtOnceApplyOnce() throws {
    let server = try TestServer.shared()
    for _ in 0..<3 {
      let database = try server.makeDatabase()
      let applied = try migrateAtOnce(Array(repeating: server.conninfo(database: database), count: 8))
      var connection = try Connection(conninfo: server.conninfo(database: database))
      #expect(applied.reduce(0, +) == (try Migrator(folder: TestMarket.sqlFolder).status(&connection)).count)
    }
  }

  /// The roles belong to the server, so its databases are in each other's way the first time.
  @Test func databasesOfANewServerAtOnce() throws {
    let server = try TestServer.durable()
    let databases = try (0..<4).map { _ in try server.makeDatabase() }
    let applied = try migrateAtOnce((databases + databases).map { server.conninfo(database: $0) })
    var connection = try Connection(conninfo: server.conninfo(database: databases[0]))
    let files = try Migrator(folder: TestMarket.sqlFolder).status(&connection).count
    #expect(applied.reduce(0, +) == files * databases.count)
    #expect(try connection.query("SELECT FROM pg_roles WHERE rolname = 'market_migrating'").isEmpty)
  }

  @Test func aStuckMigrationIsNotWaitedForLong() throws {
    let server = try TestServer.durable()
    var stuck = try Connection(conninfo: server.conninfo(database: server.makeDatabase()))
    try stuck.script("BEGIN; CREATE ROLE market_migrating")
    var connection = try Connection(conninfo: server.conninfo(database: server.makeDatabase()))
    var migrator = try Migrator(folder: TestMarket.sqlFolder)
    migrator.patienceSeconds = 1
    let waiting = #expect(throws: Migrator.Problem.self) { try migrator.migrate(&connection, slotLength: nil) }
    #expect(waiting?.description.contains("has made no progress for 1 s; look for its session") == true)
    try stuck.script("COMMIT")
    let left = #expect(throws: Migrator.Problem.self) { try migrator.migrate(&connection, slotLength: nil) }
    #expect(left?.description.contains("drop it (DROP ROLE market_migrating)") == true)
    try stuck.script("DROP ROLE market_migrating")
    migrator.patienceSeconds = 60
    #expect(!(try migrator.migrate(&connection, slotLength: nil)).isEmpty)
  }

  /// Migrates each of `conninfos` from a thread of its own; all connect first and begin together.
  private func migrateAtOnce(_ conninfos: [String]) throws -> [Int] {
    let results = Mutex<[Result<Int, any Error>]>([])
    let connected = DispatchSemaphore(value: 0)
    let start = DispatchSemaphore(value: 0)
    let ended = DispatchGroup()
    for conninfo in conninfos {
      ended.enter()
      Thread {
        let result = Result {
          var connection = try {
            defer { connected.signal() }
            return try Connection(conninfo: conninfo)
          }()
          start.wait()
          return try Migrator(folder: TestMarket.sqlFolder).migrate(&connection, slotLength: .hour).count
        }
        results.withLock { $0.append(result) }
        ended.leave()
      }.start()
    }
    for _ in conninfos { connected.wait() }
    for _ in conninfos { start.signal() }
    ended.wait()
    return try results.withLock { try $0.map { try $0.get() } }
  }
}
