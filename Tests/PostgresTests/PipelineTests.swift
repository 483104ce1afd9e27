import Postgres
import Testing

@Suite("Pipeline") struct PipelineTests {
  private func table() throws -> Connection {
    var connection = try emptyDatabase()
    try connection.script("CREATE TABLE t (id int PRIMARY KEY, body text)")
    return connection
  }

  private func insert(_ id: Int) -> SQL { "INSERT INTO t VALUES (\(id), \("row \(id)")) RETURNING id" }

  @Test(arguments: [0, 1, 255, 256, 257, 5000]) func answersComeInOrder(count: Int) throws {
    var connection = try table()
    let rows = try connection.pipeline((0..<count).lazy.map(insert))
    #expect(try rows.map { try $0.one().get("id", as: Int.self) } == Array(0..<count))
    #expect(try connection.query("SELECT count(*) AS n FROM t").one().get("n") == count)
  }

  /// Both directions far beyond what sockets hold, so that each side has to read while it writes.
  @Test func bulkyStatementsAndAnswersDoNotBlockEachOther() throws {
    var connection = try table()
    let body = String(repeating: "x", count: 200_000)
    let rows = try connection.pipeline((0..<300).lazy.map { _ in "SELECT \(body)::text AS body" })
    #expect(rows.count == 300)
    #expect(try rows.allSatisfy { try $0.one().get("body", as: String.self).utf8.count == 200_000 })
  }

  @Test(arguments: [0, 100, 255, 256, 700, 999]) func errorUndoesAll(position: Int) throws {
    var connection = try table()
    let statements = (0..<1000).map { insert($0 == position ? -1 : $0) }
    try connection.execute(insert(-1))
    let error = try refused { try connection.pipeline(statements) }
    #expect(error.sqlState == "23505")
    #expect(try connection.query("SELECT count(*) AS n FROM t").one().get("n") == 1)
    #expect(try connection.pipeline([insert(7)]).count == 1)
  }

  @Test func commitThatFailsIsAnError() throws {
    var connection = try table()
    try connection.script("CREATE TABLE child (parent int REFERENCES t DEFERRABLE INITIALLY DEFERRED)")
    let error = try refused { try connection.pipeline([insert(1), "INSERT INTO child VALUES (\(2))"]) }
    #expect(error.sqlState == "23503")
    #expect(try connection.query("SELECT * FROM t").isEmpty)
    #expect(try connection.pipeline([insert(2), "INSERT INTO child VALUES (\(2))"]).count == 2)
  }

  @Test(arguments: [1, 255, 256, 400]) func statementThatCannotBeSentUndoesAll(position: Int) throws {
    var connection = try table()
    let statements = (0..<500).map { $0 == position ? "SELECT \("a\u{0}b")::text" : insert($0) }
    #expect(try refused { try connection.pipeline(statements) }.sqlState == "22021")
    #expect(try connection.query("SELECT * FROM t").isEmpty)
    #expect(try connection.pipeline([insert(7)]).count == 1)
  }

  @Test func workInsideATransaction() throws {
    var connection = try table()
    try connection.transaction { connection in
      _ = try connection.pipeline((0..<600).map(insert))
      _ = try connection.execute("DELETE FROM t WHERE id < \(100)")
    }
    #expect(try connection.query("SELECT count(*) AS n FROM t").one().get("n") == 500)
    let error = try refused {
      try connection.transaction { connection in _ = try connection.pipeline([insert(1), insert(200)]) }
    }
    #expect(error.sqlState == "23505")
    #expect(try connection.query("SELECT count(*) AS n FROM t").one().get("n") == 500)
  }

  @Test func killedBackendEndsIt() throws {
    var connection = try table()
    let statements: [SQL] = [insert(1), "SELECT pg_terminate_backend(pg_backend_pid())", insert(2)]
    #expect(try refused { try connection.pipeline(statements) }.kind == .unavailable)
  }
}
