import CLibPQ

extension Connection {
  /// What a server stores instead of the password: a SCRAM-SHA-256 secret, computed here so that the password
  /// itself never travels.
  public mutating func scramVerifier(password: String) throws(PostgresError) -> String {
    guard let text = PQencryptPasswordConn(handle, password, user, "scram-sha-256") else {
      throw PostgresError(.configuration, "the password cannot be used: \(String(cString: PQerrorMessage(handle)))")
    }
    defer { PQfreemem(text) }
    return String(cString: text)
  }
}
