import CLibPQ

/// The rows of one statement. Frees libpq's memory with its last reference; values are copied out.
public final class Rows: RandomAccessCollection {
  private let result: OpaquePointer
  private let columns: [String: Int32]
  /// The number of rows.
  public let count: Int
  /// Rows that an INSERT, UPDATE, DELETE or COPY touched; 0 for others.
  public let affected: Int

  init(_ result: OpaquePointer) {
    self.result = result
    count = Int(PQntuples(result))
    var columns: [String: Int32] = [:]
    for column in 0..<PQnfields(result) { columns[String(cString: PQfname(result, column))] = column }
    self.columns = columns
    affected = Int(String(cString: PQcmdTuples(result))) ?? 0
  }

  deinit { PQclear(result) }

  /// 0.
  public var startIndex: Int { 0 }
  /// The number of rows.
  public var endIndex: Int { count }
  /// A row in the order the server sent it.
  public subscript(position: Int) -> Row { Row(rows: self, index: Int32(position)) }

  /// The single row of a statement that always gives one.
  ///
  /// - Throws: `decoding` where there are none or more.
  public func one() throws(PostgresError) -> Row {
    guard count == 1 else { throw PostgresError(.decoding, "expected one row, got \(count)") }
    return self[0]
  }

  fileprivate func text(_ row: Int32, _ column: String) throws(PostgresError) -> String? {
    guard let index = columns[column] else {
      throw PostgresError(.decoding, "the result has no column \"\(column)\"")
    }
    guard PQgetisnull(result, row, index) == 0 else { return nil }
    let bytes = UnsafeRawBufferPointer(
      start: PQgetvalue(result, row, index), count: Int(PQgetlength(result, row, index)))
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// One row; values are read by column name.
public struct Row {
  fileprivate let rows: Rows
  fileprivate let index: Int32

  /// The value of a column that is never NULL.
  ///
  /// - Throws: `decoding` where the column is absent, NULL or of another type.
  public func get<T: PostgresDecodable>(_ column: String, as type: T.Type = T.self) throws(PostgresError) -> T {
    guard let value = try optional(column, as: type) else {
      throw PostgresError(.decoding, "column \"\(column)\" is NULL where a value was expected")
    }
    return value
  }

  /// The value of a column, or nil for NULL.
  ///
  /// - Throws: `decoding` where the column is absent or of another type.
  public func optional<T: PostgresDecodable>(_ column: String, as type: T.Type = T.self) throws(PostgresError) -> T? {
    guard let text = try rows.text(index, column) else { return nil }
    guard let value = T(postgresText: text) else {
      throw PostgresError(.decoding, "column \"\(column)\" holds \"\(text.prefix(80))\", which is no \(T.self)")
    }
    return value
  }
}

/// A Swift value that can be read from PostgreSQL's text form.
public protocol PostgresDecodable {
  /// The value, nil where the text is not of this type.
  init?(postgresText: String)
}

extension Int: PostgresDecodable { public init?(postgresText text: String) { self.init(text) } }
extension Int64: PostgresDecodable { public init?(postgresText text: String) { self.init(text) } }
extension Int32: PostgresDecodable { public init?(postgresText text: String) { self.init(text) } }
extension String: PostgresDecodable { public init?(postgresText text: String) { self = text } }
extension Bool: PostgresDecodable {
  public init?(postgresText text: String) {
    guard text == "t" || text == "f" else { return nil }
    self = text == "t"
  }
}

/// Bytes from `bytea` (`\x…`), other elements from a one-dimensional array literal without NULLs.
extension Array: PostgresDecodable where Element: PostgresDecodable {
  public init?(postgresText text: String) {
    if Element.self == UInt8.self {
      guard let bytes = bytesFromHexadecimal(text) as? [Element] else { return nil }
      self = bytes
      return
    }
    guard let elements = arrayElements(text) else { return nil }
    self = []
    for element in elements {
      guard let value = Element(postgresText: element) else { return nil }
      append(value)
    }
  }
}

extension UInt8: PostgresDecodable { public init?(postgresText text: String) { self.init(text) } }

func bytesFromHexadecimal(_ text: String) -> [UInt8]? {
  let digits = Array(text.utf8)
  guard digits.count >= 2, digits.count % 2 == 0, digits[0] == UInt8(ascii: "\\"), digits[1] == UInt8(ascii: "x") else {
    return nil
  }
  func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 48...57: digit - 48
    case 97...102: digit - 87
    case 65...70: digit - 55
    default: nil
    }
  }
  var bytes: [UInt8] = []
  bytes.reserveCapacity(digits.count / 2 - 1)
  for at in stride(from: 2, to: digits.count, by: 2) {
    guard let high = value(digits[at]), let low = value(digits[at + 1]) else { return nil }
    bytes.append(high << 4 | low)
  }
  return bytes
}

/// The elements of an array literal such as `{a,"b c"}`; nil where it is nested, holds NULL or does not parse.
func arrayElements(_ text: String) -> [String]? {
  let characters = Array(text.utf8)
  guard characters.first == UInt8(ascii: "{"), characters.last == UInt8(ascii: "}"), characters.count >= 2 else {
    return nil
  }
  var elements: [String] = []
  var at = 1
  let end = characters.count - 1
  if at == end { return [] }
  while at <= end {
    var element: [UInt8] = []
    if characters[at] == UInt8(ascii: "\"") {
      at += 1
      while at < end, characters[at] != UInt8(ascii: "\"") {
        if characters[at] == UInt8(ascii: "\\") { at += 1 }
        element.append(characters[at])
        at += 1
      }
      at += 1
    } else {
      while at < end, characters[at] != UInt8(ascii: ",") {
        if characters[at] == UInt8(ascii: "{") { return nil }
        element.append(characters[at])
        at += 1
      }
      if element == Array("NULL".utf8) { return nil }
    }
    elements.append(String(decoding: element, as: UTF8.self))
    guard at <= end, at == end || characters[at] == UInt8(ascii: ",") else { return nil }
    at += 1
  }
  return elements
}
