import Postgres

/// Credentials that change, companies that leave; operator only.
extension Companies {
  /// Gives a company a new credential; the old one and its sessions end.
  ///
  /// Not within a transaction: sessions that came in by the old credential before the new one was committed are
  /// ended then.
  public static func rotate(_ connection: inout Connection, company: String) throws(PostgresError) -> Credential {
    let password = randomPassword()
    let verifier = try connection.scramVerifier(password: password)
    let login: String = try connection.query("SELECT market.rotate_company(\(company), \(verifier)) AS login").one()
      .get("login")
    try connection.query("SELECT market.end_company_sessions(\(company))")
    return Credential(login: login, password: password)
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
