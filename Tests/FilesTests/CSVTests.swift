import Files
import TestSupport
import Testing

@Suite("CSV") struct CSVTests {
  /// All rows after the header, as texts.
  static func rows(_ bytes: [UInt8]) throws(CSVError) -> [[String]] {
    var reader = try CSVReader(bytes, source: "t.csv")
    var rows: [[String]] = []
    while let record = try reader.next() { rows.append((0..<record.count).map { record[$0] }) }
    return rows
  }

  static func message(_ text: String) -> String {
    do {
      _ = try rows(Array(text.utf8))
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test func readsQuotesLineEndsAndAByteOrderMark() throws {
    let text = "\u{feff}a,b\r\n1,\"x, \"\"y\"\"\r\nz\"\r\n\r\n2,\n\"\",é"
    #expect(try Self.rows(Array(text.utf8)) == [["1", "x, \"y\"\r\nz"], ["2", ""], ["", "é"]])
  }

  @Test func recordsKnowTheirLine() throws {
    var reader = try CSVReader(Array("a,b\n\n1,\"x\ny\"\n2,3\n".utf8), source: "t.csv")
    let first = try #require(try reader.next())
    let second = try #require(try reader.next())
    #expect(first.line == 3)
    #expect(second.line == 5)
    #expect(second["b"] == "3")
    #expect(second["c"] == nil)
    #expect(
      "\(second.refuse(1, "no", "yes"))" == "t.csv line 5, column 3 (b): no; yes")
  }

  @Test(arguments: [
    ("", "t.csv line 1, column 1: it has no header row; begin it with a line of column names"),
    ("a,a\n", "t.csv line 1, column 3 (a): the column appears twice; keep one of them"),
    ("a,,c\n", "t.csv line 1, column 3: a column has no name; name every column in the header"),
    ("a,b\n1\n", "t.csv line 2, column 1: the record has 1 fields where the header has 2; "),
    ("a,b\n1,2,3\n", "t.csv line 2, column 5: the record has 3 fields where the header has 2; "),
    ("a\n\"x\n", "t.csv line 2, column 1: the quote that opens here is never closed; close it with a second quote"),
    ("a\né\"x\n", "t.csv line 2, column 2: a quote stands inside a field that is not quoted; "),
    ("a\n\"x\"y\n", "t.csv line 2, column 4: something follows the closing quote; "),
    ("a\nx\ry\n", "t.csv line 2, column 2: a carriage return stands alone; end lines with LF or CRLF"),
    ("a\nx\0\n", "t.csv line 2, column 2: there is a NUL byte; save the file as UTF-8 text"),
  ])
  func refusesWithLineAndColumn(text: String, message: String) {
    #expect(Self.message(text).hasPrefix(message), "\(Self.message(text))")
  }

  @Test func refusesWhatIsNotUTF8() {
    #expect {
      try Self.rows([97, 10, 98, 0xff, 10])
    } throws: {
      "\($0)" == "t.csv line 2, column 2: the text is not UTF-8; save the file as UTF-8"
    }
  }

  @Test func checksTheHeader() throws {
    let reader = try CSVReader(Array("a,b,x\n".utf8), source: "t.csv")
    try reader.require(columns: ["a", "b"], optional: ["x"])
    #expect {
      try reader.require(columns: ["a", "b"])
    } throws: {
      "\($0)" == "t.csv line 1, column 5: the column \"x\" is not known here; the header needs a,b"
    }
    #expect {
      try reader.require(columns: ["a", "c"], optional: ["b"])
    } throws: {
      "\($0)" == "t.csv line 1, column 1: the column \"c\" is missing; the header needs a,c and may have b"
    }
  }

  @Test(arguments: [("8", nil), ("-1", "below 0"), ("101", "above 100"), ("+8", "not a whole"), ("8.0", "not a whole")])
  func readsWholeNumbers(text: String, problem: String?) throws {
    var reader = try CSVReader(Array("gpus\n\(text)\n".utf8), source: "t.csv")
    let record = try #require(try reader.next())
    do {
      #expect(try record.integer(0, in: 0...100) == 8)
      #expect(problem == nil)
    } catch {
      #expect(error.problem.contains(try #require(problem)))
      #expect((error.line, error.column, error.field) == (2, 1, "gpus"))
    }
  }

  @Test func whatIsWrittenReadsBack() throws {
    var random = SeededGenerator(11)
    let letters = Array("ab ,\"\n\r;'é0").map(String.init)
    for _ in 0..<300 {
      let width = Int.random(in: 1...4, using: &random)
      let rows = (0..<Int.random(in: 0...6, using: &random)).map { _ in
        (0..<width).map { _ in
          (0..<Int.random(in: 0...5, using: &random)).map { _ in letters.randomElement(using: &random)! }.joined()
        }
      }
      var writer = CSVWriter(columns: (0..<width).map { "c\($0)" })
      for row in rows { writer.row(row.map { .text($0) }) }
      // A carriage return in front is one of the characters that get an apostrophe.
      let expected = rows.map { $0.map { $0.utf8.first == 13 ? "'" + $0 : $0 } }
      #expect(try Self.rows(writer.bytes) == expected)
    }
  }

  @Test func randomBytesNeverCrashAndErrorsHaveAPlace() {
    var random = SeededGenerator(12)
    let bytes = Array("a,\"\n\r".utf8) + [0, 0xc3, 0xa9, 0xff]
    for _ in 0..<20_000 {
      let text = (0..<Int.random(in: 0...24, using: &random)).map { _ in bytes.randomElement(using: &random)! }
      do {
        _ = try Self.rows(text)
      } catch {
        #expect(error.line >= 1 && error.line <= 1 + text.count { $0 == 10 })
        #expect(error.column >= 1 && error.column <= text.count + 1)
      }
    }
  }

  @Test func spreadsheetsRunNothing() {
    var writer = CSVWriter(columns: ["company", "payment"])
    writer.row(["=cmd()", .decimal("-12.50")])
    writer.row(["@x", .decimal("=1")])
    writer.row([.text("-1"), -1])
    #expect(
      String(decoding: writer.bytes, as: UTF8.self) == "company,payment\n'=cmd(),-12.50\n'@x,'=1\n'-1,-1\n")
  }
}
