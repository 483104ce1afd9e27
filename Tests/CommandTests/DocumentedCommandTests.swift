import Files
import Foundation
import Testing

/// Every command that the documents print exists, with each of its options; and the reference names every command.
@Suite("Documented commands")
struct DocumentedCommandTests {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// A command with its options, those of the subcommand that stands for it included.
  struct Known {
    var subcommands: [String: Known] = [:]
    var options: Set<String> = ["--help", "--version"]

    init(_ command: JSONValue) throws {
      for argument in try command["arguments"]?.elements().map({ $0 }) ?? [] {
        for name in try argument["names"]?.elements().map({ $0 }) ?? [] where try name.at("kind").string() == "long" {
          options.insert("--" + (try name.at("name").string()))
        }
      }
      for sub in try command["subcommands"]?.elements().map({ $0 }) ?? [] {
        subcommands[try sub.at("commandName").string()] = try Known(sub)
      }
      if let usual = try command["defaultSubcommand"]?.string(), let known = subcommands[usual] {
        options.formUnion(known.options)
      }
    }

    /// What is wrong with the words that follow `gpumarket`; nil if nothing is.
    func problem(_ words: ArraySlice<Substring>) -> String? {
      if let first = words.first, let sub = subcommands[String(first)] { return sub.problem(words.dropFirst()) }
      if !subcommands.isEmpty, let first = words.first, first.wholeMatch(of: /[a-z]+/) != nil {
        return "there is no command \(first)"
      }
      for word in words where word.hasPrefix("--") {
        let name = String(word.prefix { $0 != "=" && $0 != "," && $0 != "'" })
        if !options.contains(name) { return "there is no option \(name)" }
      }
      return nil
    }
  }

  static func pages() throws -> [(name: String, text: String)] {
    let docs = root.appending(path: "docs")
    let names = try FileManager.default.contentsOfDirectory(atPath: docs.path).filter { $0.hasSuffix(".md") }.sorted()
    return try (names.map { docs.appending(path: $0) } + [root.appending(path: "README.md")]).map {
      ($0.lastPathComponent, try String(contentsOf: $0, encoding: .utf8))
    }
  }

  @Test func commandsThatDocumentsPrintExist() throws {
    let known = try Known(try GrammarTests().root())
    var count = 0
    for page in try Self.pages() {
      let lines = page.text.replacing(/\s\\\n\s*/, with: " ").split(separator: "\n")
      let blocks = lines.filter { $0.hasPrefix("    ") }.compactMap { line -> Substring? in
        line.firstMatch(of: /(?:^|\s)gpumarket (.*)/)?.output.1
      }
      let inline = page.text.matches(of: /`gpumarket ([^`]+)`/).map(\.output.1)
      for command in blocks + inline {
        let plain = command.split(separator: " #", maxSplits: 1, omittingEmptySubsequences: false)[0]
        // Upper case stands for what the reader puts in.
        let words = plain.split { $0 == " " || $0 == "\n" }
        guard let first = words.first, first.first?.isLowercase == true else { continue }
        count += 1
        let problem = known.problem(words[...])
        #expect(problem == nil, "\(page.name): gpumarket \(plain): \(problem ?? "")")
      }
    }
    #expect(count > 50)
  }

  @Test func theReferenceNamesEveryCommand() throws {
    let page = try #require(try Self.pages().first { $0.name == "reference.md" })
    let section = try #require(page.text.split(separator: "\n## ").first { $0.hasPrefix("Commands\n") })
    let rows = section.split(separator: "\n").filter { $0.hasPrefix("| `") }
    for path in try GrammarTests().leaves() {
      let isNamed = rows.contains { row in
        row.hasPrefix("| `\(path.joined(separator: " "))` |")
          || row.hasPrefix("| `\(path.dropLast().joined(separator: " "))` |") && row.contains("`\(path.last!)`")
      }
      #expect(isNamed, "docs/reference.md does not name gpumarket \(path.joined(separator: " "))")
    }
  }
}
