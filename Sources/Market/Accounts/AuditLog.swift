import Postgres
import Units

/// One privileged act, as the audit log keeps it.
public struct AuditLine: Sendable {
  /// By the server's clock.
  public let at: Instant
  /// The login that did it.
  public let actor: String
  /// What was done: `open round`, `update company`, `rotate credential`, `book payment`.
  public let act: String
  /// The round, company or pool it was done to.
  public let subject: String
  /// What changed, a JSON object.
  public let details: String

  /// The log, oldest first; for the operator, finance and the auditor.
  ///
  /// - Parameter most: the newest so many.
  public static func read(
    since: Instant?, most: Int, _ connection: inout Connection
  ) throws(PostgresError) -> [AuditLine] {
    var lines: [AuditLine] = []
    for row in try connection.query(
      "SELECT at, actor, act, subject, details::text AS details FROM market.audit_log(\(since)::timestamptz, \(most)::integer)"
    ) {
      lines.append(
        AuditLine(
          at: try row.instant("at"), actor: try row.get("actor"), act: try row.get("act"),
          subject: try row.get("subject"),
          details: try row.get("details")))
    }
    return lines.reversed()
  }
}

/// What must hold at every moment; for the auditor.
public enum AuditInvariants {
  /// One sentence for each thing that does not hold.
  public static func problems(_ connection: inout Connection) throws(PostgresError) -> [String] {
    try connection.query("SELECT p FROM market.check_invariants() AS p").map { row throws(PostgresError) in
      try row.get("p")
    }
  }
}
