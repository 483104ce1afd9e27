/// One record of a CSV file: its fields, and where they stand, so that a refusal can point there.
public struct CSVRecord: Sendable {
  struct Field: Sendable {
    let text: String
    /// Byte offset in the file, for the errors.
    let offset: Int
  }

  let table: CSVTable
  /// The line on which the record begins, counted from 1.
  public let line: Int
  let fields: [Field]

  /// The number of fields, that of the header's columns.
  public var count: Int { fields.count }

  /// The text of a field by its position.
  public subscript(index: Int) -> String { fields[index].text }

  /// The text of a field by its column's name, nil when the header has no such column.
  public subscript(name: String) -> String? { index(of: name).map { fields[$0].text } }

  /// The position of a column, nil when the header has none of that name.
  public func index(of name: String) -> Int? { table.columns.firstIndex(of: name) }

  /// A field read as a whole number within a range.
  public func integer(_ index: Int, in range: ClosedRange<Int64> = .min ... .max) throws(CSVError) -> Int64 {
    let text = fields[index].text
    guard !text.utf8.starts(with: "+".utf8), let value = Int64(text) else {
      throw refuse(index, "\"\(text)\" is not a whole number", "write digits only, such as 8")
    }
    guard range.contains(value) else {
      let bound = value < range.lowerBound ? "below \(range.lowerBound)" : "above \(range.upperBound)"
      throw refuse(index, "\(value) is \(bound)", "give a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  /// An error that points at a field, for a reader that refuses its content.
  public func refuse(_ index: Int, _ problem: String, _ advice: String) -> CSVError {
    table.error(at: fields[index].offset, table.columns[index], problem, advice)
  }

  /// An error that points at the record.
  public func refuse(_ problem: String, _ advice: String) -> CSVError {
    table.error(at: fields[0].offset, nil, problem, advice)
  }
}

/// What all records of a file share. Line and column are counted only when an error asks for them.
final class CSVTable: Sendable {
  let bytes: [UInt8]
  let source: String
  let columns: [String]

  init(bytes: [UInt8], source: String, columns: [String]) {
    self.bytes = bytes
    self.source = source
    self.columns = columns
  }

  /// Where the text begins, after a byte order mark.
  var start: Int { bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0 }

  func error(at offset: Int, _ field: String?, _ problem: String, _ advice: String) -> CSVError {
    let place = textPlace(of: offset, in: bytes)
    return CSVError(
      source: source == "-" ? "standard input" : source, line: place.line, column: place.column, field: field,
      problem: problem, advice: advice)
  }
}

/// Line and character, both from 1, of a byte in UTF-8 text; a byte order mark takes no place.
func textPlace(of offset: Int, in bytes: [UInt8]) -> (line: Int, column: Int) {
  var line = 1
  var column = 1
  var at = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
  while at < min(offset, bytes.count) {
    if bytes[at] == UInt8(ascii: "\n") {
      line += 1
      column = 1
    } else if bytes[at] & 0xc0 != 0x80 {
      column += 1
    }
    at += 1
  }
  return (line, column)
}
