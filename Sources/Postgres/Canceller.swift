import CLibPQ

/// Breaks off the statement that a connection is running. Does nothing when none runs.
public final class Canceller: @unchecked Sendable {
  // libpq documents PQcancel as safe in any thread and in signal handlers; the pointer never changes.
  private let request: OpaquePointer?

  init(_ connection: OpaquePointer) { request = PQgetCancel(connection) }

  deinit { PQfreeCancel(request) }

  /// Asks the server over a connection of its own.
  ///
  /// - Throws: `unavailable` where the request could not be sent.
  public func cancel() throws(PostgresError) {
    var message = [CChar](repeating: 0, count: 256)
    guard PQcancel(request, &message, Int32(message.count)) == 1 else {
      let text = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw PostgresError(.unavailable, "the statement could not be cancelled: " + trimmed(text))
    }
  }
}
