import CLibPQ

/// What a server stores instead of a password: a SCRAM-SHA-256 secret with a fresh salt, computed here by libpq, so
/// that the password itself never travels. No server is asked.
///
/// - Parameter password: not empty, and without a zero byte, at which libpq would end it.
/// - Throws: `configuration` where libpq has no memory or no randomness.
public func scramVerifier(password: String) throws(PostgresError) -> String {
  // libpq wants a connection, for its errors and to ask which algorithm is meant, which is said here: one to an address
  // that it cannot read opens no socket.
  let handle = PQconnectStart("no address")
  defer { PQfinish(handle) }
  guard let text = PQencryptPasswordConn(handle, password, "", "scram-sha-256") else {
    throw PostgresError(
      .configuration, "the password cannot be used: \(trimmed(String(cString: PQerrorMessage(handle))))")
  }
  defer { PQfreemem(text) }
  return String(cString: text)
}
