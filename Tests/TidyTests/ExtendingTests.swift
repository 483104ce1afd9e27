import Foundation
import Testing

/// Adding a thing stays a matter of a few files, which docs/extending.md lists.
@Suite struct ExtendingTests {
  @Test func noListIsLongerThanFive() throws {
    let page = try TidyTests.lines(TidyTests.root.appending(path: "docs/extending.md"))
    var lists: [[Substring]] = []
    for line in page {
      if line.hasPrefix("1. ") { lists.append([]) }
      if !lists.isEmpty, line.contains(/^[0-9]+\.\s/) { lists[lists.count - 1].append(line) }
    }
    #expect(lists.count == 5)
    for list in lists {
      #expect(list.count <= 5, "\(list.first ?? "")")
      for item in list { #expect(item.contains(/^[0-9]\.\s`[A-Za-z]+\//), "\(item) begins with no path") }
    }
  }

  @Test func everyKindOfBidHasItsTwoFiles() throws {
    let files = TidyTests.files(under: "Sources/Market/Bids/Kinds", ending: ["Kind.swift"])
    let kinds = files.map { $0.lastPathComponent.dropLast("Kind.swift".count).lowercased() }.filter { $0 != "bid" }
    #expect(kinds.count >= 2)
    let table = try String(contentsOf: TidyTests.root.appending(path: "sql/functions/bids/kinds.sql"), encoding: .utf8)
    for kind in kinds {
      let path = TidyTests.root.appending(path: "sql/functions/bids/\(kind).sql").path
      #expect(FileManager.default.fileExists(atPath: path), "\(path) is not there")
      for function in ["check_\(kind)", "\(kind)_gpus_at_once", "\(kind)_award_beyond_bid"] {
        #expect(table.contains("market.\(function)("), "kinds.sql does not call \(function)")
      }
    }
  }

  /// The kinds of bids are told apart where they are defined, and nowhere else in the market.
  @Test func onlyTheKindsKnowTheKinds() throws {
    for file in TidyTests.files(under: "Sources/Market", ending: [".swift"]) where !file.path.contains("/Bids/Kinds/") {
      guard file.lastPathComponent != "Bid.swift" else { continue }
      for line in try TidyTests.lines(file) {
        #expect(
          !line.contains(/case \.(block|curve)\b/), "\(file.lastPathComponent) tells kinds of bids apart: \(line)")
      }
    }
  }
}
