/// A half-open stretch of time: `start` belongs to it, `end` does not.
public struct TimeRange: Hashable, Sendable {
  /// The first instant in it.
  public let start: Instant
  /// The first instant after it, later than `start`.
  public let end: Instant

  /// Both ends known, `start` before `end`.
  public init(start: Instant, end: Instant) throws(UnitError) {
    guard start < end else {
      throw UnitError("the period \(start)/\(end) is empty", advice: "give an end after the start")
    }
    self.start = start
    self.end = end
  }

  /// Reads an ISO 8601 interval: `START/END` or `START/DURATION`, such as `2026-12-07T00:00Z/P7D`.
  public init(iso8601 text: some StringProtocol) throws(UnitError) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2 else {
      throw UnitError(
        "\"\(text)\" is not a period: it is not START/END or START/DURATION",
        advice: "write it like 2026-12-07T00:00Z/P7D or 2026-12-07T00:00Z/2026-12-10T00:00Z")
    }
    let start = try Instant(iso8601: parts[0])
    let end = parts[1].hasPrefix("P") ? start + (try TimeSpan(iso8601: parts[1])) : try Instant(iso8601: parts[1])
    try self.init(start: start, end: end)
  }

  /// Rounded down to whole seconds.
  public var length: TimeSpan { end - start }

  /// Whether all of the other lies within; a range contains itself.
  public func contains(_ other: TimeRange) -> Bool { start <= other.start && other.end <= end }
  /// Whether they share an instant; ranges that only touch do not.
  public func overlaps(_ other: TimeRange) -> Bool { start < other.end && other.start < end }
}

extension TimeRange: CustomStringConvertible {
  /// ISO 8601 in UTC: `2026-12-07T00:00Z/2026-12-14T00:00Z`.
  public var description: String { "\(start)/\(end)" }
}
