import Postgres
import Units

/// The public keys that companies' people sign with; for the operator, and `list` for the auditor too.
public enum CompanyKeys {
  /// One key with its history.
  public struct Key: Sendable {
    /// The company's name, and whose key it is there.
    public let company, member: String
    /// Whether it may sign bids; else it only reads.
    public let mayBid: Bool
    /// 64 hexadecimal digits.
    public let publicKey: String
    /// The member's key before it, which signed it; nil where the operator alone says whose it is.
    public let vouchedBy: String?
    /// By the server's clock.
    public let registeredAt: Instant
    /// Nil while it is in force.
    public let revokedAt: Instant?
  }

  /// Registers a key.
  ///
  /// - Parameter publicKey: 64 hexadecimal digits, as `gpumarket company key make` prints them.
  /// - Throws: `GM409` where it is registered, or its member has two; `GM400` where it is none.
  public static func register(
    _ publicKey: String, company: String, member: String, mayBid: Bool, _ connection: inout Connection
  ) throws(PostgresError) {
    try connection.query(
      "SELECT market.register_key(\(company), \(member), \(mayBid), \(try bytes(publicKey)))")
  }

  /// Ends a key at once. What it signed before stands.
  ///
  /// - Throws: `GM404` where no such key is in force.
  public static func revoke(_ publicKey: String, _ connection: inout Connection) throws(PostgresError) {
    try connection.query("SELECT market.revoke_key(\(try bytes(publicKey)))")
  }

  /// The keys of one company, or of all; oldest first.
  public static func list(company: String?, _ connection: inout Connection) throws(PostgresError) -> [Key] {
    var keys: [Key] = []
    for row in try connection.query("SELECT * FROM market.keys(\(company))") {
      keys.append(
        Key(
          company: try row.get("company"), member: try row.get("member"), mayBid: try row.get("may_bid"),
          publicKey: try row.get("public_key"), vouchedBy: try row.optional("vouched_by"),
          registeredAt: try row.instant("registered_at"), revokedAt: try row.optionalInstant("revoked_at")))
    }
    return keys
  }

  private static func bytes(_ publicKey: String) throws(PostgresError) -> [UInt8] {
    guard let bytes = Market.bytes(hex: publicKey), bytes.count == 32 else {
      throw PostgresError(
        .refused, "'\(publicKey.prefix(80))' is no public key", sqlState: "GM400",
        hint: "give the 64 digits that gpumarket company key make printed")
    }
    return bytes
  }
}
