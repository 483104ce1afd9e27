import Foundation
import Testing

/// What a document names must be there: pages, their sections, and files of this tree.
@Suite struct DocumentTests {
  static let root = TidyTests.root

  /// The pages for readers; the changelog names what was.
  static let pages = TidyTests.files(under: "docs", ending: [".md"]) + [root.appending(path: "README.md")]

  static func text(_ page: URL) throws -> String { try String(contentsOf: page, encoding: .utf8) }

  /// A page's anchors as GitHub makes them of its headings; what stands in a code block is no heading.
  static func anchors(_ page: URL) throws -> Set<String> {
    var anchors: Set<String> = []
    var isCode = false
    for line in try TidyTests.lines(page) {
      if line.hasPrefix("```") { isCode.toggle() }
      guard !isCode, line.hasPrefix("#") else { continue }
      let heading = line.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces).lowercased()
      let kept = heading.filter { $0.isLetter || $0.isNumber || $0 == " " || $0 == "-" || $0 == "_" }
      let anchor = kept.replacing(" ", with: "-")
      let number = (0...).first { !anchors.contains($0 == 0 ? anchor : "\(anchor)-\($0)") }!
      anchors.insert(number == 0 ? anchor : "\(anchor)-\(number)")
    }
    return anchors
  }

  @Test(arguments: pages)
  func linksLeadSomewhere(page: URL) throws {
    for match in try Self.text(page).matches(of: /\]\(([^)#:\s]*)(?:#([^)\s]+))?\)/) {
      let target = match.1.isEmpty ? page : page.deletingLastPathComponent().appending(path: String(match.1))
      guard FileManager.default.fileExists(atPath: target.path) else {
        Issue.record("\(page.lastPathComponent) links to \(match.1), which is not there")
        continue
      }
      guard let anchor = match.2 else { continue }
      #expect(
        try Self.anchors(target).contains(String(anchor)),
        "\(page.lastPathComponent) links to #\(anchor), and \(target.lastPathComponent) has no such section")
    }
  }

  @Test(arguments: pages)
  func pathsExist(page: URL) throws {
    let form = /(?:^|[\s`("<>])((?:Sources|Tests|sql|tools|docs|data)\/[\w+.\/*-]+)/
    for match in try Self.text(page).matches(of: form) {
      // These words stand for any: what comes before them must be there.
      let path = match.1.split(separator: "/").prefix { $0.prefixMatch(of: /AREA|NNN|NAME|GROUP/) == nil }
        .joined(separator: "/").trimmingCharacters(in: ["."])
      let exists =
        if let star = path.firstIndex(of: "*") {
          try Self.hasFile(beginning: path[..<star])
        } else {
          FileManager.default.fileExists(atPath: Self.root.appending(path: path).path)
        }
      #expect(exists, "\(page.lastPathComponent) names \(path), which is not there")
    }
  }

  private static func hasFile(beginning path: Substring) throws -> Bool {
    let at = path.lastIndex(of: "/")!
    let names = try FileManager.default.contentsOfDirectory(atPath: root.appending(path: path[..<at]).path)
    return names.contains { $0.hasPrefix(path[path.index(after: at)...]) }
  }

  /// Such as `Volume.swift`, without a folder.
  @Test(arguments: pages)
  func swiftFilesExist(page: URL) throws {
    let names = ["Sources", "Tests"].flatMap { TidyTests.files(under: $0, ending: [".swift"]) }
      .map(\.lastPathComponent)
    for match in try Self.text(page).matches(of: /`([\w+]+)(\*?)\.swift`/) {
      let exists = names.contains { match.2.isEmpty ? $0 == "\(match.1).swift" : $0.hasPrefix(match.1) }
      #expect(exists, "\(page.lastPathComponent) names \(match.1)\(match.2).swift, which is not there")
    }
  }

  @Test func theReadmeLeadsToEveryPage() throws {
    let readme = try Self.text(Self.root.appending(path: "README.md"))
    for page in Self.pages where page.lastPathComponent != "README.md" {
      let name = page.lastPathComponent
      #expect(readme.contains("(docs/\(name))"), "README.md does not link docs/\(name)")
    }
  }

  /// Errors and help texts send people to pages.
  @Test func sourcesNamePagesThatExist() throws {
    for source in ["Sources", "sql", "tools"].flatMap({
      TidyTests.files(under: $0, ending: [".swift", ".sql", ".sh", ".py"])
    }) {
      for match in try Self.text(source).matches(of: /docs\/([\w-]+\.md)/) {
        #expect(
          FileManager.default.fileExists(atPath: Self.root.appending(path: "docs/\(match.1)").path),
          "\(source.lastPathComponent) names docs/\(match.1), which is not there")
      }
    }
  }
}
