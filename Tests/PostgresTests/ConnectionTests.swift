import Dispatch
import Glibc
import Postgres
import TestSupport
import Testing

@Suite("Connection") struct ConnectionTests {
  @Test func parametersComeBackAsTheyWere() throws {
    var connection = try emptyDatabase()
    var generator = SeededGenerator(state: 1)
    for _ in 0..<300 {
      let text = generator.text()
      let bytes = generator.bytes()
      let texts = (0..<4).map { _ in generator.text() }
      let chunks = (0..<3).map { _ in generator.bytes() }
      let number = Int64.random(in: .min ... .max, using: &generator)
      let row = try connection.query(
        """
        SELECT \(text)::text AS text, \(bytes)::bytea AS bytes, \(texts)::text[] AS texts, \(chunks)::bytea[] AS chunks,
          \(number)::bigint AS number, \(number > 0)::boolean AS flag, \(String?.none)::text AS absent
        """
      ).one()
      // By bytes: canonically equivalent strings would pass for equal.
      #expect(try Array(row.get("text", as: String.self).utf8) == Array(text.utf8))
      #expect(try row.get("bytes", as: [UInt8].self) == bytes)
      #expect(try row.get("texts", as: [String].self).map { Array($0.utf8) } == texts.map { Array($0.utf8) })
      #expect(try row.get("chunks", as: [[UInt8]].self) == chunks)
      #expect(try row.get("number", as: Int64.self) == number)
      #expect(try row.get("flag", as: Bool.self) == (number > 0))
      #expect(try row.optional("absent", as: String.self) == nil)
    }
  }

  @Test func identifiersAreQuoted() throws {
    var connection = try emptyDatabase()
    // The second quote carries a combining accent.
    let name = "a \"\u{301} table\"; DROP DATABASE x"
    try connection.execute("CREATE TABLE \(identifier: name) (id int)")
    #expect(try connection.query("SELECT relname FROM pg_class WHERE relname = \(name)").count == 1)
  }

  @Test func textWithAZeroByteIsRefusedRatherThanCut() throws {
    var connection = try emptyDatabase()
    let error = try refused { try connection.query("SELECT \("10\u{0}000")::text") }
    #expect(error.sqlState == "22021")
    #expect(error.message == "a text cannot hold a zero byte")
    let zeros: [UInt8] = [0, 0, 0]
    #expect(try connection.query("SELECT \(zeros)::bytea AS b").one().get("b") == zeros)
  }

  @Test func errorsCarryStateDetailHintAndConstraint() throws {
    var connection = try emptyDatabase()
    try connection.script("CREATE TABLE t (id int CONSTRAINT positive CHECK (id > 0))")
    let check = try refused { try connection.execute("INSERT INTO t VALUES (\(-1))") }
    #expect(check.kind == .refused)
    #expect(check.sqlState == "23514")
    #expect(check.constraint == "positive")
    #expect(check.detail == "Failing row contains (-1).")

    let own = try refused {
      try connection.script("DO $$BEGIN RAISE 'gate is closed' USING ERRCODE = 'GM001', HINT = 'next round'; END$$")
    }
    #expect(own.sqlState == "GM001")
    #expect(own.description == "gate is closed\nnext round")
    #expect(try refused { try connection.query("SELEC 1") }.sqlState == "42601")
    #expect(try refused { try connection.query("SELECT 1 AS a").one().get("b", as: Int.self) }.kind == .decoding)
    #expect(try refused { try connection.query("SELECT 'x' AS a").one().get("a", as: Int.self) }.kind == .decoding)
    #expect(try refused { try connection.query("SELECT NULL AS a").one().get("a", as: Int.self) }.kind == .decoding)
  }

  @Test func noticesAreKept() throws {
    var connection = try emptyDatabase()
    try connection.script("DO $$BEGIN RAISE NOTICE 'one'; RAISE WARNING 'two'; END$$")
    #expect(connection.takeNotices() == ["one", "two"])
    #expect(connection.takeNotices() == [])
  }

