/// Reads fixed-width ASCII fields from the front of a text.
struct DigitReader {
  private var rest: Substring.UTF8View

  init(_ text: some StringProtocol) { rest = Substring(text).utf8 }

  var atEnd: Bool { rest.isEmpty }

  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard let byte = rest.first, UInt32(byte) == character.value else { return false }
    rest = rest.dropFirst()
    return true
  }

  /// Exactly `width` digits.
  mutating func number(_ width: Int) -> Int? {
    let field = rest.prefix(width)
    guard field.count == width, field.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
    rest = rest.dropFirst(width)
    return field.reduce(0) { $0 * 10 + Int($1 - 48) }
  }

  /// One to nine digits.
  mutating func number() -> Int? {
    let width = rest.prefix { $0 >= 48 && $0 <= 57 }.count
    return width >= 1 && width <= 9 ? number(width) : nil
  }

  /// Up to `most` digits after a decimal point, scaled to that many places.
  mutating func fraction(most: Int) -> Int? {
    let width = rest.prefix { $0 >= 48 && $0 <= 57 }.count
    guard width >= 1, width <= most, var value = number(width) else { return nil }
    for _ in width..<most { value *= 10 }
    return value
  }
}
