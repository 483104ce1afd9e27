import CLibPQ

extension Connection {
  /// Streams rows into `COPY … FROM STDIN`, any number of bytes at a time.
  ///
  /// - Parameter next: gives the next bytes (less than 2 GB), nil at the end.
  /// - Returns: the number of rows.
  /// - Throws: what `next` throws, then nothing is copied; or the server's error.
  public mutating func copyIn(_ statement: SQL, _ next: () throws -> [UInt8]?) throws -> Int {
    try begin(statement, PGRES_COPY_IN)
    do {
      while let bytes = try next() {
        let sent = bytes.withUnsafeBytes {
          PQputCopyData(handle, $0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32($0.count))
        }
        if sent != 1 { throw broken() }
      }
    } catch {
      PQputCopyEnd(handle, "the client stopped")
      while let result = PQgetResult(handle) { PQclear(result) }
      throw error
    }
    guard PQputCopyEnd(handle, nil) == 1 else { throw broken() }
    return try drained().affected
  }

  /// Reads `COPY … TO STDOUT`.
  ///
  /// - Parameter receive: takes a row (text form) or a chunk (binary form); the bytes live for the call.
  /// - Throws: what `receive` throws, after reading the rest unused; or the server's error.
  public mutating func copyOut(_ statement: SQL, _ receive: (UnsafeRawBufferPointer) throws -> Void) throws {
    try begin(statement, PGRES_COPY_OUT)
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

  private func begin(_ statement: SQL, _ expected: ExecStatusType) throws(PostgresError) {
    precondition(statement.parameters.isEmpty, "COPY takes no parameters")
    guard let start = PQexec(handle, statement.text) else { throw broken() }
    guard PQresultStatus(start) != expected else { return PQclear(start) }
    _ = try checked(start)
    throw PostgresError(.configuration, "the statement is no COPY in the direction asked for")
  }
}
