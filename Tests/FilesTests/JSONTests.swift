import Files
import Foundation
import TestSupport
import Testing

@Suite("JSON") struct JSONTests {
  static func parse(_ text: String) throws(JSONProblem) -> JSONValue {
    try JSONReader.parse(Array(text.utf8), source: "t.json")
  }

  static func message(_ read: () throws -> Void) -> String {
    do {
      try read()
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test func valuesKnowTheirPlaceAndPath() throws {
    let root = try Self.parse("{\n  \"pools\": [\n    {\"name\": \"h100\", \"capacity\": 1.5}\n  ]\n}")
    let capacity = try root.at("pools", 0, "capacity")
    #expect((capacity.line, capacity.column) == (3, 34))
    #expect(capacity.path == "pools[0].capacity")
    #expect(
      Self.message { _ = try capacity.integer() }
        == "t.json line 3, column 34 (pools[0].capacity): 1.5 is not a whole number; "
        + "write digits only, without point or exponent")
    #expect(
      Self.message { _ = try root.at("pools", 0, "reserve") }
        == "t.json line 3, column 5 (pools[0]): \"reserve\" is missing; add it")
    #expect(
      Self.message { _ = try root.at("pools", 1) }
        == "t.json line 2, column 12 (pools): it has no element 1, counted from 0; add it")
    #expect(
      Self.message { _ = try root.at("pools", 0, "name").integer() }
        == "t.json line 3, column 14 (pools[0].name): it is a text in quotes, not a whole number; give a whole number")
    #expect(
      Self.message { try root.at("pools", 0).require(keys: ["name"]) }
        == "t.json line 3, column 34 (pools[0].capacity): \"capacity\" is not known here; keys are name")
  }

  @Test func readsLeaves() throws {
    let root = try Self.parse(
      #"[null, true, false, -0, 12.50e+3, "a\u00e9\ud83d\ude00\n\/b", "é😀", 9223372036854775807, {}]"#)
    let all = Array(try root.elements())
    #expect(all.map(\.kind) == [.null, .bool, .bool, .number, .number, .string, .string, .number, .object])
    #expect(all[0].isNull)
    #expect(try all[1].bool() && !all[2].bool())
    #expect(try all[3].integer() == 0)
    #expect(try all[4].numberText() == "12.50e+3")
    #expect(try all[5].string() == "aé😀\n/b")
    #expect(try all[6].string() == "é😀")
    #expect(try all[7].integer() == .max)
    #expect(try all[7].decimalText() == "9223372036854775807")
    #expect(Array(try all[8].members()).isEmpty)
  }

  @Test func integersKeepTheirLimits() throws {
    #expect(try Self.parse("-9223372036854775808").integer() == .min)
    for text in ["9223372036854775808", "-9223372036854775809", "99999999999999999999"] {
      #expect(Self.message { _ = try Self.parse(text).integer() }.contains("is too large"))
    }
    #expect(
      Self.message { _ = try Self.parse("5").integer(in: 1...4) }.contains("5 is above 4; give a number from 1 to 4"))
  }

  @Test(arguments: [
    ("", "line 1, column 1: the text ends where a value should be"),
    ("[1,]", "line 1, column 4 ([1]): there is \"]\" where a value should be"),
    ("[1 2]", "line 1, column 4: there is \"2\" where \",\" or \"]\" should be"),
    ("{\"a\":1,}", "line 1, column 8: there is \"}\" where a key in quotes should be"),
    ("{\"a\" 1}", "line 1, column 6 (a): there is \"1\" where \":\" after the key should be"),
    ("{\"a\":{\"b\":[0,x]}}", "line 1, column 14 (a.b[1]): there is \"x\" where a value should be"),
    ("{\"a\":1,\"b\":2,\"a\":3}", "line 1, column 14: the key \"a\" appears twice in one object; keep one of them"),
    ("{\"a\":1,\"\\u0061\":3}", "line 1, column 8: the key \"a\" appears twice"),
    ("01", "line 1, column 1: a number begins with a needless 0"),
    ("1.", "line 1, column 3: the text ends where a digit should be"),
    ("-", "line 1, column 2: the text ends where a digit should be"),
    ("1e", "line 1, column 3: the text ends where a digit should be"),
    ("nul", "line 1, column 1: there is \"n\" where a value should be"),
    ("\"a\nb\"", "line 1, column 3: a control character stands in a string"),
    ("\"a", "line 1, column 1: the string that begins here is never closed"),
    ("\"\\x\"", "line 1, column 2: there is no such escape"),
    ("\"\\u12g4\"", "line 1, column 2: \\u is not followed by four hexadecimal digits"),
    ("\"\\ud800x\"", "line 1, column 2: the escape is half of a surrogate pair"),
    ("1 2", "line 1, column 3: there is \"2\" where the end should be"),
    ("NaN", "line 1, column 1: there is \"N\" where a value should be"),
  ])
  func refusesWithLineColumnAndPath(text: String, message: String) {
    let found = Self.message { _ = try Self.parse(text) }
    #expect(found.hasPrefix("t.json " + message), "\(found)")
  }

  @Test func refusesWhatIsNotUTF8() {
    let found = Self.message { _ = try JSONReader.parse([34, 97, 0xff, 34], source: "t.json") }
    #expect(found == "t.json line 1, column 3: the text is not UTF-8; save it as UTF-8")
  }

  @Test func depthIsLimited() throws {
    func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    _ = try Self.parse(nested(128))
    #expect(Self.message { _ = try Self.parse(nested(129)) }.contains("more than 128 arrays and objects are nested"))
    #expect(Self.message { _ = try Self.parse(String(repeating: "[", count: 1_000_000)) }.contains("nested"))
  }

  @Test func manyKeysAreCheckedToo() throws {
    let keys = (0..<1000).map { "\"k\($0)\":\($0)" }
    let value = try Self.parse("{" + keys.joined(separator: ",") + "}")
    #expect(try value.at("k999").integer() == 999)
    #expect(
      Self.message { _ = try Self.parse("{" + (keys + ["\"k\\u0035\":0"]).joined(separator: ",") + "}") }.contains(
        "\"k5\" appears twice"))
  }

  @Test func accepts() throws {
    let value = try Self.parse("\u{feff} \t\r\n{\"a\\\"b\" : [ ] , \"\\u0063\":-1E-2}\n")
    #expect(try value.at("a\"b").elements().map(\.kind).isEmpty)
    #expect(try value.at("c").numberText() == "-1E-2")
    #expect(value["a"] == nil)
    #expect(value["a\\"] == nil)
  }

  /// Agrees with an independent parser on what is JSON, on mutated texts.
  @Test func randomTextsNeverCrashAndErrorsHaveAPlace() {
    var random = SeededGenerator(21)
    let pieces = [
      "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "\"\\u00e9\"", "\"", "\\", "1", "-", "0", ".", "e", "true",
      "null",
      " ", "\n", "é", "\u{1}",
    ]
    var accepted = 0
    for _ in 0..<30_000 {
      let text = (0..<Int.random(in: 0...9, using: &random)).map { _ in pieces.randomElement(using: &random)! }.joined()
      let other = Self.foundationAccepts(text)
      do {
        _ = try Self.parse(text)
        accepted += 1
        #expect(other, "accepted \(text)")
      } catch {
        #expect(!other || error.problem.contains("appears twice"), "refused \(text): \(error)")
        #expect(error.line >= 1 && error.line <= 1 + text.utf8.count { $0 == 10 })
        #expect(error.column >= 1 && error.column <= text.utf8.count + 1)
      }
    }
    #expect(accepted > 1000)
  }

  static func foundationAccepts(_ text: String) -> Bool {
    do {
      _ = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
      return true
    } catch { return false }
  }

  @Test func randomBytesNeverCrash() {
    var random = SeededGenerator(22)
    let seed = Array(#"{"a":[1,-2.5e3,"é\u00e9\ud83d\ude00"],"b":{"c":null,"d":[true,false]}}"#.utf8)
    for _ in 0..<20_000 {
      var bytes = seed
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
      }
      if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
      do {
        try Self.walk(JSONReader.parse(bytes, source: "t.json"))
      } catch {
        #expect(error.line >= 1 && error.column >= 1)
      }
    }
  }

  static func walk(_ value: JSONValue) throws(JSONProblem) {
    switch value.kind {
    case .array: for element in try value.elements() { try walk(element) }
    case .object: for member in try value.members() { try walk(member.value) }
    case .string: _ = try value.string()
    case .number: _ = try value.numberText()
    case .bool: _ = try value.bool()
    case .null: break
    }
  }
}

