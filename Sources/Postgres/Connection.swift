import CLibPQ

/// One connection to a PostgreSQL server. Calls block the calling thread, for as long as the server takes: no time-out
/// is set but the server's own and those of the address, which end a wait for a server that is gone; `canceller()` ends
/// any wait.
///
/// It cannot be copied and its calls are `mutating`, so two tasks cannot use it at once.
public struct Connection: ~Copyable {
  let handle: OpaquePointer
  private let notices: Notices
  private var depth = 0

  /// Connects with a libpq connection string or URI; an empty one takes the `PG*` environment.
  ///
  /// - Throws: `unavailable` where the server cannot be reached or does not let this user in.
  public init(conninfo: String) throws(PostgresError) {
    self.init(handle: try Self.open(conninfo))
  }

  private init(handle: OpaquePointer) {
    self.handle = handle
    notices = Notices()
    PQsetNoticeReceiver(handle, { argument, result in Notices.receive(argument, result) }, notices.pointer)
  }

  private static func open(_ conninfo: String) throws(PostgresError) -> OpaquePointer {
    guard let handle = PQconnectdb(conninfo) else {
      throw PostgresError(.unavailable, "libpq has no memory to connect")
    }
    guard PQstatus(handle) == CONNECTION_OK else {
      let message = trimmed(String(cString: PQerrorMessage(handle)))
      PQfinish(handle)
      throw PostgresError(
        .unavailable, message,
        hint: "check that the server runs, that the address is right and that this user may connect")
    }
    // Text forms must not depend on the server's or the user's settings.
    let settings = PQexec(
      handle, "SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'; SET bytea_output = 'hex'; SET client_encoding = 'UTF8'"
    )
    defer { PQclear(settings) }
    guard PQresultStatus(settings) == PGRES_COMMAND_OK else {
      let message = trimmed(String(cString: PQerrorMessage(handle)))
      PQfinish(handle)
      throw PostgresError(.unavailable, message)
    }
    return handle
  }

  deinit { PQfinish(handle) }

  /// Runs one statement and gives its rows.
  ///
  /// - Throws: `refused` with the server's SQLSTATE, or `unavailable` where the connection broke.
  @discardableResult
  public mutating func query(_ statement: SQL) throws(PostgresError) -> Rows {
    if let refusal = refusal(of: statement) { throw refusal }
    return try checked(send(statement))
  }

  /// Runs one statement and gives the number of rows it touched; throws as `query` does.
  @discardableResult
  public mutating func execute(_ statement: SQL) throws(PostgresError) -> Int {
    try query(statement).affected
  }

  /// Runs several statements without parameters, as a migration file has them, in one transaction unless they say
  /// otherwise; throws as `query` does.
  public mutating func script(_ text: String) throws(PostgresError) { _ = try run(text) }

  /// Runs `body` in a transaction: commits when it returns, rolls back when it throws.
  ///
  /// - Throws: what `body` throws, or the error of COMMIT: then it is unknown whether the work was done if the kind
  ///   is `unavailable`. A body that swallows the error of a statement has nothing to commit; that is `refused`, 25P02.
  public mutating func transaction<T: ~Copyable, E: Error>(
    _ isolation: Isolation = .readCommitted, _ body: (inout Connection) throws(E) -> T
  ) throws -> T {
    precondition(depth == 0, "transactions do not nest")
    try script("BEGIN ISOLATION LEVEL \(isolation.rawValue)")
    depth = 1
    defer { depth = 0 }
    let value: T
    do {
      value = try body(&self)
    } catch {
      // The error that matters is the body's; a broken connection rolls back by itself.
      if PQstatus(handle) == CONNECTION_OK { _ = PQexec(handle, "ROLLBACK").map { PQclear($0) } }
      throw error
    }
    guard PQtransactionStatus(handle) != PQTRANS_INERROR else {
      try script("ROLLBACK")
      throw PostgresError(.refused, "a statement failed earlier, so its transaction is rolled back", sqlState: "25P02")
    }
    try script("COMMIT")
    return value
  }

  /// Runs `body`. Where it throws within a transaction, what it did is undone and the transaction goes on.
  public mutating func attempt<T, E: Error>(_ body: (inout Connection) throws(E) -> T) throws -> T {
    guard depth > 0 else { return try body(&self) }
    try script("SAVEPOINT attempt")
    do {
      let value = try body(&self)
      try script("RELEASE SAVEPOINT attempt")
      return value
    } catch {
      if PQstatus(handle) == CONNECTION_OK {
        _ = PQexec(handle, "ROLLBACK TO SAVEPOINT attempt").map { PQclear($0) }
      }
      throw error
    }
  }

