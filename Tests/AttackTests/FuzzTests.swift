import Clearing
import Files
import Foundation
import Postgres
import TestSupport
import Testing
import Units

@testable import Market

/// Bad input: whatever the bytes, an error that says where or what, never a crash, and nothing written.
@Suite("Bad input")
struct FuzzTests {
  static let turns = ProcessInfo.processInfo.environment["GPUMARKET_FUZZ"].flatMap { Int($0) } ?? 400

  /// Feeds mutations of some texts; what is thrown must be a sentence.
  func fuzz(_ texts: [String], seed: UInt64, _ parse: ([UInt8]) throws -> Void) {
    var random = SeededGenerator(seed)
    for turn in 0..<Self.turns {
      let bytes = mutated(texts[turn % texts.count], &random)
      do {
        try parse(bytes)
      } catch {
        let said = "\(error)"
        #expect(said.count > 10 && said.count < 5000, "\(said.prefix(200))")
      }
    }
  }

  static let csv = """
    ref,pool,gpus,hours,window,limit,min_gpus,parent,kind,steps
    a,h100,64,24,2036-12-01T00:00Z/P1D,2.40,32,,block,
    a,h100,32,12,2036-12-01T00:00Z/P1D,2.10,,,,
    b,h100,,,2036-12-01T00:00Z/PT6H,,,a,curve,8@3.10 16@2.00

    """
  static let json = """
    [{"ref": "a", "alternatives": [{"pool": "h100", "gpus": 64, "hours": 24, "window": "2036-12-01T00:00Z/P1D", "limit": "2.40"}]},
     {"ref": "b", "parent": "a", "curve": [{"pool": "h100", "window": "2036-12-01T00:00Z/PT6H", "steps": [[8, "3.10"], [16, 2]]}]}]
    """

  @Test func bidFiles() throws {
    let market = try TestMarket()
    try market.addPool()
    let name = try market.openRound()
    var connection = try market.asOperator()
    let round = try Rounds.named(name, &connection)
    let pools = try Rounds.pools(of: name, &connection)
    fuzz([Self.csv, Self.json], seed: 1) { (bytes: [UInt8]) throws in
      for item in try BidFile.read(bytes, source: "bids", round: round, pools: pools) {
        #expect(try Bid(body: item.bid.body) == item.bid)
      }
    }
  }

