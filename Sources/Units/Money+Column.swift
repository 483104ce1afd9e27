// The one way that money stands in a table: the same number of places in the whole column, so that the points align.
extension Money {
  /// What a column of a table shows of an amount.
  public enum Column: Sendable {
    /// Whole cents, cut toward minus infinity: what is charged.
    case cents
    /// Whole cents, rounded up: what bounds an amount from above stays a bound.
    case centsUp
    /// All six places: what must add up to the micro-dollar.
    case exact
  }

  /// The amount as a column shows it, without the unit, which the header carries.
  public func cell(_ column: Column) -> String {
    switch column {
    case .cents: Money(cents: centsRoundedDown).dollars
    case .centsUp: Money(cents: -(-self).centsRoundedDown).dollars
    case .exact: decimalText(microdollars, scale: 6, least: 6)
    }
  }
}

extension Price {
  /// The price as a column shows it, four places: `2.4000`.
  public var cell: String { decimalText(microdollarsPerGPUHour, scale: 6, least: 4) }
}
