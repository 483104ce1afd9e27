import Foundation
import Market
import Postgres
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
    let file = folder + "/003_helpers.sql"
    try (String(contentsOfFile: file, encoding: .utf8) + "-- one more line\n")
      .write(toFile: file, atomically: true, encoding: .utf8)
    let problem = #expect(throws: Migrator.Problem.self) { try migrator.migrate(&connection, slotLength: nil) }
    #expect(problem?.description.contains("003_helpers.sql has changed since it was applied") == true)
    #expect(problem?.description.contains("new file with the next number") == true)
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

  @Test func twoAtOnceApplyOnce() async throws {
    let server = try TestServer.shared()
    let conninfo = server.conninfo(database: try server.makeDatabase())
    let counts = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<2 {
        group.addTask {
          var connection = try Connection(conninfo: conninfo)
          return try Migrator(folder: TestMarket.sqlFolder).migrate(&connection, slotLength: .hour).count
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    var connection = try Connection(conninfo: conninfo)
    #expect(counts.reduce(0, +) == (try Migrator(folder: TestMarket.sqlFolder).status(&connection)).count)
  }
}
