/// Reads CSV as RFC 4180 has it: a header row, fields that may be quoted, quotes doubled inside quotes.
///
/// Lines end with LF or CRLF, also inside quotes; a byte order mark is skipped; empty lines between
/// records are skipped. The text must be UTF-8 without NUL, and every record as wide as the header.
public struct CSVReader: Sendable {
  /// The header's names, in file order.
  public var columns: [String] { table.columns }
  private var table: CSVTable
  private var at = 0
  private var line = 1

  /// Reads the header row.
  /// - Parameter source: how errors name the file.
  public init(_ bytes: [UInt8], source: String) throws(CSVError) {
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) { at = 3 }
    let draft = CSVTable(bytes: bytes, source: source, columns: [])
    table = draft
    guard let header = try nextRecord() else {
      throw draft.error(at: at, nil, "it has no header row", "begin it with a line of column names")
    }
    for index in 0..<header.count {
      let name = header[index]
      let place = header.fields[index].offset
      guard !name.isEmpty else {
        throw draft.error(at: place, nil, "a column has no name", "name every column in the header")
      }
      guard !header.fields[..<index].contains(where: { $0.text == name }) else {
        throw draft.error(at: place, name, "the column appears twice", "keep one of them")
      }
    }
    table = CSVTable(bytes: bytes, source: source, columns: header.fields.map(\.text))
  }

  /// Checks the header: every name in `columns` is there, and none that is in neither list.
  public func require(columns needed: [String], optional: [String] = []) throws(CSVError) {
    let header = "the header needs \(needed.joined(separator: ","))"
    let and = optional.isEmpty ? "" : " and may have \(optional.joined(separator: ","))"
    for name in needed where !columns.contains(name) {
      throw table.error(at: table.start, nil, "the column \"\(name)\" is missing", header + and)
    }
    for (index, name) in columns.enumerated() where !needed.contains(name) && !optional.contains(name) {
      let place = headerOffsets()[index]
      throw table.error(at: place, nil, "the column \"\(name)\" is not known here", header + and)
    }
  }

  /// The position of a column, nil when the header has none of that name.
  public func index(of name: String) -> Int? { columns.firstIndex(of: name) }

  /// The next record, nil at the end.
  public mutating func next() throws(CSVError) -> CSVRecord? {
    guard let record = try nextRecord() else { return nil }
    guard record.count == columns.count else {
      let last = record.fields[min(record.count, columns.count + 1) - 1].offset
      throw table.error(
        at: last, nil, "the record has \(record.count) fields where the header has \(columns.count)",
        "give each column a field, and quote a field that contains a comma")
    }
    return record
  }

  private func headerOffsets() -> [Int] {
    var again = self
    again.at = table.start
    again.line = 1
    do { return try again.nextRecord()?.fields.map(\.offset) ?? [] } catch { return [] }
  }

  private mutating func nextRecord() throws(CSVError) -> CSVRecord? {
    let text = table.bytes
    let bytes = text.span
    while at < bytes.count {
      if bytes[at] == lineFeed {
        at += 1
      } else if bytes[at] == carriageReturn, at + 1 < bytes.count, bytes[at + 1] == lineFeed {
        at += 2
      } else {
        break
      }
      line += 1
    }
    guard at < bytes.count else { return nil }
    let first = line
    var fields: [CSVRecord.Field] = []
    fields.reserveCapacity(max(columns.count, 8))
    while true {
      fields.append(try bytes[at: at] == quote ? quotedField(bytes) : plainField(bytes))
      guard bytes[at: at] == comma else { break }
      at += 1
    }
    if at < bytes.count {
      // Fields end at a comma, an LF, a CRLF or the end, and nowhere else.
      at += bytes[at] == lineFeed ? 1 : 2
      line += 1
    }
    return CSVRecord(table: table, line: first, fields: fields)
  }

  private mutating func plainField(_ bytes: Span<UInt8>) throws(CSVError) -> CSVRecord.Field {
    let start = at
    while at < bytes.count {
      switch bytes[at] {
      case comma, lineFeed: return try field(bytes, start, at)
      case carriageReturn:
        guard bytes[at: at + 1] == lineFeed else {
          throw table.error(at: at, nil, "a carriage return stands alone", "end lines with LF or CRLF")
        }
        return try field(bytes, start, at)
      case quote:
        throw table.error(
          at: at, nil, "a quote stands inside a field that is not quoted",
          "put the whole field in quotes and double the quotes inside it")
      default: at += 1
      }
    }
    return try field(bytes, start, at)
  }

  private mutating func quotedField(_ bytes: Span<UInt8>) throws(CSVError) -> CSVRecord.Field {
    let start = at
    var from = at + 1
    var text = ""
    at = from
    while true {
      guard at < bytes.count else {
        throw table.error(at: start, nil, "the quote that opens here is never closed", "close it with a second quote")
      }
      if bytes[at] == lineFeed { line += 1 }
      guard bytes[at] == quote else {
        at += 1
        continue
      }
      if bytes[at: at + 1] == quote {
        text += try field(bytes, from, at + 1).text
        at += 2
        from = at
        continue
      }
      text += try field(bytes, from, at).text
      at += 1
      let after = bytes[at: at]
      guard
        after == nil || after == comma || after == lineFeed
          || (after == carriageReturn && bytes[at: at + 1] == lineFeed)
      else {
        throw table.error(
          at: at, nil, "something follows the closing quote",
          "end the field there, or double a quote that belongs to it")
      }
      return CSVRecord.Field(text: text, offset: start)
    }
  }

  private func field(_ bytes: Span<UInt8>, _ from: Int, _ to: Int) throws(CSVError) -> CSVRecord.Field {
    let span = bytes.extracting(from..<to)
    for index in 0..<span.count where span[index] == 0 {
      throw table.error(at: from + index, nil, "there is a NUL byte", "save the file as UTF-8 text")
    }
    do {
      return CSVRecord.Field(text: String(copying: try UTF8Span(validating: span)), offset: from)
    } catch {
      throw table.error(at: from + error.byteOffsets.lowerBound, nil, "the text is not UTF-8", "save the file as UTF-8")
    }
  }
}

private let comma = UInt8(ascii: ",")
private let quote = UInt8(ascii: "\"")
private let lineFeed = UInt8(ascii: "\n")
private let carriageReturn = UInt8(ascii: "\r")

extension Span<UInt8> {
  /// The byte there, nil past the end.
  subscript(at index: Int) -> UInt8? { index < count ? self[index] : nil }
}
