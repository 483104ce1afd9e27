import Units

/// Whole cents as exact dollars with two decimals: `-12.50`.
func dollars(cents: Int64) -> String { Money(cents: cents).dollars }

/// GPU-seconds as GPU-hours; exact, since every slot is a multiple of a quarter of an hour: `84.0`, `1.25`.
func gpuHours(seconds: Int64) -> String {
  let hundredths = seconds.magnitude / 36
  let fraction = hundredths % 100
  let tail = fraction % 10 == 0 ? String(fraction / 10) : (fraction < 10 ? "0" : "") + String(fraction)
  return (seconds < 0 ? "-" : "") + "\(hundredths / 100).\(tail)"
}

/// `amount` micro-dollars over `seconds` GPU-seconds as USD per GPU-hour, rounded half up, trailing zeros dropped
/// down to four decimals; nil for no GPU-hours.
func pricePerGPUHour(microdollars amount: Int64, seconds: Int64, decimals: Int = 10) -> String? {
  guard seconds != 0 else { return nil }
  var scale: Int128 = 1
  for _ in 0..<decimals { scale *= 10 }
  // Both signs agree where an award is reversed, and the price stays positive.
  let numerator = Int128(amount.magnitude) * 3600 * scale
  let denominator = Int128(seconds.magnitude) * Int128(Money.microdollarsPerDollar)
  let scaled = (numerator + denominator / 2) / denominator
  var digits = String(scaled)
  if digits.count <= decimals { digits = String(repeating: "0", count: decimals + 1 - digits.count) + digits }
  var fraction = digits.suffix(decimals)
  while fraction.count > 4, fraction.last == "0" { fraction.removeLast() }
  return ((amount < 0) != (seconds < 0) && amount != 0 ? "-" : "") + digits.dropLast(decimals) + "." + fraction
}

/// The unit price that gives `cents` over `seconds` GPU-seconds to within half a cent: ten decimals, and more where
/// the quantity is so large that ten are not enough.
func unitPrice(cents: Int64, seconds: Int64) -> String? {
  let hours = seconds.magnitude / 3600
  return pricePerGPUHour(
    microdollars: cents * Money.microdollarsPerCent, seconds: seconds, decimals: max(10, String(hours).count + 3))
}

/// An instant as the ledger's functions give it, without its zero fraction: `2026-12-07T00:00:00Z`.
func toSecond(_ exact: String) -> String {
  exact.hasSuffix(".000000Z") ? String(exact.dropLast(8)) + "Z" : exact
}

/// Text on one line that no journal format reads as syntax.
func oneLine(_ text: String) -> String {
  var out = ""
  for scalar in text.unicodeScalars {
    switch scalar {
    case ";", "|": out.append(",")
    case _ where scalar.properties.isWhitespace || scalar.value < 32 || scalar.value == 127:
      if !out.hasSuffix(" ") { out.append(" ") }
    default: out.unicodeScalars.append(scalar)
    }
  }
  return out
}
