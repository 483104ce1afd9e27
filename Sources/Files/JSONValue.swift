/// One value of a parsed JSON text; it knows its place, and its accessors' errors say it.
///
/// A small handle on the shared tree: copying is cheap, texts are decoded when asked for.
public struct JSONValue: Sendable {
  /// What a value is.
  public enum Kind: String, Sendable {
    case null
    case bool = "true or false"
    case number = "a number"
    case string = "a text in quotes"
    case array = "an array"
    case object = "an object"
  }

  let tree: JSONTree
  let index: Int

  var offset: Int { Int(tree.nodes[index].offset) }

  /// What the value is.
  public var kind: Kind {
    switch tree.bytes[offset] {
    case UInt8(ascii: "{"): .object
    case UInt8(ascii: "["): .array
    case UInt8(ascii: "\""): .string
    case UInt8(ascii: "t"), UInt8(ascii: "f"): .bool
    case UInt8(ascii: "n"): .null
    default: .number
    }
  }

  /// Whether the value is `null`.
  public var isNull: Bool { kind == .null }
  /// Line of the value's first character, counted from 1; costs a pass over the text before it.
  public var line: Int { textPlace(of: offset, in: tree.bytes).line }
  /// Character of the value within its line, counted from 1.
  public var column: Int { textPlace(of: offset, in: tree.bytes).column }

  // MARK: Leaves

  /// The value as a text.
  public func string() throws(JSONProblem) -> String {
    try need(.string)
    return tree.text(index)
  }

  /// The value as true or false.
  public func bool() throws(JSONProblem) -> Bool {
    try need(.bool)
    return tree.bytes[offset] == UInt8(ascii: "t")
  }

  /// A number's text, exactly as it stands: it never passes through a float.
  public func numberText() throws(JSONProblem) -> String {
    try need(.number)
    return rawNumber
  }

  /// A decimal written as a number or as a text in quotes, as it stands, for an exact parser.
  public func decimalText() throws(JSONProblem) -> String {
    if kind == .string { return try string() }
    guard kind == .number else { throw wrong("a decimal number") }
    return rawNumber
  }

  /// A whole number within a range, written without fraction or exponent.
  public func integer(in range: ClosedRange<Int64> = .min ... .max) throws(JSONProblem) -> Int64 {
    guard kind == .number else { throw wrong("a whole number") }
    let text = tree.bytes
    let bytes = text.span
    var at = offset
    let negative = bytes[at] == UInt8(ascii: "-")
    if negative { at += 1 }
    var value: Int64 = 0
    while let byte = bytes[at: at], byte &- 48 < 10 {
      let (tens, high) = value.multipliedReportingOverflow(by: 10)
      let (sum, low) = tens.subtractingReportingOverflow(Int64(byte &- 48))
      guard !high, !low else { throw problem("\(rawNumber) is too large", "give a number of at most 18 digits") }
      value = sum
      at += 1
    }
    if let byte = bytes[at: at], byte == UInt8(ascii: ".") || byte | 0x20 == UInt8(ascii: "e") {
      throw problem("\(rawNumber) is not a whole number", "write digits only, without point or exponent")
    }
    // Negative numbers reach further, so the sum was built below zero.
    guard negative || value != .min else {
      throw problem("\(rawNumber) is too large", "give a number of at most 18 digits")
    }
    if !negative { value = -value }
    guard range.contains(value) else {
      let bound = value < range.lowerBound ? "below \(range.lowerBound)" : "above \(range.upperBound)"
      throw problem("\(value) is \(bound)", "give a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  // MARK: Errors

  /// An error that points at this value, for a reader that refuses its content.
  public func problem(_ problem: String, _ advice: String) -> JSONProblem {
    let place = textPlace(of: offset, in: tree.bytes)
    return JSONProblem(
      source: tree.source, line: place.line, column: place.column, path: path, problem: problem, advice: advice)
  }

  func need(_ wanted: Kind) throws(JSONProblem) {
    if kind != wanted { throw wrong(wanted.rawValue) }
  }

  private func wrong(_ wanted: String) -> JSONProblem {
    let found: String
    switch kind {
    case .number: found = rawNumber
    case .bool: found = tree.bytes[offset] == UInt8(ascii: "t") ? "true" : "false"
    case .string: found = "a text in quotes"
    default: found = kind.rawValue
    }
    return problem("it is \(found), not \(wanted)", "give \(wanted)")
  }

  private var rawNumber: String {
    var end = offset
    while end < tree.bytes.count {
      switch tree.bytes[end] {
      case 48...57, UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
        end += 1
        continue
      default: break
      }
      break
    }
    return String(decoding: tree.bytes[offset..<end], as: UTF8.self)
  }
}
