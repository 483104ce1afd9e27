import Postgres
import Units

/// What `timestamptz` columns hold: PostgreSQL's text form in UTC, `2026-12-07 00:00:00+00`.
struct Timestamp: PostgresDecodable {
  let instant: Instant

  init?(postgresText text: String) {
    do {
      instant = try Instant(iso8601: text.replacing(" ", with: "T"))
    } catch {
      return nil
    }
  }
}

extension Row {
  func instant(_ column: String) throws(PostgresError) -> Instant { try get(column, as: Timestamp.self).instant }
  func optionalInstant(_ column: String) throws(PostgresError) -> Instant? {
    try optional(column, as: Timestamp.self)?.instant
  }
  func money(_ column: String) throws(PostgresError) -> Money { Money(microdollars: try get(column)) }
  func optionalMoney(_ column: String) throws(PostgresError) -> Money? {
    try optional(column, as: Int64.self).map { Money(microdollars: $0) }
  }
  func price(_ column: String) throws(PostgresError) -> Price {
    let value = try get(column, as: Int64.self)
    do {
      return try Price(microdollarsPerGPUHour: value)
    } catch {
      throw PostgresError(.decoding, error.description)
    }
  }
  func period(_ start: String, _ end: String) throws(PostgresError) -> TimeRange {
    do {
      return try TimeRange(start: instant(start), end: instant(end))
    } catch let error as PostgresError {
      throw error
    } catch {
      throw PostgresError(.decoding, "\(error)")
    }
  }
  func slotLength(_ column: String = "slot_minutes") throws(PostgresError) -> SlotLength {
    guard let length = SlotLength(rawValue: try get(column)) else {
      throw PostgresError(.decoding, "the market's slot length is not 15, 30 or 60 minutes")
    }
    return length
  }
}

extension Instant: PostgresEncodable {
  /// The text form with its zone, so that no session setting can move it.
  public var postgresParameter: Parameter { .text(iso8601) }
}
