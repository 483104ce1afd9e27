/// Writes CSV that RFC 4180 readers and spreadsheets take: UTF-8, a header row, LF at line ends.
///
/// A text cell that a spreadsheet would run as a formula (it begins with = + - @, a tab or a carriage
/// return) gets an apostrophe in front; numbers never do.
public struct CSVWriter: Sendable {
  /// What stands in one cell.
  public enum Cell: Sendable, Equatable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    /// Text of any kind, guarded against being read as a formula.
    case text(String)
    /// A whole number.
    case integer(Int64)
    /// An exact decimal such as `-12.50`; anything else is written as text.
    case decimal(String)

    public init(stringLiteral value: String) { self = .text(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
  }

  /// What has been written so far and not yet taken.
  public private(set) var bytes: [UInt8] = []
  private let width: Int

  /// Writes the header row: one or more columns.
  public init(columns: [String]) {
    precondition(!columns.isEmpty, "a CSV file has columns")
    width = columns.count
    row(columns.map { .text($0) })
  }

  /// Appends a record; it must have a cell for each column.
  public mutating func row(_ cells: [Cell]) {
    precondition(cells.count == width, "\(cells.count) cells for \(width) columns")
    for (index, cell) in cells.enumerated() {
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      switch cell {
      case .integer(let value): bytes.append(contentsOf: String(value).utf8)
      case .decimal(let text) where isDecimal(text): bytes.append(contentsOf: text.utf8)
      case .decimal(let text), .text(let text): append(guarded(text))
      }
    }
    bytes.append(UInt8(ascii: "\n"))
  }

  /// Hands over what has been written and starts again empty, for streaming to a file.
  public mutating func take() -> [UInt8] {
    defer { bytes = [] }
    return bytes
  }

  private func guarded(_ text: String) -> String {
    switch text.utf8.first {
    case UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "@"), 9, 13: "'" + text
    default: text
    }
  }

  private mutating func append(_ text: String) {
    // A lone empty field would otherwise be an empty line, which readers skip.
    let plain = text.utf8.allSatisfy { $0 != 34 && $0 != 44 && $0 != 10 && $0 != 13 }
    guard !plain || (text.isEmpty && width == 1) else { return bytes.append(contentsOf: text.utf8) }
    bytes.append(34)
    for byte in text.utf8 {
      if byte == 34 { bytes.append(34) }
      bytes.append(byte)
    }
    bytes.append(34)
  }
}

private func isDecimal(_ text: String) -> Bool {
  let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
  let parts = digits.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
  return (1...2).contains(parts.count) && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy { (48...57).contains($0) } }
}
