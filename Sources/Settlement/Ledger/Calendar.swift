import Units

/// The parts of a day such as `2026-12-07`, as the ledger gives them.
func dayParts(_ day: String) -> (year: Substring, month: Substring, day: Substring) {
  let parts = day.split(separator: "-")
  return (parts[0], parts[1], parts[2])
}

/// The next UTC day; nil for text that is no day.
func dayAfter(_ day: String) -> String? { later(day, days: 1) }

/// The first instants of a day's UTC month and of the next, to the second.
func monthBounds(_ day: String) -> (start: String, end: String) {
  let parts = dayParts(day)
  let year = Int(parts.year) ?? 1970
  let month = Int(parts.month) ?? 1
  let next = month == 12 ? (year + 1, 1) : (year, month + 1)
  func text(_ year: Int, _ month: Int) -> String { "\(year)-\(month < 10 ? "0" : "")\(month)-01T00:00:00Z" }
  return (text(year, month), text(next.0, next.1))
}

private func later(_ day: String, days: Int64) -> String? {
  do {
    return (try Instant(iso8601: day + "T00:00Z") + TimeSpan(seconds: days * 86_400)).date
  } catch { return nil }
}
