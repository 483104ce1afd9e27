/// Reads the header fields `Signature-Input` and `Signature` (RFC 9421 over RFC 8941): one signature, components without
/// parameters. What is allowed beside that the market has no use for, and refuses.
struct SignatureFields {
  /// A parameter's value.
  enum Value: Equatable {
    case integer(Int64)
    case text(String)
  }

  private(set) var label = ""
  /// Names as they stand, in lower case by the grammar.
  private(set) var components: [String] = []
  private(set) var parameters: [(name: String, value: Value)] = []

  /// The value of `@signature-params` in the signature base.
  var text: String {
    Self.text(components, parameters)
  }

  static func text(_ components: [String], _ parameters: [(name: String, value: Value)]) -> String {
    "(" + components.map { "\"\($0)\"" }.joined(separator: " ") + ")"
      + parameters.map { parameter in
        switch parameter.value {
        case .integer(let value): ";\(parameter.name)=\(value)"
        case .text(let value): ";\(parameter.name)=\"\(value)\""
        }
      }.joined()
  }

  func text(_ name: String) -> String? {
    for case (name, .text(let value)) in parameters { return value }
    return nil
  }

  func integer(_ name: String) -> Int64? {
    for case (name, .integer(let value)) in parameters { return value }
    return nil
  }

  /// Reads `sig=("@method" …);created=…;keyid="…"`.
  init?(input: String) {
    var reader = Reader(input)
    guard let label = reader.key(), reader.take("="), reader.take("(") else { return nil }
    self.label = label
    while !reader.take(")") {
      guard components.isEmpty || reader.take(" "), let name = reader.text(), Self.isComponent(name),
        !components.contains(name), components.count < 32
      else { return nil }
      components.append(name)
    }
    while reader.take(";") {
      guard let name = reader.key(), reader.take("="), let value = reader.value(),
        !parameters.contains(where: { $0.name == name }), parameters.count < 8
      else { return nil }
      parameters.append((name, value))
    }
    guard reader.isAtEnd else { return nil }
  }

  /// Reads `sig=:base64:`.
  static func signature(_ field: String, label: String) -> [UInt8]? {
    let start = "\(label)=:"
    guard field.utf8.count <= 256, field.hasPrefix(start), field.hasSuffix(":"),
      field.utf8.count > start.utf8.count
    else { return nil }
    return bytesOfBase64(String(field.dropFirst(start.count).dropLast()))
  }

  private static func isComponent(_ name: String) -> Bool {
    !name.isEmpty
      && name.utf8.enumerated().allSatisfy { at, byte in
        (97...122).contains(byte) || (48...57).contains(byte) || byte == UInt8(ascii: "-")
          || (at == 0 && byte == UInt8(ascii: "@"))
      }
  }
}

/// Reads pieces of a structured field from its bytes.
private struct Reader {
  private let bytes: [UInt8]
  private var at = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  var isAtEnd: Bool { at == bytes.count }

  mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard at < bytes.count, bytes[at] == UInt8(ascii: scalar) else { return false }
    at += 1
    return true
  }

  mutating func key() -> String? {
    let start = at
    while at < bytes.count,
      (97...122).contains(bytes[at]) || (48...57).contains(bytes[at]) || bytes[at] == 45 || bytes[at] == 95
    {
      at += 1
    }
    guard at > start, at - start <= 64, (97...122).contains(bytes[start]) else { return nil }
    return String(decoding: bytes[start..<at], as: UTF8.self)
  }

  /// A text in quotes, without escapes: none of ours needs one.
  mutating func text() -> String? {
    guard take("\"") else { return nil }
    let start = at
    while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
      guard (0x20..<0x7f).contains(bytes[at]), bytes[at] != UInt8(ascii: "\\") else { return nil }
      at += 1
    }
    guard at < bytes.count, at - start <= 256 else { return nil }
    defer { at += 1 }
    return String(decoding: bytes[start..<at], as: UTF8.self)
  }

  mutating func value() -> SignatureFields.Value? {
    if at < bytes.count, bytes[at] == UInt8(ascii: "\"") { return text().map { .text($0) } }
    let start = at
    while at < bytes.count, (48...57).contains(bytes[at]) { at += 1 }
    // No sign, no leading zero: the base is written anew from the number.
    guard at > start, at - start <= 15, at - start == 1 || bytes[start] != 48 else { return nil }
    return Int64(String(decoding: bytes[start..<at], as: UTF8.self)).map { .integer($0) }
  }
}
