/// What went wrong between this program and the database.
public struct PostgresError: Error, Sendable, CustomStringConvertible {
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

  public let kind: Kind
  /// Five characters, PostgreSQL's appendix A or this product's own class `GM`; empty unless the server answered.
  public let sqlState: String
  public let message: String
  public let detail: String?
  public let hint: String?
  /// The constraint that refused, where one did.
  public let constraint: String?

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

  public var description: String {
    [message, detail, hint].compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: "\n")
  }
}
