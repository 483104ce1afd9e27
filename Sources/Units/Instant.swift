/// A point in time: whole microseconds since 1970-01-01T00:00Z, PostgreSQL's own resolution.
public struct Instant: Hashable, Comparable, Sendable {
  /// Negative before 1970.
  public let microseconds: Int64

  /// Counted from 1970-01-01T00:00Z.
  public init(microseconds: Int64) { self.microseconds = microseconds }
  /// Whole seconds since 1970; traps on overflow, beyond the year 294,000.
  public init(seconds: Int64) { self.microseconds = seconds * 1_000_000 }

  /// Whole seconds since 1970, rounded down.
  public var seconds: Int64 { floorDivide(microseconds, 1_000_000) }

  public static func < (a: Instant, b: Instant) -> Bool { a.microseconds < b.microseconds }
  /// Traps on overflow.
  public static func + (a: Instant, b: TimeSpan) -> Instant {
    Instant(microseconds: a.microseconds + b.seconds * 1_000_000)
  }
  /// Traps on overflow.
  public static func - (a: Instant, b: TimeSpan) -> Instant {
    Instant(microseconds: a.microseconds - b.seconds * 1_000_000)
  }
  /// The time from `b` to `a`, rounded down to whole seconds.
  public static func - (a: Instant, b: Instant) -> TimeSpan {
    TimeSpan(seconds: floorDivide(a.microseconds - b.microseconds, 1_000_000))
  }

  /// Reads ISO 8601 with its zone: `2026-12-07T00:00Z`, `2026-12-07T01:30:15.25+01:00`.
  ///
  /// Years 1970 to 9999. A missing zone is an error: nothing here guesses one.
  public init(iso8601 text: some StringProtocol) throws(UnitError) {
    var reader = DigitReader(text)
    func refuse(_ why: String) -> UnitError {
      UnitError(
        "\"\(text)\" is not a time: \(why)",
        advice: "write date, time and zone, such as 2026-12-07T00:00Z or 2026-12-07T01:00+01:00")
    }
    guard let year = reader.number(4), reader.take("-"), let month = reader.number(2), reader.take("-"),
      let day = reader.number(2)
    else { throw refuse("it does not begin with a date like 2026-12-07") }
    guard year >= 1970, (1...12).contains(month), day >= 1, day <= daysIn(month: month, year: year) else {
      throw refuse("there is no such date")
    }
    guard reader.take("T"), let hour = reader.number(2), reader.take(":"), let minute = reader.number(2) else {
      throw refuse("the time of day is missing")
    }
    var second = 0
    var micros = 0
    if reader.take(":") {
      guard let value = reader.number(2) else { throw refuse("the seconds are incomplete") }
      second = value
      if reader.take(".") {
        guard let value = reader.fraction(most: 6) else { throw refuse("seconds take at most six decimals") }
        micros = value
      }
    }
    guard hour <= 23, minute <= 59, second <= 59 else { throw refuse("there is no such time of day") }
    var offset = 0
    if !reader.take("Z") {
      let east = reader.take("+")
      guard east || reader.take("-") else { throw refuse("the zone is missing") }
      guard let hours = reader.number(2), hours <= 14 else { throw refuse("the zone is incomplete") }
      _ = reader.take(":")
      let minutes = reader.atEnd ? 0 : reader.number(2)
      guard let minutes, minutes <= 59 else { throw refuse("the zone is incomplete") }
      offset = (east ? 1 : -1) * (hours * 3600 + minutes * 60)
    }
    guard reader.atEnd else { throw refuse("something follows the zone") }
    let days = daysSince1970(year: year, month: month, day: day)
    let seconds = Int64(days * 86_400 + hour * 3600 + minute * 60 + second - offset)
    self.init(microseconds: seconds * 1_000_000 + Int64(micros))
  }

  /// In UTC with a `Z`: seconds and their decimals only where they are not zero. `2026-12-07T00:00Z`.
  public var iso8601: String {
    let micros = Int(microseconds - seconds * 1_000_000)
    let second = Int(seconds - floorDivide(seconds, 60) * 60)
    var text = iso8601ToMinute
    if second != 0 || micros != 0 { text += ":" + padded(second, 2) }
    if micros != 0 { text += decimalText(Int64(micros), scale: 6, least: 0).dropFirst() }
    return text + "Z"
  }

  /// In UTC to the second, always: `2026-12-07T00:00:00Z`, as file formats want it.
  public var iso8601ToSecond: String {
    iso8601ToMinute + ":" + padded(Int(seconds - floorDivide(seconds, 60) * 60), 2) + "Z"
  }

  /// The UTC calendar date, `2026-12-07`.
  public var date: String { String(iso8601ToMinute.prefix(10)) }

  private var iso8601ToMinute: String {
    let day = floorDivide(seconds, 86_400)
    let rest = Int(seconds - day * 86_400)
    let civil = civilDate(daysSince1970: Int(day))
    return padded(civil.year, 4) + "-" + padded(civil.month, 2) + "-" + padded(civil.day, 2) + "T"
      + padded(rest / 3600, 2) + ":" + padded(rest / 60 % 60, 2)
  }
}

extension Instant: CustomStringConvertible {
  public var description: String { iso8601 }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar.
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
func daysSince1970(year: Int, month: Int, day: Int) -> Int {
  let y = month <= 2 ? year - 1 : year
  let era = (y >= 0 ? y : y - 399) / 400
  let yearOfEra = y - era * 400
  let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
  return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
}

/// The inverse of `daysSince1970`, from the same source (civil_from_days).
func civilDate(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
  let z = days + 719_468
  let era = (z >= 0 ? z : z - 146_096) / 146_097
  let dayOfEra = z - era * 146_097
  let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
  let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  let mp = (5 * dayOfYear + 2) / 153
  let month = mp < 10 ? mp + 3 : mp - 9
  return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * mp + 2) / 5 + 1)
}

func daysIn(month: Int, year: Int) -> Int {
  let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
  return month == 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
}

func padded(_ value: Int, _ width: Int) -> String {
  let digits = String(value)
  return digits.count < width ? String(repeating: "0", count: width - digits.count) + digits : digits
}
