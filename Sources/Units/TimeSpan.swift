/// A length of time in whole seconds.
public struct TimeSpan: Hashable, Comparable, Sendable {
  /// Negative from a later instant to an earlier one.
  public let seconds: Int64

  /// Any length; only text is held to 10,000 days.
  public init(seconds: Int64) { self.seconds = seconds }
  /// Traps on overflow.
  public init(minutes: Int64) { self.seconds = minutes * 60 }
  /// Traps on overflow.
  public init(hours: Int64) { self.seconds = hours * 3600 }

  public static func < (a: TimeSpan, b: TimeSpan) -> Bool { a.seconds < b.seconds }

  /// Reads an ISO 8601 duration of fixed length: `P7D`, `PT36H`, `P1DT12H`, `P1W`, `PT15M`.
  ///
  /// Months and years are refused, because their length depends on the calendar. At most 10,000 days.
  public init(iso8601 text: some StringProtocol) throws(UnitError) {
    func refuse(_ why: String) -> UnitError {
      UnitError(
        "\"\(text)\" is not a duration: \(why)", advice: "write it like P7D (days), PT36H (hours) or PT15M (minutes)")
    }
    var reader = DigitReader(text)
    guard reader.take("P") else { throw refuse("it does not begin with P") }
    var total: Int64 = 0
    var units: ArraySlice<(letter: Unicode.Scalar, seconds: Int64)> = [("W", 604_800), ("D", 86_400)]
    var inTime = false
    var fields = 0
    while !reader.atEnd {
      if !inTime, reader.take("T") {
        inTime = true
        units = [("H", 3600), ("M", 60), ("S", 1)]
        guard !reader.atEnd else { throw refuse("nothing follows the T") }
        continue
      }
      guard let count = reader.number() else { throw refuse("a whole number is missing") }
      guard let unit = units.firstIndex(where: { reader.take($0.letter) }) else {
        throw refuse("units are W, D and, after a T, H, M, S, each once and in this order")
      }
      total += Int64(count) * units[unit].seconds
      units = units[(unit + 1)...]
      fields += 1
    }
    guard fields > 0 else { throw refuse("it names no length") }
    guard total > 0, total <= 10_000 * 86_400 else { throw refuse("it is zero or longer than 10000 days") }
    seconds = total
  }

  /// ISO 8601, largest units first: `P7D`, `PT36H` becomes `P1DT12H`.
  public var iso8601: String {
    guard seconds != 0 else { return "PT0S" }
    let magnitude = seconds.magnitude
    var text = (seconds < 0 ? "-P" : "P") + (magnitude >= 86_400 ? "\(magnitude / 86_400)D" : "")
    let rest = magnitude % 86_400
    if rest > 0 {
      text += "T"
      if rest >= 3600 { text += "\(rest / 3600)H" }
      if rest / 60 % 60 > 0 { text += "\(rest / 60 % 60)M" }
      if rest % 60 > 0 { text += "\(rest % 60)S" }
    }
    return text
  }
}

extension TimeSpan: CustomStringConvertible {
  public var description: String { iso8601 }
}
