import Units

// The one way that money is written as JSON: exact dollars as a string, since readers take a JSON number for a binary
// fraction. The unit stands in the key: `payment_usd`, `limit_usd_per_gpu_hour`.
extension JSONText {
  /// An amount under a key that ends in `_usd`: `"12.34"`, with up to six decimals where it has them.
  public static func usd(_ money: Money) -> JSONText { .string(money.dollars) }

  /// Whole cents, likewise.
  public static func usd(cents: Int64) -> JSONText { .usd(Money(cents: cents)) }

  /// Micro-dollars, likewise; a key for one lot and slot ends in `_usd_per_lot_slot`.
  public static func usd(microdollars: Int64) -> JSONText { .usd(Money(microdollars: microdollars)) }

  /// A price under a key that ends in `_usd_per_gpu_hour`: `"2.40"`.
  public static func usd(_ price: Price) -> JSONText { .string(price.dollarsPerGPUHour) }
}