  @Test func transactionsCommitOrRollBack() throws {
    var connection = try emptyDatabase()
    try connection.script("CREATE TABLE t (id int)")
    func count() throws -> Int { try connection.query("SELECT count(*) AS n FROM t").one().get("n") }

    try connection.transaction { (connection) throws(PostgresError) in
      _ = try connection.execute("INSERT INTO t VALUES (1), (2)")
    }
    #expect(try count() == 2)
    #expect(throws: Missing.self) {
      try connection.transaction { connection in
        try connection.execute("DELETE FROM t")
        throw Missing()
      }
    }
    #expect(try count() == 2)
    let level = try connection.transaction(.serializable) { (connection) throws(PostgresError) in
      try connection.query("SHOW transaction_isolation").one().get("transaction_isolation", as: String.self)
    }
    #expect(level == "serializable")
  }

  @Test func anAttemptThatFailsLeavesItsTransactionAlive() throws {
    var connection = try emptyDatabase()
    try connection.script("CREATE TABLE t (id int)")
    try connection.transaction { connection in
      _ = try connection.attempt { connection in try connection.execute("INSERT INTO t VALUES (1)") }
      let error = #expect(throws: PostgresError.self) {
        try connection.attempt { connection in
          try connection.execute("INSERT INTO t VALUES (2)")
          try connection.script("SELECT 1/0")
        }
      }
      #expect(error?.sqlState == "22012")
      #expect(throws: Missing.self) {
        try connection.attempt { connection in
          try connection.execute("INSERT INTO t VALUES (3)")
          throw Missing()
        }
      }
    }
    // Outside it is a plain call.
    _ = try connection.attempt { connection in try connection.execute("INSERT INTO t VALUES (4)") }
    #expect(try connection.query("SELECT id FROM t ORDER BY id").map { try $0.get("id", as: Int.self) } == [1, 4])
  }

  /// PostgreSQL answers COMMIT of a failed transaction with a rollback that is no error.
  @Test func swallowedErrorDoesNotPassForACommit() throws {
    var connection = try emptyDatabase()
    try connection.script("CREATE TABLE t (id int)")
    let error = try refused {
      try connection.transaction { connection in
        try connection.execute("INSERT INTO t VALUES (1)")
        do { try connection.query("SELECT 1/0") } catch {}
      }
    }
    #expect(error.sqlState == "25P02")
    #expect(try connection.query("SELECT * FROM t").isEmpty)
  }

  @Test func killedBackendIsUnavailable() throws {
    var connection = try emptyDatabase()
    var other = try Connection(conninfo: TestServer.shared().conninfo())
    try other.query("SELECT pg_terminate_backend(\(connection.backendProcess))")
    let first = try refused { try connection.query("SELECT pg_sleep(5)") }
    #expect(first.kind == .unavailable)
    #expect(try refused { try connection.query("SELECT 1") }.kind == .unavailable)
  }

  @Test func sessionEndedByATimeOutIsUnavailable() throws {
    var connection = try emptyDatabase()
    try connection.script("SET idle_in_transaction_session_timeout = '50ms'; BEGIN")
    var other = try Connection(conninfo: TestServer.shared().conninfo())
    let alive: SQL = "SELECT FROM pg_stat_activity WHERE pid = \(connection.backendProcess)"
    while try !other.query(alive).isEmpty { usleep(10_000) }
    #expect(try refused { try connection.query("SELECT 1") }.kind == .unavailable)
  }

  @Test func statementIsCancelledFromAnotherThread() throws {
    var connection = try emptyDatabase()
    let canceller = connection.canceller()
    let process = connection.backendProcess
    let watch = try TestServer.shared().conninfo()
    let outcome = DispatchGroup()
    DispatchQueue.global().async(group: outcome) {
      do {
        var other = try Connection(conninfo: watch)
        let sleeping: SQL = "SELECT 1 FROM pg_stat_activity WHERE pid = \(process) AND wait_event = 'PgSleep'"
        while try other.query(sleeping).isEmpty { usleep(10_000) }
        try canceller.cancel()
      } catch { Issue.record(error) }
    }
    #expect(try refused { try connection.query("SELECT pg_sleep(60)") }.sqlState == "57014")
    outcome.wait()
    #expect(try connection.query("SELECT 1 AS one").one().get("one") == 1)
  }

  @Test func absentServerIsUnavailable() throws {
    let error = try refused { try Connection(conninfo: "host=/nonexistent dbname=x") }
    #expect(error.kind == .unavailable)
    #expect(error.message.contains("/nonexistent"))
    #expect(error.hint?.contains("server runs") == true)
  }
}
