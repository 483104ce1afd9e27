import Postgres
import Testing

@Suite("COPY") struct CopyTests {
  @Test func rowsComeOut() throws {
    var connection = try emptyDatabase()
    var rows = 0
    var last = ""
    try connection.copyOut("COPY (SELECT g, 'name ' || g FROM generate_series(0, 4999) g ORDER BY g) TO STDOUT") {
      rows += 1
      last = String(decoding: $0, as: UTF8.self)
    }
    #expect(rows == 5000)
    #expect(last == "4999\tname 4999\n")
  }

  @Test func readerThatStopsLeavesAUsableConnection() throws {
    var connection = try emptyDatabase()
    try connection.script("CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 1000)")
    #expect(throws: Missing.self) { try connection.copyOut("COPY t TO STDOUT") { _ in throw Missing() } }
    #expect(try connection.query("SELECT count(*) AS n FROM t").one().get("n") == 1000)
  }

  @Test func otherStatementsAreRefused() throws {
    var connection = try emptyDatabase()
    #expect(try refused { try connection.copyOut("SELECT 1") { _ in } }.kind == .configuration)
    #expect(try refused { try connection.copyOut("COPY nowhere TO STDOUT") { _ in } }.sqlState == "42P01")
    let failing: SQL = "COPY (SELECT 1 / (3 - g) FROM generate_series(1, 5) g) TO STDOUT"
    #expect(try refused { try connection.copyOut(failing) { _ in } }.sqlState == "22012")
    #expect(try connection.query("SELECT 1 AS one").one().get("one") == 1)
  }
}
