import Postgres
import Units

extension Row {
  func instant(_ column: String) throws(PostgresError) -> Instant { try get(column) }
  func optionalInstant(_ column: String) throws(PostgresError) -> Instant? { try optional(column) }
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
