import Units

extension Instant: PostgresDecodable {
  /// From what `timestamptz` columns hold: PostgreSQL's text form in UTC, `2026-12-07 00:00:00+00`.
  public init?(postgresText text: String) {
    do {
      self = try Instant(iso8601: text.replacing(" ", with: "T"))
    } catch {
      return nil
    }
  }
}

extension Instant: PostgresEncodable {
  /// The text form with its zone, so that no session setting can move it.
  public var postgresParameter: Parameter { .text(iso8601) }
}
