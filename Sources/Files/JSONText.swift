/// A JSON text to write: members keep their order, so the same value always gives the same bytes.
public enum JSONText: Sendable, Equatable {
  case null
  case bool(Bool)
  case integer(Int64)
  /// A number by its text, such as exact dollars; text that is no JSON number is written in quotes.
  case number(String)
  case string(String)
  case array([JSONText])
  /// Keys must differ; they are written in this order.
  case object([Member])

  /// One member of an object.
  public struct Member: Sendable, Equatable {
    /// Any text, escaped when written.
    public let key: String
    /// What stands under the key.
    public let value: JSONText

    /// A member of an object.
    public init(_ key: String, _ value: JSONText) {
      self.key = key
      self.value = value
    }
  }

  /// A measure that is not money, such as a gap or seconds, in its shortest exact form; null unless finite.
  public static func fraction(_ value: Double) -> JSONText {
    value.isFinite ? .number("\(value)") : .null
  }

  /// The text: on one line, or `pretty` with two spaces a level and arrays of numbers on one line.
  /// No line end follows.
  public func text(pretty: Bool = false) -> String {
    String(decoding: bytes(pretty: pretty), as: UTF8.self)
  }

  /// The text in UTF-8; see `text(pretty:)`.
  public func bytes(pretty: Bool = false) -> [UInt8] {
    var out: [UInt8] = []
    append(to: &out, indent: pretty ? 0 : nil)
    return out
  }

  private func append(to out: inout [UInt8], indent: Int?) {
    switch self {
    case .null: out.append(contentsOf: "null".utf8)
    case .bool(let value): out.append(contentsOf: (value ? "true" : "false").utf8)
    case .integer(let value): out.append(contentsOf: String(value).utf8)
    case .number(let text): Self.isNumber(text) ? out.append(contentsOf: text.utf8) : Self.quote(text, to: &out)
    case .string(let text): Self.quote(text, to: &out)
    case .array(let elements):
      let flat = elements.allSatisfy(\.isNumeric)
      Self.group("[", "]", elements, indent: flat ? nil : indent, spaced: indent != nil, to: &out) {
        element, out, inner in
        element.append(to: &out, indent: inner)
      }
    case .object(let members):
      Self.group("{", "}", members, indent: indent, spaced: false, to: &out) { member, out, inner in
        Self.quote(member.key, to: &out)
        out.append(contentsOf: (inner == nil ? ":" : ": ").utf8)
        member.value.append(to: &out, indent: inner)
      }
    }
  }

  private var isNumeric: Bool {
    switch self {
    case .integer: true
    case .number(let text): Self.isNumber(text)
    default: false
    }
  }

  private static func group<Item>(
    _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ items: [Item], indent: Int?, spaced: Bool,
    to out: inout [UInt8], item: (Item, inout [UInt8], Int?) -> Void
  ) {
    out.append(UInt8(ascii: open))
    let inner = indent.map { $0 + 2 }
    for (index, each) in items.enumerated() {
      if index > 0 { out.append(UInt8(ascii: ",")) }
      if let inner { newLine(inner, to: &out) } else if spaced, index > 0 { out.append(UInt8(ascii: " ")) }
      item(each, &out, inner)
    }
    if let indent, !items.isEmpty { newLine(indent, to: &out) }
    out.append(UInt8(ascii: close))
  }

  private static func newLine(_ indent: Int, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\n"))
    out.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent))
  }

  private static func quote(_ text: String, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): out.append(contentsOf: [UInt8(ascii: "\\"), byte])
      case 8: out.append(contentsOf: "\\b".utf8)
      case 9: out.append(contentsOf: "\\t".utf8)
      case 10: out.append(contentsOf: "\\n".utf8)
      case 12: out.append(contentsOf: "\\f".utf8)
      case 13: out.append(contentsOf: "\\r".utf8)
      case 0..<0x20, 0x7f:
        let digits = String(byte, radix: 16)
        out.append(contentsOf: ("\\u00" + (digits.utf8.count < 2 ? "0" : "") + digits).utf8)
      default: out.append(byte)
      }
    }
    out.append(UInt8(ascii: "\""))
  }

  private static func isNumber(_ text: String) -> Bool {
    guard let first = text.utf8.first, first == UInt8(ascii: "-") || (48...57).contains(first),
      let last = text.utf8.last, (48...57).contains(last)
    else { return false }
    do {
      return try JSONReader.parse(Array(text.utf8), source: "").kind == .number
    } catch { return false }
  }
}

extension JSONText: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(arrayLiteral elements: JSONText...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONText)...) {
    self = .object(elements.map { Member($0.0, $0.1) })
  }
  public init(nilLiteral: ()) { self = .null }
}
