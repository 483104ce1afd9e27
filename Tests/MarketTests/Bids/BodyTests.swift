import Files
import Market
import Postgres
import TestSupport
import Testing
import Units

/// Every text that the door lets in, the clearing job must be able to read, and as the same bid.
@Suite("Bodies at the door")
struct BodyTests {
  let market: TestMarket
  let acme: String
  let round: String

  init() throws {
    (market, acme, round) = try TestMarket.withOneBidder(credit: "1000000000")
  }

  static let plain =
    #"{"type":"block","alternatives":[{"pool":"h100","gpus":8,"slots":2,"window":{"start":"2036-12-01T00:00:00Z","end":"2036-12-02T00:00:00Z"},"limit":2000000}]}"#

  @Test(arguments: [
    ("\"gpus\":8", "\"gpus\":8e0"), ("\"gpus\":8", "\"gpus\":8.0"), ("\"gpus\":8", "\"gpus\":0.8e1"),
    ("\"gpus\":8", "\"gpus\":8,\"gpus\":16"), ("\"gpus\":8", "\"gpus\":08"), ("\"gpus\":8", "\"gpus\":\"8\""),
    ("\"gpus\":8", "\"gpus\": 8"), ("\"gpus\":8", "\"gp\\u0075s\":8"), ("\"gpus\":8", "\"gpus\":-8"),
    ("\"gpus\":8", "\"gpus\":99999999999999999999"), ("\"gpus\":8", "\"gpus\":null"), ("\"gpus\":8", "\"gpus\":[8]"),
    ("\"slots\":2", "\"slots\":2,\"minimum_gpus\":null"), ("\"slots\":2", "\"slots\":2,\"minimum_gpus\":16"),
    ("\"slots\":2,", ""), ("2036-12-02T00:00:00Z", "2036-12-01T24:00:00Z"), ("T00:00:00Z\",", "T00:00Z\","),
    ("2036-12-01T00:00:00Z", "2036-12-01T00:00:00+00:00"), ("2036-12-01T00:00:00Z", "2036-11-31T00:00:00Z"),
    ("2036-12-01T00:00:00Z", "2036-12-01T00:00:00.5Z"), ("2036-12-01T00:00:00Z", "20361201T000000Z"),
    ("2036-12-01T00:00:00Z", "now"), ("2036-12-01T00:00:00Z", "-infinity"),
    ("2036-12-01T00:00:00Z", "0000-12-01T00:00:00Z"), ("2036-12-02T00:00:00Z", "0000-02-29T00:00:00Z"),
    ("\"type\":\"block\"", "\"type\":\"curve\""),
    ("{\"type\":\"block\"", "{\"x\":[[[[1]]]],\"type\":\"block\""),
    ("\"type\":\"block\"", "\"type\":\"curve\",\"type\":\"block\""),
    ("}]}", "}],\"alternatives\":[]}"), ("}]}", "}] }"), ("}]}", "}]}\n"), ("h100", "h100\\u0000"), ("h100", "H100"),
    ("\"limit\":2000000", "\"limit\":2000001"), ("\"limit\":2000000", "\"limit\":2e6"),
    ("{\"type\"", "\u{FEFF}{\"type\""),
  ])
  func refuses(_ original: String, _ replacement: String) throws {
    let body = Self.plain.replacing(original, with: replacement, maxReplacements: 1)
    #expect(body != Self.plain)
    var connection = try market.connect(acme)
    do {
      try connection.query("SELECT market.place_bid(\(round), 'k', \(body))")
      Issue.record("let in \(body)")
    } catch {
      #expect(["GM400", "GM422"].contains(error.sqlState), "\(error)")
    }
  }

