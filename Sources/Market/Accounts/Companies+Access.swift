import Postgres

/// Credentials that change, companies that leave; operator only, but for a company's own password.
extension Companies {
  /// Gives a company a new credential. The old one ends, and so do its sessions.
  ///
  /// Do not call it within a transaction: sessions can only be ended once the new credential is committed.
  ///
  /// - Parameter verifier: of a password that the company made itself, as in `add`.
  /// - Throws: `GM400` if the verifier is none, `GM404` if there is no such company, `GM409` if it was revoked.
  public static func rotate(
    _ connection: inout Connection, company: String, verifier: String? = nil
  ) throws(PostgresError) -> Credential {
    let made = try NewPassword()
    let login: String = try connection.query(
      "SELECT market.rotate_company(\(company), \(verifier ?? made.verifier)) AS login"
    ).one().get("login")
    try connection.query("SELECT market.end_company_sessions(\(company))")
    return Credential(login: login, password: verifier == nil ? made.text : nil)
  }

  /// Gives the company that this connection logs in as another password, of which the server gets the verifier alone.
  /// Sent again it does no more. `endOwnSessions` comes after it, when the new password holds already.
  ///
  /// - Throws: `GM403` for a login that is no company's, `GM409` after twenty changes within a day.
  public static func changeOwnPassword(
    _ connection: inout Connection, to password: NewPassword
  ) throws(PostgresError) {
    try connection.query("SELECT market.change_own_password(\(password.verifier))")
  }

  /// Ends all sessions but this one of the company that it logs in as. Once its change is committed, as with `rotate`.
  ///
  /// - Throws: `GM403` for a login that is no company's.
  public static func endOwnSessions(_ connection: inout Connection) throws(PostgresError) {
    try connection.query("SELECT market.end_own_sessions()")
  }

  /// Ends a company's access at once. Its open bids stand. Not within a transaction, as with `rotate`.
  public static func revoke(_ connection: inout Connection, company: String, reason: String) throws(PostgresError) {
    try connection.query("SELECT market.revoke_company(\(company), \(reason))")
    try connection.query("SELECT market.end_company_sessions(\(company))")
  }

  /// Sets how many entries a company may make in one round.
  public static func setQuota(_ connection: inout Connection, company: String, entries: Int) throws(PostgresError) {
    try connection.query("SELECT market.set_quota(\(company), \(entries)::integer)")
  }
}
