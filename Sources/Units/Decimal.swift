/// Reads a decimal number exactly as an integer scaled by 10^`decimals`.
func parseDecimal(
  _ text: some StringProtocol, decimals: Int, what: String, example: String
) throws(UnitError) -> Int64 {
  func refuse(_ why: String) -> UnitError {
    UnitError("\"\(text)\" is not \(what): \(why)", advice: "write it like \(example)")
  }
  var digits = Substring(text).utf8[...]
  let negative = digits.first == UInt8(ascii: "-")
  if negative { digits = digits.dropFirst() }
  var value: Int64 = 0
  var whole = 0
  var fraction = 0
  var point = false
  for byte in digits {
    if byte == UInt8(ascii: "."), !point {
      point = true
      continue
    }
    guard byte >= 48, byte <= 57 else { throw refuse("only digits and one decimal point are allowed") }
    if point { fraction += 1 } else { whole += 1 }
    guard fraction <= decimals else { throw refuse("at most \(decimals) decimals are kept exactly") }
    value = try append(byte - 48, to: value, or: refuse("it is too large"))
  }
  guard whole > 0, !point || fraction > 0 else { throw refuse("a digit is missing") }
  for _ in fraction..<decimals { value = try append(0, to: value, or: refuse("it is too large")) }
  return negative ? -value : value
}

private func append(_ digit: UInt8, to value: Int64, or error: @autoclosure () -> UnitError) throws(UnitError)
  -> Int64
{
  let (tens, high) = value.multipliedReportingOverflow(by: 10)
  let (sum, low) = tens.addingReportingOverflow(Int64(digit))
  if high || low { throw error() }
  return sum
}

/// An integer scaled by 10^`scale` as decimal text, trailing zeros dropped down to `least` decimals.
func decimalText(_ value: Int64, scale: Int, least: Int) -> String {
  var digits = String(value.magnitude)
  if digits.count <= scale { digits = String(repeating: "0", count: scale + 1 - digits.count) + digits }
  var fraction = digits.suffix(scale)
  while fraction.count > least, fraction.last == "0" { fraction.removeLast() }
  return (value < 0 ? "-" : "") + digits.dropLast(scale) + (fraction.isEmpty ? "" : "." + fraction)
}

/// Division rounding toward minus infinity.
func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
  let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
  return remainder < 0 ? quotient - 1 : quotient
}
