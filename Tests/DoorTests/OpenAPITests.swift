import Files
import Foundation
import Testing

@testable import Door

/// The document that others write clients by is the one the code has.
@Suite struct OpenAPITests {
  static let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "docs/openapi.json")

  /// `GPUMARKET_WRITE_OPENAPI=1` writes the file anew.
  @Test func theFileIsTheCode() throws {
    if ProcessInfo.processInfo.environment["GPUMARKET_WRITE_OPENAPI"] != nil {
      try OpenAPI.text.write(to: Self.file, atomically: true, encoding: .utf8)
    }
    #expect(try String(contentsOf: Self.file, encoding: .utf8) == OpenAPI.text, "write docs/openapi.json anew")
  }

  /// Every schema that is named is there, and every path's parameters are declared.
  @Test func nothingDangles() throws {
    let document = try JSONReader.parse(Array(OpenAPI.text.utf8), source: "openapi.json")
    let schemas = try document.at("components", "schemas").members().map(\.key)
    for name in OpenAPI.text.matches(of: /#\/components\/schemas\/(\w+)/).map({ String($0.1) }) {
      #expect(schemas.contains(name), "no schema \(name)")
    }
    for route in Routes.all {
      let inPath = route.path.matches(of: /\{(\w+)\}/).map { String($0.1) }
      #expect(inPath == route.parameters.filter(\.isInPath).map(\.name), "\(route.path)")
    }
    #expect(Set(Routes.all.map { "\($0.method) \($0.path)" }).count == Routes.all.count)
  }
}
