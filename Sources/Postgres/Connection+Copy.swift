import CLibPQ

extension Connection {
  /// Reads `COPY … TO STDOUT`.
  ///
  /// - Parameter receive: takes a row (text form) or a chunk (binary form); the bytes live for the call.
  /// - Throws: what `receive` throws, after reading the rest unused; or the server's error.
  public mutating func copyOut(_ statement: SQL, _ receive: (UnsafeRawBufferPointer) throws -> Void) throws {
    try begin(statement)
    var stopped: (any Error)?
    while true {
      var buffer: UnsafeMutablePointer<CChar>?
      let length = PQgetCopyData(handle, &buffer, 0)
      guard length > 0 else { break }
      defer { PQfreemem(buffer) }
      // A stopped reader still has to drain the stream, or the connection is useless.
      guard stopped == nil else { continue }
      do { try receive(UnsafeRawBufferPointer(start: buffer, count: Int(length))) } catch { stopped = error }
    }
    _ = try drained()
    if let stopped { throw stopped }
  }

  private func begin(_ statement: SQL) throws(PostgresError) {
    precondition(statement.parameters.isEmpty, "COPY takes no parameters")
    guard let start = PQexec(handle, statement.text) else { throw broken() }
    guard PQresultStatus(start) != PGRES_COPY_OUT else { return PQclear(start) }
    _ = try checked(start)
    throw PostgresError(.configuration, "the statement is no COPY … TO STDOUT")
  }
}
