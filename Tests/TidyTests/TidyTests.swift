import Foundation
import Testing

/// What taste cannot be trusted with: who may import what, marks left behind, files nobody builds.
@Suite struct TidyTests {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// Every import that a module may have, by the table of docs/architecture.md; the command line may have all.
  static func allowed() throws -> [String: Set<String>] {
    var table: [String: Set<String>] = [:]
    for line in try lines(root.appending(path: "docs/architecture.md")) where line.hasPrefix("| `") {
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard cells.count == 3, cells[2] != "all of them" else { continue }
      let names = cells[2].split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
      table[cells[0].trimmingCharacters(in: ["`"])] = names == ["nothing"] ? [] : Set(names)
    }
    return table
  }

  /// The modules that a module's files import, C libraries and the toolchain's among them.
  static func imports(of module: String) throws -> [(file: String, name: String)] {
    var found: [(file: String, name: String)] = []
    for source in files(under: "Sources/\(module)", ending: [".swift"]) {
      for line in try lines(source) where line.contains("import ") {
        let words = line.split(separator: " ")
        guard let at = words.firstIndex(of: "import"), at + 1 < words.count, at <= 1 else { continue }
        guard at == 0 || words[0].hasPrefix("@") || ["public", "internal", "package"].contains(words[0]) else {
          continue
        }
        found.append((source.lastPathComponent, String(words[at + 1].split(separator: ".")[0])))
      }
    }
    return found
  }

  static func files(under folder: String, ending suffixes: [String]) -> [URL] {
    let base = root.appending(path: folder)
    guard let walk = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil) else { return [] }
    return walk.compactMap { $0 as? URL }
      .filter { url in suffixes.contains { url.path.hasSuffix($0) } }
      .sorted { $0.path < $1.path }
  }

  static func lines(_ url: URL) throws -> [Substring] {
    try String(contentsOf: url, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false)
  }

  @Test func everyModuleHasItsRoom() throws {
    let modules = try FileManager.default.contentsOfDirectory(atPath: Self.root.appending(path: "Sources").path)
    // C libraries hold no code of ours, the command line may import all, and no product uses the tests' support.
    let others: Set<String> = ["CCurl", "CLibPQ", "CSodium", "CZlib", "gpumarket", "TestSupport"]
    #expect(Set(modules).subtracting(others) == Set(try Self.allowed().keys))
  }

  @Test(arguments: try allowed().sorted { $0.key < $1.key })
  func importsPointOneWay(module: String, allowed: Set<String>) throws {
    #expect(!Self.files(under: "Sources/\(module)", ending: [".swift"]).isEmpty)
    for (file, name) in try Self.imports(of: module) {
      #expect(allowed.contains(name), "\(file) imports \(name), which \(module) may not")
    }
  }

  /// The arrows of the module diagram are the imports that the sources make, but for those of `Units`.
  @Test func theDiagramShowsTheImports() throws {
    let modules = Set(try Self.allowed().keys).union(["gpumarket"])
    var drawn: [String] = []
    for line in try Self.lines(Self.root.appending(path: "docs/architecture.md")) {
      let words = line.split(separator: " ").map(String.init)
      guard words.count == 3, words[1] == "-->", words[0] != words[2] else { continue }
      if modules.contains(words[0]) || modules.contains(words[2]) { drawn.append("\(words[0]) --> \(words[2])") }
    }
    var made: Set<String> = []
    for module in modules {
      for name in try Self.imports(of: module).map(\.name) where modules.contains(name) && name != "Units" {
        made.insert("\(module) --> \(name)")
      }
    }
    #expect(!made.isEmpty && Set(drawn).count == drawn.count)
    let (missing, wrong) = (made.subtracting(drawn).sorted(), Set(drawn).subtracting(made).sorted())
    #expect(missing.isEmpty, "docs/architecture.md draws no arrow for \(missing)")
    #expect(wrong.isEmpty, "docs/architecture.md draws \(wrong), which nothing imports")
  }

  @Test func nothingIsLeftForLater() throws {
    let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
    for folder in ["Sources", "Tests", "sql", "tools", "docs"] {
      for source in Self.files(under: folder, ending: [".swift", ".sql", ".sh", ".py", ".md"]) {
        for (number, line) in try Self.lines(source).enumerated() {
          let words = line.split { !$0.isLetter }
          for mark in marks {
            #expect(!words.contains(Substring(mark)), "\(source.lastPathComponent):\(number + 1) has a \(mark)")
          }
        }
      }
    }
  }

  @Test func everySourceIsBuilt() throws {
    let manifest = try String(contentsOf: Self.root.appending(path: "Package.swift"), encoding: .utf8)
    for folder in ["Sources", "Tests"] {
      let base = Self.root.appending(path: folder)
      for target in try FileManager.default.contentsOfDirectory(atPath: base.path) {
        #expect(manifest.contains("\"\(target)\""), "\(folder)/\(target) is no target of Package.swift")
      }
    }
  }

  @Test func tablesAreNumberedOnce() throws {
    let names = Self.files(under: "sql/tables", ending: [""]).map(\.lastPathComponent)
    #expect(!names.isEmpty)
    #expect(
      names.map { Int($0.prefix(3)) } == Array(1...names.count), "the numbers of sql/tables do not count from 001")
    for name in names {
      #expect(name.wholeMatch(of: /[0-9]{3}_[a-z0-9_]+\.sql/) != nil, "\(name) is not NNN_name.sql")
    }
  }

  /// A reader who finds a function in a file has found what holds.
  @Test func functionsAreDefinedOnce() throws {
    var defined: [String: String] = [:]
    for file in Self.files(under: "sql", ending: [".sql"]) {
      let path = file.pathComponents.suffix(3).joined(separator: "/")
      let text = try String(contentsOf: file, encoding: .utf8)
      let functions = text.matches(of: /(?m)^CREATE (OR REPLACE )?FUNCTION ([a-z0-9_.]+)/).map { String($0.2) }
      #expect(
        functions.isEmpty || path.hasPrefix("functions/"),
        "\(path) makes functions, and is not sql/functions/AREA/name.sql")
      for function in functions {
        #expect(defined[function] == nil, "\(function) is defined in \(path) and in \(defined[function] ?? "")")
        defined[function] = path
      }
      let isOfFunctions = path.hasPrefix("functions/")
      #expect(
        !isOfFunctions || !text.contains(/(?m)^\s*(CREATE TABLE|CREATE TYPE|ALTER TABLE|CREATE FUNCTION)/),
        "\(path) makes a table or type, or a function that cannot be replaced")
    }
    #expect(defined.count > 150)
  }
}
