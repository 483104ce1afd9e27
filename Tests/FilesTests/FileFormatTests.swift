import Files
import Testing

/// One kind and number is read; whatever else a file says of itself is refused, always in the same words.
@Suite("File formats") struct FileFormatTests {
  private static let format = FileFormat("closing statement", 3)
  private static let other = "give a file of that format; if this one is damaged, restore it from a backup"

  @Test func itsOwnNumberIsRead() throws {
    #expect(Self.format.text == "gpumarket closing statement 3")
    try Self.format.check("gpumarket closing statement 3")
    try JSONTests.parse(#"{"format": "gpumarket closing statement 3"}"#).require(format: Self.format)
  }

  @Test(arguments: [2, 4, 30])
  func anotherNumberIsRefused(_ number: Int) {
    let refusal = #expect(throws: FileFormat.Refusal.self) {
      try Self.format.check("gpumarket closing statement \(number)")
    }
    #expect(
      refusal?.problem == "this is format \(number) of the closing statement, and this tool reads format 3")
    #expect(refusal?.advice == "use the gpumarket that made it")
  }

  @Test(arguments: ["gpumarket bundle 3", "gpumarket closing statement", "gpumarket closing statement x", "3", ""])
  func anotherKindOrNoNumberIsRefused(_ found: String) {
    let refusal = #expect(throws: FileFormat.Refusal.self) { try Self.format.check(found) }
    #expect(refusal?.problem == "this is \"\(found)\", and not \"gpumarket closing statement 3\"")
    #expect(refusal?.advice == Self.other)
  }

  @Test func aFileThatDoesNotSayIsRefused() {
    let refusal = #expect(throws: FileFormat.Refusal.self) { try Self.format.check(nil) }
    #expect(refusal?.problem == "this does not say that it is \"gpumarket closing statement 3\"")
    #expect(refusal?.advice == Self.other)
  }

  @Test func jsonIsRefusedAtItsPlace() {
    func refusal(_ text: String) -> String {
      JSONTests.message { try JSONTests.parse(text).require(format: Self.format) }
    }
    #expect(
      refusal("{\n\"format\": \"gpumarket closing statement 2\"}")
        == "t.json line 2, column 11 (format): this is format 2 of the closing statement, and this tool reads format 3; "
        + "use the gpumarket that made it")
    #expect(
      refusal("{}") == "t.json line 1, column 1: this does not say that it is \"gpumarket closing statement 3\"; "
        + Self.other)
    #expect(refusal(#"{"format": 3}"#).contains("(format): it is a number, not a text"))
  }
}
