import Postgres

extension Connection {
  /// Runs what an attacker types, several statements if need be, in a transaction that leaves nothing behind.
  public mutating func attempt(_ text: String) throws -> Int {
    do {
      if text.hasPrefix("COPY") {
        try copyOut(SQL(unsafeRaw: text)) { _ in }
        return 1
      }
      if text.contains("; ") {
        try script(text)
        return 1
      }
      return try query(SQL(unsafeRaw: text)).count
    } catch {
      try script("ROLLBACK; RESET ROLE; RESET SESSION AUTHORIZATION")
      throw error
    }
  }
}
