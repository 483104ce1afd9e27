/// A number with commas between thousands, before any decimal point: `-12,345.67`.
///
/// - Parameter number: digits, perhaps with a minus sign and a decimal point.
public func grouped(_ number: String) -> String {
  let parts = number.split(separator: ".", omittingEmptySubsequences: false)
  var whole = ""
  for (index, digit) in parts[0].reversed().enumerated() {
    if index > 0, index % 3 == 0, digit != "-" { whole.append(",") }
    whole.append(digit)
  }
  return String(whole.reversed()) + (parts.count > 1 ? "." + parts[1] : "")
}

/// A whole number with commas between thousands: `12,345`.
public func grouped(_ value: some BinaryInteger) -> String { grouped(String(value)) }