@Suite("JSON text") struct JSONTextTests {
  static let sample: JSONText = [
    "name": "w \"1\"\n\u{1}", "uses": [[0, 1, 2], [3]], "none": [], "nothing": nil, "ok": true,
    "gap": .fraction(0.25), "usd": .number("2.4000"), "bad": .number("1.2.3"), "nan": .fraction(.nan),
    "inner": ["a": ["x", 1]],
  ]

  @Test func keepsOrderOnOneLine() {
    #expect(
      Self.sample.text()
        == #"{"name":"w \"1\"\n\u0001","uses":[[0,1,2],[3]],"none":[],"nothing":null,"ok":true,"gap":0.25,"#
        + #""usd":2.4000,"bad":"1.2.3","nan":null,"inner":{"a":["x",1]}}"#)
  }

  @Test func indentsByTwo() {
    let text = JSONText.object([.init("a", [[1, 2], []]), .init("b", ["c": "d"]), .init("e", [:])]).text(pretty: true)
    #expect(text == "{\n  \"a\": [\n    [1, 2],\n    []\n  ],\n  \"b\": {\n    \"c\": \"d\"\n  },\n  \"e\": {}\n}")
  }

  @Test(arguments: [false, true])
  func readsBack(pretty: Bool) throws {
    let value = try JSONReader.parse(Self.sample.bytes(pretty: pretty), source: "t.json")
    #expect(try value.at("name").string() == "w \"1\"\n\u{1}")
    #expect(try value.at("uses", 0, 2).integer() == 2)
    #expect(try value.at("usd").numberText() == "2.4000")
    #expect(try value.members().map(\.key).first == "name")
  }
}
