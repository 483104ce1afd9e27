import Postgres
import Testing

@Suite("COPY") struct CopyTests {
  @Test func bytesGoInAndComeOut() throws {
    var connection = try emptyDatabase()
    try connection.script("CREATE TABLE t (id int, name text)")
    var left = 5000
    let copied = try connection.copyIn("COPY t FROM STDIN") {
      guard left > 0 else { return nil }
      left -= 1
      return Array("\(left)\tname \(left)\n".utf8)
    }
    #expect(copied == 5000)
    var rows = 0
    var last = ""
    try connection.copyOut("COPY (SELECT * FROM t ORDER BY id) TO STDOUT") {
      rows += 1
      last = String(decoding: $0, as: UTF8.self)
    }
    #expect(rows == 5000)
    #expect(last == "4999\tname 4999\n")
  }

  @Test func refusedRowLeavesNothingAndAUsableConnection() throws {
    var connection = try emptyDatabase()
    try connection.script("CREATE TABLE t (id int)")
    // Far more than the socket holds, the bad row first: the server refuses while the client still sends.
    var left = 20_000
    let error = try refused {
      try connection.copyIn("COPY t FROM STDIN") {
        left -= 1
        return left < 0 ? nil : Array((left == 19_999 ? "x\n" : String(repeating: "1\n", count: 500)).utf8)
      }
    }
    #expect(error.sqlState == "22P02")
    #expect(try connection.query("SELECT * FROM t").isEmpty)
  }

  @Test func clientThatStopsLeavesNothing() throws {
    var connection = try emptyDatabase()
    try connection.script("CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 1000)")
    var sent = 0
    #expect(throws: Missing.self) {
      try connection.copyIn("COPY t FROM STDIN") {
        sent += 1
        guard sent < 3 else { throw Missing() }
        return Array("1\n".utf8)
      }
    }
    #expect(throws: Missing.self) { try connection.copyOut("COPY t TO STDOUT") { _ in throw Missing() } }
    #expect(try connection.query("SELECT count(*) AS n FROM t").one().get("n") == 1000)
  }

  @Test func otherStatementsAreRefused() throws {
    var connection = try emptyDatabase()
    #expect(try refused { try connection.copyIn("SELECT 1") { nil } }.kind == .configuration)
    #expect(try refused { try connection.copyOut("COPY nowhere TO STDOUT") { _ in } }.sqlState == "42P01")
    let failing: SQL = "COPY (SELECT 1 / (3 - g) FROM generate_series(1, 5) g) TO STDOUT"
    #expect(try refused { try connection.copyOut(failing) { _ in } }.sqlState == "22012")
    #expect(try connection.query("SELECT 1 AS one").one().get("one") == 1)
  }
}