  @Test func amountsAndTimes() {
    func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
    fuzz(["2.40", "0.0001", "500000", "9223372036854.775807", "-1.5"], seed: 2) { (bytes: [UInt8]) throws in
      let money = try Money(dollars: text(bytes))
      #expect(try Money(dollars: money.dollars) == money)
    }
    fuzz(["2.40", "1000000.0000", "0"], seed: 3) { (bytes: [UInt8]) throws in
      let price = try Price(dollarsPerGPUHour: text(bytes))
      #expect(try Price(dollarsPerGPUHour: price.dollarsPerGPUHour) == price)
    }
    fuzz(["2036-12-01T00:00Z", "2036-12-01T23:59:59.999999+01:00", "1970-01-01T00:00Z"], seed: 4) {
      (bytes: [UInt8]) throws in
      let instant = try Instant(iso8601: text(bytes))
      #expect(try Instant(iso8601: instant.iso8601) == instant)
    }
    fuzz(["2036-12-01T00:00Z/P1D", "2036-12-01T00:00Z/2036-12-02T00:00Z", "2036-12-01T00:00Z/PT36H"], seed: 5) {
      bytes in
      let range = try TimeRange(iso8601: text(bytes))
      #expect(range.start < range.end)
    }
    fuzz(["24", "1.5", "0.25"], seed: 6) { (bytes: [UInt8]) throws in
      #expect(try SlotLength(minutes: 15).slots(hours: text(bytes)) > 0)
    }
    fuzz(["quick", "12000"], seed: 7) { (bytes: [UInt8]) throws in
      if let effort = Effort(text: text(bytes)) { #expect(effort.units >= 1) }
    }
  }

  /// Whatever the address, a remote connection is never in plain text unless that was said.
  @Test func connectionStrings() {
    let texts = [
      "host=db.example.org port=5432 dbname=gpumarket user=x sslmode=verify-full",
      "postgresql://user:secret@db.example.org:5432/gpumarket?sslmode=require", "host=/var/run/postgresql dbname=x",
      "host='a b' password='it''s' options='-c x=1'",
    ]
    fuzz(texts, seed: 8) { (bytes: [UInt8]) throws in
      let text = String(decoding: bytes, as: UTF8.self)
      let address = try ServerAddress.resolve(database: text, environment: ["HOME": "/nonexistent"])
      guard case .named(let conninfo) = address else { return }
      if conninfo.contains("example.org") && conninfo.contains("host=") {
        #expect(!conninfo.contains("sslmode=disable") && !conninfo.contains("sslmode=prefer"), "\(text)")
      }
    }
  }

  @Test func receiptsStatementsAndBundles() throws {
    let cleared = try ClearedMarket(seed: 40, bids: 3)
    let receipt = cleared.receipts[0].json.text(pretty: true)
    fuzz([receipt], seed: 9) { _ = try Receipt.read($0, source: "receipt") }
    let statement = try cleared.statement()
    fuzz([statement.json.text(pretty: true)], seed: 10) { (bytes: [UInt8]) throws in
      #expect(try Statement(json: bytes, source: "statement") == statement)
    }
    let bundle = try cleared.bundle().text
    fuzz([bundle], seed: 11) { _ = try VerifyBundle(json: $0, source: "bundle") }
    // A forger mends the digest too: then a check must fail, or what he changed says the same.
    var random = SeededGenerator(12)
    let body = String(bundle.drop { $0 != "\n" }.dropFirst().dropLast(2))
    for _ in 0..<Self.turns / 10 {
      let forged = mutated(body, &random)
      let text = VerifyBundle.sealed(forged)
      do {
        let parsed = try VerifyBundle(json: text, source: "forged")
        _ = VerifyRound(parsed).findings()
      } catch { #expect("\(error)".count > 10) }
    }
  }

  /// What a company may have sealed, and what it may have put around it.
  @Test func sealedBids() throws {
    let pair = EncryptionKeyPair()
    let exposure = try Money(dollars: "100")
    let bid = try TestMarket.block()
    let sealed = try EncryptedBid.seal(
      bid, round: "r", company: "acme", key: "k", exposure: exposure, to: pair.publicKey)
    func open(_ body: String) -> EncryptedBid.Opening {
      EncryptedBid.open(body, round: "r", company: "acme", key: "k", pair)
    }
    #expect(open(sealed).body == bid.body)
    fuzz([sealed], seed: 14) { (bytes: [UInt8]) throws in
      let found = open(String(decoding: bytes, as: UTF8.self))
      #expect((found.body == bid.body) != (found.refusal != nil))
    }
    let body = bid.body.replacing("\"", with: "\\\"")
    let plain = "{\"round\":\"r\",\"company\":\"acme\",\"key\":\"k\",\"body\":\"\(body)\"}"
    fuzz([plain, plain.replacing("block", with: "blo\\u0000ck")], seed: 15) { (bytes: [UInt8]) throws in
      let found = try open(EncryptedBid.box(bytes, exposure, to: pair.publicKey))
      #expect((found.body == nil) != (found.refusal == nil))
      #expect(found.body?.utf8.contains(0) != true, "PostgreSQL has no such text")
    }
  }

  @Test func durations() {
    fuzz(["P1D", "PT36H", "P7DT12H30M", "PT15M"], seed: 16) { (bytes: [UInt8]) throws in
      let span = try TimeSpan(iso8601: String(decoding: bytes, as: UTF8.self))
      #expect(span.seconds > 0)
    }
  }

  @Test func keyFiles() throws {
    let folder = try TestFolder()
    let path = folder.path + "/clearing.key"
    let key = try StatementKey(file: path)
    let text = try String(contentsOfFile: path, encoding: .utf8)
    fuzz([text], seed: 17) { (bytes: [UInt8]) throws in
      try Data(bytes).write(to: URL(filePath: path))
      chmod(path, 0o600)
      // What is still a key signs as that key or as another; it is never half of one.
      let read = try StatementKey(file: path)
      #expect(read.publicKey.count == key.publicKey.count)
    }
  }

  /// Alternatives and steps as people write them: placed as written, or refused with a next step.
  @Test func bidsOnACommandLine() throws {
    let faults = try FaultMarket(on: TestServer.shared(), companies: 1)
    try faults.open("typed", gateAfter: 3600)
    var random = SeededGenerator(18)
    let common = ["--round", "typed", "--pool", "h100", "--yes", "--json"]
    let database = ["--database", faults.market.conninfo(faults.logins[0])]
    let window = try faults.window("typed")
    var placed = 0
    for turn in 0..<24 {
      let isCurve = turn % 2 == 0
      let sound = isCurve ? "8@3.10,8@2.00" : "pool=h100,gpus=8,hours=1,limit=2.20,min=8"
      // An argument ends at a zero byte.
      let text = String(decoding: mutated(sound, &random).filter { $0 != 0 }, as: UTF8.self)
      let typed =
        isCurve
        ? ["bid", "curve", "--step=" + text]
        : ["bid", "block", "--gpus", "8", "--hours", "1", "--limit", "2.40", "--window", window, "--or=" + text]
      let run = try faults.tool().run(typed + common + database)
      if run.status == 0 {
        placed += 1
      } else {
        #expect([2, 64].contains(run.status), "\(text): \(run.status) \(run.error)")
        #expect(run.error.count > 20 && run.output.isEmpty, "\(text): \(run.error)")
      }
    }
    var company = try faults.market.connect(faults.logins[0])
    #expect(try OrderBook.mine(round: "typed", &company).count == placed)
  }

  /// Through the command line: a distinct exit status, the place on standard error, and nothing in the book.
  @Test func brokenBidFilesPlaceNothing() throws {
    let faults = try FaultMarket(on: TestServer.shared(), companies: 1)
    try faults.open("fuzz", gateAfter: 3600)
    var random = SeededGenerator(13)
    let file = faults.home + "/bids.csv"
    for _ in 0..<12 {
      var bytes = mutated(Self.csv, &random)
      // One certain fault, whatever the mutation did.
      bytes += Array("z,h100,7,x,never,free,,,,\n".utf8)
      try Data(bytes).write(to: URL(filePath: file))
      let run = try faults.tool().run(
        ["bid", "import", file, "--round", "fuzz", "--yes", "--database", faults.market.conninfo(faults.logins[0])])
      #expect([2, 64].contains(run.status), "\(run.status): \(run.error)")
      #expect(run.error.contains("line") || run.error.contains("column"), "\(run.error)")
      #expect(run.output.isEmpty)
    }
    var company = try faults.market.connect(faults.logins[0])
    #expect(try OrderBook.mine(round: "fuzz", &company).isEmpty)
  }
}
