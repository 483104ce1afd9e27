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

  /// Functions as the catalogue has them: the name, and all texts in which one could be called.
  private func functions(_ connection: inout Connection) throws -> [(name: String, body: String)] {
    try connection.query(
      """
      SELECT p.pronamespace::regnamespace || '.' || p.proname AS name, p.prosrc AS body
      FROM pg_proc p WHERE p.pronamespace IN ('market'::regnamespace, 'ledger'::regnamespace) ORDER BY 1
      """
    ).map { (try $0.get("name"), try $0.get("body")) }
  }

  private func texts(under folder: String, ending: String) throws -> [String] {
    let base = URL(filePath: folder)
    let walk = try #require(FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil))
    return try walk.compactMap { $0 as? URL }.filter { $0.path.hasSuffix(ending) }
      .map { try String(contentsOf: $0, encoding: .utf8) }
  }

  @Test func theDatabaseHasTheFunctionsOfTheFiles() throws {
    let market = try TestMarket()
    var connection = try market.connect(nil)
    let inFiles = try texts(under: TestMarket.sqlFolder + "/functions", ending: ".sql").flatMap { text in
      text.matches(of: /(?m)^CREATE OR REPLACE FUNCTION ([a-z0-9_.]+)/).map { String($0.1) }
    }.sorted()
    #expect(try functions(&connection).map(\.name).sorted() == inFiles)
  }

  /// A function that no other one, no trigger, no policy and no line of Sources calls is dead.
  @Test func everyFunctionIsCalled() throws {
    let market = try TestMarket()
    var connection = try market.connect(nil)
    let all = try functions(&connection)
    let sources = try texts(under: TestMarket.sqlFolder + "/../Sources", ending: ".swift").map(withoutComments)
    let catalogue: [String] = try connection.query(
      """
      SELECT pg_get_triggerdef(oid) AS text FROM pg_trigger WHERE NOT tgisinternal
      UNION ALL SELECT pg_get_expr(polqual, polrelid) FROM pg_policy
      UNION ALL SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef
      """
    ).map { try $0.get("text") }
    func calls(_ text: String, _ name: String) -> Bool {
      text.ranges(of: name + "(").contains { range in
        range.lowerBound == text.startIndex
          || !(text[text.index(before: range.lowerBound)].isLetter || text[text.index(before: range.lowerBound)] == "_")
      }
    }
    var uncalled: [String] = []
    for (name, _) in all {
      let isCalled =
        all.contains { $0.name != name && calls(withoutComments($0.body), name) }
        || catalogue.contains { calls($0, name) } || sources.contains { calls($0, name) }
      if !isCalled { uncalled.append(name) }
    }
    #expect(uncalled == [], "nothing calls these")
  }

  private func withoutComments(_ text: String) -> String {
    text.replacing(/(?m)(--|\/\/).*$/, with: "")
  }

  /// Splits at semicolons at a line's end, which in these files are ends of statements only.
  private func statements(_ text: String) -> [String] {
    text.split(separator: /(?m)^--.*$/).joined().components(separatedBy: ";\n").map {
      $0.trimmingCharacters(in: .whitespacesAndNewlines)
    }.filter { !$0.isEmpty }
  }
}
