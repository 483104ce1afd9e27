import Foundation
import Market
import Postgres
import TestSupport
import Testing

/// Runs the pgTAP files of `sql/tests` against a market with companies in it.
@Suite("Catalogue")
struct CatalogueTests {
  static let files = ["catalogue.sql"]

  @Test func everyFileIsRun() throws {
    let folder = TestMarket.sqlFolder + "/tests"
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == Self.files)
  }

  @Test(arguments: files)
  func holds(_ file: String) throws {
    let market = try TestMarket(afresh: true)
    _ = try market.addCompany("acme")
    let text = try String(contentsOfFile: TestMarket.sqlFolder + "/tests/" + file, encoding: .utf8)
    var connection = try market.connect(nil)
    try connection.script("CREATE SCHEMA tap; CREATE EXTENSION pgtap SCHEMA tap")
    var passed = 0
    for statement in statements(text) {
      guard statement.hasPrefix("SELECT") else {
        try connection.script(statement)
        continue
      }
      try connection.copyOut(SQL(unsafeRaw: "COPY (\(statement)) TO STDOUT")) { row in
        let line = String(decoding: row, as: UTF8.self)
        #expect(!line.contains("not ok"), "\(file): \(line)")
        if line.hasPrefix("ok") { passed += 1 }
      }
    }
    #expect(passed > 20, "\(file) ran \(passed) checks")
  }

  /// Splits at semicolons at a line's end, which in these files are ends of statements only.
  private func statements(_ text: String) -> [String] {
    text.split(separator: /(?m)^--.*$/).joined().components(separatedBy: ";\n").map {
      $0.trimmingCharacters(in: .whitespacesAndNewlines)
    }.filter { !$0.isEmpty }
  }
}
