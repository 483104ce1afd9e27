/// An exact amount in whole micro-dollars (1 USD = 1,000,000).
///
/// Addition and subtraction trap on overflow, which at ±9.2 × 10¹² USD cannot happen to amounts that
/// passed the door; parse and multiply report it.
public struct Money: Hashable, Comparable, Sendable {
  /// Negative for a credit.
  public var microdollars: Int64

  /// No money: 0.00 USD.
  public static let zero = Money(microdollars: 0)
  /// The scale of `microdollars`.
  public static let microdollarsPerDollar: Int64 = 1_000_000
  /// The scale of postings and invoices, which are whole cents.
  public static let microdollarsPerCent: Int64 = 10_000

  /// Any amount; no rule of the market is checked here.
  public init(microdollars: Int64) { self.microdollars = microdollars }
  /// Whole cents; traps on overflow, beyond ±9.2 × 10¹² USD.
  public init(cents: Int64) { self.microdollars = cents * Self.microdollarsPerCent }

  /// Reads dollars such as `12`, `-0.5` or `1234.567890`: at most six decimals, no exponent, no separators.
  public init(dollars text: some StringProtocol) throws(UnitError) {
    self.microdollars = try parseDecimal(text, decimals: 6, what: "an amount in US dollars", example: "1250.00")
  }

  public static func < (a: Money, b: Money) -> Bool { a.microdollars < b.microdollars }
  /// Exact; traps on overflow.
  public static func + (a: Money, b: Money) -> Money { Money(microdollars: a.microdollars + b.microdollars) }
  /// Exact; traps on overflow.
  public static func - (a: Money, b: Money) -> Money { Money(microdollars: a.microdollars - b.microdollars) }
  /// A charge as a credit, and back.
  public static prefix func - (a: Money) -> Money { Money(microdollars: -a.microdollars) }
  /// Exact; traps on overflow.
  public static func += (a: inout Money, b: Money) { a = a + b }
  /// Exact; traps on overflow.
  public static func -= (a: inout Money, b: Money) { a = a - b }

  /// The amount `count` times, or nil on overflow.
  public func times(_ count: Int64) -> Money? {
    let (product, overflow) = microdollars.multipliedReportingOverflow(by: count)
    return overflow ? nil : Money(microdollars: product)
  }

  /// Whole cents toward minus infinity: for an amount owed, in the debtor's favour.
  public var centsRoundedDown: Int64 { floorDivide(microdollars, Self.microdollarsPerCent) }

  /// Exact decimal dollars with as many decimals as are needed, at least two: `2.40`, `0.000001`.
  public var dollars: String { decimalText(microdollars, scale: 6, least: 2) }
}

extension Money: CustomStringConvertible {
  /// With unit, for a person: `2.40 USD`.
  public var description: String { "\(dollars) USD" }
}

/// A price in micro-dollars per GPU-hour, a multiple of the tick of 100 (0.0001 USD).
public struct Price: Hashable, Comparable, Sendable {
  /// 0 to 10¹², that of `highest`.
  public let microdollarsPerGPUHour: Int64

  /// The finest step of a price: $0.0001 per GPU-hour, so that a 15-minute slot costs whole micro-dollars.
  public static let tickMicrodollars: Int64 = 100
  /// The highest price accepted: one million dollars per GPU-hour.
  public static let highest = Price(unchecked: 1_000_000 * Money.microdollarsPerDollar)

  private init(unchecked: Int64) { microdollarsPerGPUHour = unchecked }

  /// A non-negative price on the tick.
  public init(microdollarsPerGPUHour value: Int64) throws(UnitError) {
    guard value >= 0 else {
      throw UnitError(
        "price \(decimalText(value, scale: 6, least: 2)) USD per GPU-hour is negative",
        advice: "give a price of 0.0001 or more")
    }
    guard value % Self.tickMicrodollars == 0 else {
      throw UnitError(
        "price \(decimalText(value, scale: 6, least: 2)) USD per GPU-hour is finer than the tick of 0.0001",
        advice: "give at most four decimals, such as 2.4000")
    }
    guard value <= Self.highest.microdollarsPerGPUHour else {
      throw UnitError(
        "price \(decimalText(value, scale: 6, least: 2)) USD per GPU-hour is above the highest accepted, 1000000.00",
        advice: "check the unit: US dollars per GPU-hour")
    }
    microdollarsPerGPUHour = value
  }

  /// Reads dollars per GPU-hour such as `2.40`.
  public init(dollarsPerGPUHour text: some StringProtocol) throws(UnitError) {
    try self.init(
      microdollarsPerGPUHour: parseDecimal(
        text, decimals: 6, what: "a price in US dollars per GPU-hour", example: "2.40"))
  }

  public static func < (a: Price, b: Price) -> Bool { a.microdollarsPerGPUHour < b.microdollarsPerGPUHour }

  /// Micro-dollars for one GPU over one slot; exact, because of the tick.
  public func microdollarsPerGPUSlot(_ length: SlotLength) -> Int64 {
    microdollarsPerGPUHour / 60 * Int64(length.minutes)
      + microdollarsPerGPUHour % 60 * Int64(length.minutes) / 60
  }

  /// Exact decimal dollars per GPU-hour, at least two decimals: `2.40`, `2.4050`→`2.405`.
  public var dollarsPerGPUHour: String { decimalText(microdollarsPerGPUHour, scale: 6, least: 2) }
}

extension Price: CustomStringConvertible {
  /// With unit, for a person: `2.40 USD per GPU-hour`.
  public var description: String { "\(dollarsPerGPUHour) USD per GPU-hour" }
}
