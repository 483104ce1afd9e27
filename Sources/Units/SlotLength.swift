/// The market time unit: the length of the smallest tradable stretch of time.
public enum SlotLength: Int, CaseIterable, Sendable {
  case quarterHour = 15
  case halfHour = 30
  case hour = 60

  /// 15, 30 or 60.
  public var minutes: Int { rawValue }
  /// The same as a length of time.
  public var span: TimeSpan { TimeSpan(minutes: Int64(rawValue)) }

  /// Throws `UnitError` for any number but 15, 30 and 60.
  public init(minutes: Int) throws(UnitError) {
    guard let length = SlotLength(rawValue: minutes) else {
      throw UnitError("a slot of \(minutes) minutes is not offered", advice: "choose 60, 30 or 15 minutes")
    }
    self = length
  }

  /// Whether a slot begins at this instant; slots count from 1970-01-01T00:00Z.
  public func isBoundary(_ instant: Instant) -> Bool {
    instant.microseconds % (Int64(minutes) * 60_000_000) == 0
  }

  /// The slots of a period whose ends are slot boundaries, counted.
  public func count(in range: TimeRange) throws(UnitError) -> Int {
    guard isBoundary(range.start), isBoundary(range.end) else {
      throw UnitError(
        "the period \(range) does not begin and end on a slot of \(minutes) minutes",
        advice: "use times on whole slots, counted from 00:00Z")
    }
    return Int(range.length.seconds / span.seconds)
  }

  /// The slots that a number of hours fills, such as 24 or 1.25.
  public func slots(hours text: some StringProtocol) throws(UnitError) -> Int {
    let tenThousandths = try parseDecimal(text, decimals: 4, what: "a number of hours", example: "24 or 1.5")
    let unit = Int64(minutes) * 10_000
    let (scaled, overflow) = tenThousandths.multipliedReportingOverflow(by: 60)
    guard !overflow, tenThousandths > 0, scaled % unit == 0, scaled / unit <= 1_000_000 else {
      throw UnitError(
        "\(text) hours is not a whole, positive number of slots of \(minutes) minutes",
        advice: "give a multiple of \(decimalText(unit / 60, scale: 4, least: 0)) h")
    }
    return Int(scaled / unit)
  }

  /// Hours in `slots` slots as exact decimal text: `24`, `1.25`.
  public func hours(slots: Int64) -> String {
    // Whole hours apart, for whatever number somebody bids.
    let (whole, rest) = slots.magnitude.quotientAndRemainder(dividingBy: UInt64(60 / minutes))
    return (slots < 0 ? "-" : "") + "\(whole)"
      + decimalText(Int64(rest) * Int64(minutes) * 100 / 60, scale: 2, least: 0).dropFirst()
  }
}
