import Foundation
import Market
import Postgres
import TestSupport
import Testing

/// A backup as docs/operator.md describes it, restored on an empty server.
@Suite("Restore")
struct RestoreTests {
  static let afterRestore = TestMarket.sqlFolder + "/functions/access/closed_doors.sql"

  @Test func aDumpRestoresToAMarketThatHoldsAndVerifies() throws {
    let cleared = try ClearedMarket(seed: 30, bids: 15)
    let server = try TestServer.durable()
    let folder = try TestFolder.make()
    let source = FaultMarket.serverSocket(cleared.market.conninfo(nil)).dropLast("/.s.PGSQL.5432".count)
    let target = FaultMarket.serverSocket(server.conninfo()).dropLast("/.s.PGSQL.5432".count)
    func run(_ command: String) {
      let status = ChildProcess.run(
        ["/bin/sh", "-c", "PATH=/usr/lib/postgresql/15/bin:$PATH; " + command],
        environment: ["PATH": "/usr/bin:/bin", "PGUSER": "postgres"], log: folder + "/log")
      #expect(status == 0, "\(command)")
    }
    run("pg_dumpall -h \(source) --globals-only > '\(folder)/globals.sql'")
    run("pg_dump -h \(source) -Fc \(cleared.market.database) > '\(folder)/market.dump'")
    run("psql -h \(target) -q -f '\(folder)/globals.sql' postgres")
    run("createdb -h \(target) restored && pg_restore -h \(target) -d restored '\(folder)/market.dump'")
    run("psql -h \(target) -q -v ON_ERROR_STOP=1 -f '\(Self.afterRestore)' restored")

    var auditor = try Connection(conninfo: server.conninfo(user: "market_auditor", database: "restored"))
    #expect(try AuditInvariants.problems(&auditor) == [])
    var verification = VerifyRound(try VerifyBundle.load(cleared.round, &auditor))
    verification.statement = try cleared.statement()
    #expect(verification.findings().flatMap(\.problems) == [])
    // Companies are as blind as before.
    let login = try #require(cleared.logins.values.first)
    var company = try Connection(conninfo: server.conninfo(user: login, database: "restored"))
    for attack in ["SELECT * FROM pg_stat_activity", "CREATE TEMP TABLE t (x int)", "SELECT * FROM market.entry"] {
      #expect(throws: PostgresError.self) { _ = try company.attempt(attack) }
    }
  }
}