  /// PostgreSQL reads a list of lists as one array, and writes it back as it was.
  @Test(arguments: ["[[{A}]]", "[[{A},{A}]]", "[[{A}],[{A}]]", "[[[{A}]]]", "[]", "[[]]", "[{A},[{A}]]", "{A}"])
  func refusesAListInAList(_ shape: String) throws {
    let item = String(Self.plain.dropFirst(#"{"type":"block","alternatives":["#.count).dropLast(2))
    let list = shape.replacing("{A}", with: item)
    var connection = try market.connect(acme)
    let bodies = [
      #"{"type":"block","alternatives":\#(list)}"#,
      #"{"type":"curve","segments":\#(shape.replacing("{A}", with: Self.segment))}"#,
      #"{"type":"curve","segments":[\#(Self.segment.replacing("[{", with: "[[{").replacing("}]", with: "}]]"))]}"#,
    ]
    for body in bodies {
      let error = refusal { try connection.query("SELECT market.place_bid(\(round), 'k', \(body))") }
      #expect(error?.sqlState == "GM400", "\(body): \(String(describing: error))")
    }
  }

  static let segment =
    #"{"pool":"h100","start":"2036-12-01T00:00:00Z","end":"2036-12-01T06:00:00Z","steps":[{"gpus":8,"limit":3000000}]}"#

  /// The writer that gives a body's one form writes times in the session's zone, and sends texts in the client's encoding.
  @Test func aSessionsSettingsChangeNothing() throws {
    for (number, zone) in ["Europe/Berlin", "America/New_York", "+02", "GMT", "utc"].enumerated() {
      var connection = try market.connect(acme)
      _ = try connection.query("SELECT set_config('TimeZone', \(zone), false)")
      try connection.script(
        "SET datestyle = 'German'; SET intervalstyle = 'sql_standard'; SET extra_float_digits = -15")
      _ = try connection.query("SELECT market.place_bid(\(round), \("plain-\(number)"), \(Self.plain))")
      for offset in ["+00:00", "+01:00", "-05:00", "+02:00"] {
        let error = refusal {
          let body = Self.plain.replacing("00:00:00Z", with: "00:00:00" + offset)
          _ = try connection.query("SELECT market.place_bid(\(round), 'offset', \(body))")
        }
        #expect(error?.sqlState == "GM400", "\(zone) \(offset): \(String(describing: error))")
      }
    }
    var connection = try market.connect(acme)
    try connection.script("SET client_encoding = 'LATIN1'")
    // The key is é in that encoding; the receipt's hash is that of its UTF-8.
    let text: String = try connection.query(
      "SELECT market.place_bid(\(round), chr(233), \(Self.plain)) ->> 'hash' AS hash"
    ).one().get("hash")
    var own = try market.connect(acme)
    let receipt = try OrderBook.place(Bid(body: Self.plain), in: round, parent: nil, key: "é", &own)
    #expect(receipt.hash == text)
    #expect(hex(receipt.computedHash) == receipt.hash)
    var auditor = try market.asAuditor()
    #expect(try AuditInvariants.problems(&auditor) == [])
  }

  @Test func nestingAndSizeAreBounded() throws {
    var connection = try market.connect(acme)
    for body in [
      String(repeating: "[", count: 100_000), String(repeating: "{\"a\":", count: 50_000),
      String(repeating: "9", count: 262_145), "",
      "null", "[]", "{}", "\"block\"",
    ] {
      do {
        try connection.query("SELECT market.place_bid(\(round), 'k', \(body))")
        Issue.record("let in \(body.prefix(40))")
      } catch {
        #expect(["GM400", "GM422"].contains(error.sqlState), "\(error)")
      }
    }
  }

  /// Seeded mutations of sound bodies: whatever is let in reads back as itself.
  @Test(arguments: [1, 2, 3] as [UInt64])
  func whatIsLetInReadsBackAsItself(_ seed: UInt64) throws {
    var random = SeededGenerator(seed)
    var connection = try market.connect(acme)
    let curve =
      #"{"type":"curve","segments":[{"pool":"h100","start":"2036-12-01T00:00:00Z","end":"2036-12-01T06:00:00Z","steps":[{"gpus":8,"limit":3000000},{"gpus":8,"limit":2000000}]}]}"#
    var accepted = 0
    for number in 0..<300 {
      var bytes = Array((number % 2 == 0 ? Self.plain : curve).utf8)
      for _ in 0..<Int.random(in: 0...2, using: &random) {
        let at = Int.random(in: bytes.indices, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[at] = Array("0123456789eE.-+{}[],:\" Z".utf8).randomElement(using: &random) ?? 48
        case 1: bytes.remove(at: at)
        case 2: bytes.insert(bytes[at], at: at)
        default: bytes.swapAt(at, Int.random(in: bytes.indices, using: &random))
        }
      }
      let body = String(decoding: bytes, as: UTF8.self)
      do {
        try connection.query("SELECT market.place_bid(\(round), \("k\(number)"), \(body))")
        accepted += 1
        #expect(try Bid(body: body).body == body)
      } catch let error as PostgresError {
        #expect(error.sqlState.hasPrefix("GM4"), "\(error)")
      }
    }
    #expect(accepted > 50)
    try market.close(round)
    var clearing = try market.asClearing()
    let book = try SealedBook.load(round, &clearing)
    #expect(book.entries.count == accepted)
    _ = try BookInstance(book)
  }

  /// The quick way decides by itself whatever block its slow twin lets in, with the same figures, and leaves all else to it.
  @Test(arguments: [4, 5] as [UInt64])
  func theQuickWayAndItsSlowTwinAgree(_ seed: UInt64) throws {
    var random = SeededGenerator(seed)
    var owner = try market.connect(nil)
    // In the twin's place stands what says that it was asked.
    try owner.script(
      """
      SET ROLE market_owner; SET search_path = pg_catalog, pg_temp;
      ALTER FUNCTION market.spell_body(bigint, bigint, text) RENAME TO spelled;
      CREATE FUNCTION market.spell_body(id bigint, company bigint, body text, OUT worst bigint, OUT choices bigint)
      LANGUAGE plpgsql STABLE AS $$ BEGIN RAISE SQLSTATE 'GMASK'; END $$;
      """)
    func judged(_ function: SQL) -> String {
      do {
        let row = try owner.query(function).one()
        return "\(try row.get("worst", as: Int64.self)) \(try row.get("choices", as: Int64.self))"
      } catch { return error.sqlState }
    }
    var (letIn, misshapen) = (0, 0)
    for _ in 0..<300 {
      // Mostly the first, so that many are let in.
      func some(_ texts: [String], of eight: Int = 7) -> String {
        Int.random(in: 0..<8, using: &random) < eight ? texts[0] : texts.randomElement(using: &random) ?? ""
      }
      let items = (0..<Int.random(in: 1...3, using: &random)).map { _ in
        let start = some([
          "2036-12-01T00:00:00Z", "2036-12-01T05:00:00Z", "2036-12-02T00:00:00Z", "2036-11-30T23:00:00Z",
        ])
        let end = some(["2036-12-02T00:00:00Z", "2036-12-01T23:00:00Z", "2036-12-01T23:30:00Z", "2036-12-03T00:00:00Z"])
        let minimum = some(["", "\"minimum_gpus\":8,", "\"minimum_gpus\":24,", "\"minimum_gpus\":0,"])
        return "{\"pool\":\"\(some(["h100", "h200"]))\",\"gpus\":\(some(["16", "64", "12", "0", "72"])),\(minimum)"
          + "\"slots\":\(some(["4", "1", "23", "24", "25", "0"])),\"window\":{\"start\":\"\(start)\",\"end\":\"\(end)\"},"
          + "\"limit\":\(some(["2400000", "1000000", "2400001", "999900", "1000000000000", "1000000000100"]))}"
      }
      let sound = "{\"type\":\"block\",\"alternatives\":[\(items.joined(separator: ","))]}"
      var body = sound
      // Some of another shape: what a reader of types may take, and a reader of texts must not.
      if Int.random(in: 0..<4, using: &random) == 0 {
        let (from, to) =
          [
            ("[{", "[[{"), ("[{", "[null,{"), ("[{", "[[],{"), ("]}", "],\"x\":1}"), ("]}", "],\"type\":\"block\"}"),
            ("{\"type\":\"block\",", "{"), ("\"block\"", "\"curve\""), ("\"block\"", "[\"block\"]"), (":{", ":[{"),
            ("\"gpus\":16", "\"gpus\":\"16\""), ("\"gpus\":16", "\"gpus\":1.6e1"), ("},\"limit\"", "}, \"limit\""),
            ("\"slots\":4,", "\"slots\":4,\"slots\":4,"), ("\"slots\":4,", "\"slots\":null,"), ("00Z\"", "00+00:00\""),
            ("\"pool\":\"h100\",", "\"pool\":null,"), ("\"minimum_gpus\":8", "\"minimum_gpus\":null"),
            ("\"window\":{", "\"window\":{\"end\":\"2036-12-02T00:00:00Z\","),
          ].randomElement(using: &random) ?? ("", "")
        body = body.replacing(from, with: to, maxReplacements: 1)
        if from == "[{" && to == "[[{" { body = body.replacing("}]", with: "}]]") }
        if from == ":{" { body = body.replacing("},\"limit\"", with: "}],\"limit\"", maxReplacements: 1) }
      }
      let quick = judged(
        """
        SELECT b.* FROM market.round r, market.check_body(r.round_id, NULL, r.delivery_start, r.delivery_end, r.slot_minutes,
          \(body)) b
        WHERE r.name = \(round)
        """)
      let slow = judged(
        "SELECT b.* FROM market.round r, market.spelled(r.round_id, NULL, \(body)) b WHERE r.name = \(round)")
      #expect(quick == (slow.hasPrefix("GM") ? "GMASK" : slow), "\(slow): \(body)")
      if !slow.hasPrefix("GM") { letIn += 1 }
      if body != sound { misshapen += 1 }
    }
    #expect(letIn > 40 && letIn < 250 && misshapen > 30)
  }
}
