import Foundation
import Market
import Postgres
import Synchronization
import TestSupport
import Testing

/// Migrations of one server take turns.
@Suite("Turns of migrations")
struct MigrationTurnTests {
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