  /// How much a transaction sees of others that run at the same time; PostgreSQL's levels.
  public enum Isolation: String, Sendable {
    case readCommitted = "READ COMMITTED"
    case repeatableRead = "REPEATABLE READ"
    case serializable = "SERIALIZABLE"
  }

  /// Server messages (NOTICE, WARNING) since the last call of this.
  public mutating func takeNotices() -> [String] { notices.take() }

  /// Breaks off the statement under way, from another thread; it then fails with SQLSTATE 57014.
  public func canceller() -> Canceller { Canceller(handle) }

  /// The server process that serves this connection.
  public var backendProcess: Int { Int(PQbackendPID(handle)) }

  /// The user this connection logged in as.
  public var user: String { String(cString: PQuser(handle)) }

  /// Whether the server asked for the password: only then does being let in say that it is the right one.
  public var usedPassword: Bool { PQconnectionUsedPassword(handle) != 0 }

  // MARK: Inside

  private func run(_ text: String) throws(PostgresError) -> Rows {
    guard let result = PQexec(handle, text) else { throw broken() }
    return try checked(result)
  }

  private func send(_ statement: SQL) -> OpaquePointer? {
    withParameters(statement) { count, values, lengths, formats in
      PQexecParams(handle, statement.text, count, nil, values, lengths, formats, 0)
    }
  }

  func checked(_ result: OpaquePointer?) throws(PostgresError) -> Rows {
    guard let result else { throw broken() }
    switch PQresultStatus(result) {
    case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: return Rows(result)
    default: throw failure(result)
    }
  }

  func drained() throws(PostgresError) -> Rows {
    guard let last = PQgetResult(handle) else { throw broken() }
    while let rest = PQgetResult(handle) { PQclear(rest) }
    return try checked(last)
  }

  /// Why a statement cannot be sent. A zero byte would end a text early, unnoticed; PostgreSQL has no such texts.
  func refusal(of statement: SQL) -> PostgresError? {
    if statement.parameters.count > 65535 {
      return PostgresError(.refused, "a statement takes at most 65535 parameters", sqlState: "54000")
    }
    for case .text(let text) in statement.parameters where text.utf8.contains(0) {
      return PostgresError(.refused, "a text cannot hold a zero byte", sqlState: "22021")
    }
    return nil
  }

  /// The error of a result, which it frees.
  func failure(_ result: OpaquePointer) -> PostgresError {
    defer { PQclear(result) }
    func field(_ code: UnicodeScalar) -> String? {
      PQresultErrorField(result, Int32(code.value)).map { String(cString: $0) }
    }
    let state = field("C") ?? ""
    // What is fatal ends the connection (shutdown, kill, time-outs), whatever the statement was.
    let fatal = ["FATAL", "PANIC"].contains(field("V"))
    let gone = fatal || state.isEmpty || state.hasPrefix("08") || PQstatus(handle) != CONNECTION_OK
    return PostgresError(
      gone ? .unavailable : .refused, field("M") ?? trimmed(String(cString: PQresultErrorMessage(result))),
      sqlState: state, detail: field("D"), hint: field("H"), constraint: field("n"))
  }

  func broken() -> PostgresError {
    PostgresError(.unavailable, trimmed(String(cString: PQerrorMessage(handle))))
  }
}

/// Hands libpq the parameters as C arrays that live for the call.
private func withParameters<T>(
  _ statement: SQL,
  _ body: (Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> T
) -> T {
  var storage: [[UInt8]?] = []
  var formats: [Int32] = []
  for parameter in statement.parameters {
    switch parameter {
    case .null:
      storage.append(nil)
      formats.append(0)
    case .text(let text):
      storage.append(Array(text.utf8) + [0])
      formats.append(0)
    case .bytes(let bytes):
      storage.append(bytes + [0])
      formats.append(1)
    }
  }
  let lengths = storage.map { Int32(max(0, ($0?.count ?? 1) - 1)) }
  var flat: [UInt8] = []
  var offsets: [Int?] = []
  for value in storage {
    offsets.append(value == nil ? nil : flat.count)
    flat += value ?? []
  }
  return flat.withUnsafeBytes { bytes in
    let base = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
    let values: [UnsafePointer<CChar>?] = offsets.map { offset in offset.flatMap { base?.advanced(by: $0) } }
    return body(Int32(values.count), values, lengths, formats)
  }
}

/// Collects the server's notices for its connection.
private final class Notices {
  private var messages: [String] = []
  var pointer: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

  static func receive(_ argument: UnsafeMutableRawPointer?, _ result: OpaquePointer?) {
    guard let argument, let result, let text = PQresultErrorField(result, Int32(UnicodeScalar("M").value)) else {
      return
    }
    Unmanaged<Notices>.fromOpaque(argument).takeUnretainedValue().messages.append(String(cString: text))
  }

  func take() -> [String] {
    defer { messages = [] }
    return messages
  }
}
