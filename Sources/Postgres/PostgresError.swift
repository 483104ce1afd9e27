/// What went wrong between this program and the database.
public struct PostgresError: Error, Sendable, CustomStringConvertible {
  /// What a caller has to tell apart.
  public enum Kind: Sendable, Equatable {
    /// No server could be reached, or the connection broke: nothing is known of a statement under way.
    case unavailable
    /// The server refused a statement; `sqlState` says why.
    case refused
    /// A value was not of the type asked for, or absent.
    case decoding
    /// The connection was asked for something it must not do, such as an unverified remote connection.
    case configuration
  }

  /// What a caller has to tell apart.
  public let kind: Kind
  /// Five characters, PostgreSQL's appendix A or this product's own class `GM`; empty unless the server answered.
  public let sqlState: String
  /// The server's or libpq's sentence, or this module's.
  public let message: String
  /// More about this case, from the server.
  public let detail: String?
  /// What to do about it.
  public let hint: String?
  /// The constraint that refused, where one did.
  public let constraint: String?

  /// An error as the server would give it, also for code that refuses in its place.
  public init(
    _ kind: Kind, _ message: String, sqlState: String = "", detail: String? = nil, hint: String? = nil,
    constraint: String? = nil
  ) {
    self.kind = kind
    self.sqlState = sqlState
    self.message = message
    self.detail = detail
    self.hint = hint
    self.constraint = constraint
  }

  /// Message, detail and hint, a line each.
  public var description: String {
    [message, detail, hint].compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: "\n")
  }
}
