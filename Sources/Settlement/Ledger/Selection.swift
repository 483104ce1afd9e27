import Postgres

/// Which transactions an export or a report covers.
public enum Selection: Sendable, Equatable {
  /// The whole ledger.
  case everything
  /// All that concerns a round, whenever it was booked.
  case round(String)
  /// A UTC calendar month by booking day, such as `2026-12`.
  case period(String)
  /// Transactions with a higher number than this.
  case since(Int64)
  /// Transactions after those that the last recorded export of the same format covered, of everything or since some
  /// number; one of a round or a period does not count.
  case sinceLast

  /// How it is told in records: `round 2026-12-07`, `since 17`.
  public var text: String {
    switch self {
    case .everything: "everything"
    case .round(let name): "round \(name)"
    case .period(let period): "period \(period)"
    case .since(let number): "since \(number)"
    case .sinceLast: "since LAST"
    }
  }
}

/// A selection fixed to numbers, so that all its queries mean the same transactions.
struct LedgerSpan: Sendable {
  var after: Int64?
  var upTo: Int64
  var round: String?
  var period: String?
  var company: String?
}
