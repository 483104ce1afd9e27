/// A statement whose interpolated values become bound parameters, never text.
///
///     let statement: SQL = "SELECT name FROM market.pool WHERE capacity >= \(64)"
///
/// The server infers each parameter's type from where it stands; add a cast (`\(x)::bigint`) where it cannot.
public struct SQL: ExpressibleByStringInterpolation, Sendable {
  /// The statement with `$1`, `$2`, … in place of the values.
  public private(set) var text: String
  /// The values, in order.
  public private(set) var parameters: [Parameter]

  /// A statement without values.
  public init(stringLiteral text: String) {
    self.text = text
    parameters = []
  }

  /// Text that is trusted as it stands: a migration file, a quoted identifier.
  public init(unsafeRaw text: String) {
    self.text = text
    parameters = []
  }

  /// A statement and its values.
  public init(stringInterpolation: StringInterpolation) {
    text = stringInterpolation.text
    parameters = stringInterpolation.parameters
  }

  /// Gathers the pieces of an interpolated statement.
  public struct StringInterpolation: StringInterpolationProtocol {
    var text = ""
    var parameters: [Parameter] = []

    /// Called by the compiler.
    public init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity + 4) }

    /// A piece of the statement as written.
    public mutating func appendLiteral(_ literal: String) { text += literal }

    /// A value, bound.
    public mutating func appendInterpolation(_ value: some PostgresEncodable) { bind(value.postgresParameter) }

    /// A value or NULL, bound.
    public mutating func appendInterpolation(_ value: (some PostgresEncodable)?) {
      bind(value?.postgresParameter ?? .null)
    }

    /// Trusted text; the name is long so that it is noticed in review.
    public mutating func appendInterpolation(unsafeRaw raw: String) { text += raw }

    /// A name, quoted: of a role, a table, a channel.
    public mutating func appendInterpolation(identifier name: String) {
      text += "\"" + prefixing("\"", with: "\"", in: name) + "\""
    }

    private mutating func bind(_ parameter: Parameter) {
      parameters.append(parameter)
      text += "$\(parameters.count)"
    }
  }
}

/// A value on its way to the server: text form, except bytes.
public enum Parameter: Sendable, Equatable {
  /// SQL's NULL.
  case null
  /// PostgreSQL's text form, which the server reads by the parameter's type.
  case text(String)
  /// Sent in binary form: `bytea`.
  case bytes([UInt8])
}

/// A Swift value that can be bound to a statement.
public protocol PostgresEncodable {
  /// The value as it is sent.
  var postgresParameter: Parameter { get }
}

extension Int: PostgresEncodable { public var postgresParameter: Parameter { .text(String(self)) } }
extension Int64: PostgresEncodable { public var postgresParameter: Parameter { .text(String(self)) } }
extension Int32: PostgresEncodable { public var postgresParameter: Parameter { .text(String(self)) } }
extension Bool: PostgresEncodable { public var postgresParameter: Parameter { .text(self ? "t" : "f") } }
extension String: PostgresEncodable { public var postgresParameter: Parameter { .text(self) } }
extension Substring: PostgresEncodable { public var postgresParameter: Parameter { .text(String(self)) } }

/// An array is bytes (`bytea`) if its elements are `UInt8`, else an array literal of its elements.
extension Array: PostgresEncodable where Element: PostgresEncodable {
  public var postgresParameter: Parameter {
    // An empty array of anything can be cast to bytes, so the type is asked first.
    if Element.self == UInt8.self, let bytes = self as? [UInt8] { return .bytes(bytes) }
    return .text("{" + map { arrayElement($0.postgresParameter) }.joined(separator: ",") + "}")
  }
}

extension UInt8: PostgresEncodable { public var postgresParameter: Parameter { .text(String(self)) } }

private func arrayElement(_ parameter: Parameter) -> String {
  switch parameter {
  case .null: "NULL"
  case .text(let text): "\"" + prefixing("\"\\", with: "\\", in: text) + "\""
  case .bytes(let bytes): "\"\\\\x" + hexadecimal(bytes) + "\""
  }
}

/// Puts a mark before each of some ASCII characters. Byte by byte, for to `String` a quote with a combining accent after
/// it is another character than a quote.
func prefixing(_ special: StaticString, with mark: Unicode.Scalar, in text: String) -> String {
  let marked = special.withUTF8Buffer { Array($0) }
  var bytes: [UInt8] = []
  for byte in text.utf8 {
    if marked.contains(byte) { bytes.append(UInt8(ascii: mark)) }
    bytes.append(byte)
  }
  return String(decoding: bytes, as: UTF8.self)
}

func hexadecimal(_ bytes: [UInt8]) -> String {
  let digits = Array("0123456789abcdef".utf8)
  return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
