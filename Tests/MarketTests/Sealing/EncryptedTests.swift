import Files
import Foundation
import Postgres
import TestSupport
import Testing
import Units

@testable import Market

@Suite("Encrypted rounds")
struct EncryptedTests {
  @Test func aRoundIsOpenedClearedAndVerified() throws {
    let cleared = try ClearedMarket(seed: 20, bids: 20, encrypted: true)
    let bundle = try cleared.bundle()
    #expect(!bundle.awards.isEmpty)
    #expect(bundle.entries.allSatisfy { $0.opened != nil && $0.refusal == nil })
    #expect(VerifyRound(bundle).findings().flatMap(\.problems) == [])
    #expect(try cleared.invariants() == [])
  }

  /// Two digits, never less than the bid may cost, and at most a tenth more.
  @Test(arguments: [
    ("0.0001", 8, 1, 800), ("1.00", 8, 1, 8_000_000), ("1.2345", 8, 1, 9_900_000), ("3.1416", 64, 24, 4_900_000_000),
    ("0.9999", 8, 125, 1_000_000_000), ("1.00", 8, 125, 1_000_000_000), ("1.0001", 8, 125, 1_100_000_000),
  ]) func theDeclaredExposureIsRounded(_ limit: String, _ gpus: Int, _ slots: Int, _ declared: Int64) throws {
    let bid = try TestMarket.block(gpus: gpus, slots: slots, limit: limit)
    #expect(bid.declaredExposure(.hour).microdollars == declared)
    #expect(bid.worstCase(.hour).microdollars * 10 >= declared * 9)
  }

  @Test func numbersBeyondAllMeasureAreDeclaredAsTheyStand() throws {
    let bid = try TestMarket.block(gpus: Int(Int32.max), slots: 1_000_000, limit: "9999.9999")
    #expect(bid.declaredExposure(.hour) == bid.worstCase(.hour))
  }

  /// A copy of the whole database, taken while bids are open, holds no price.
  @Test func theDatabaseHoldsNoOpenBid() throws {
    let market = try TestMarket()
    try market.addPool()
    let acme = try market.addCompany("acme")
    let round = try market.openRound()
    let home = try TestFolder.make()
    let host = try StatementHost(home: home, keyFile: nil, statements: nil)
    try market.markEncrypted(round)
    var clearing = try market.asClearing()
    #expect(try host.announceKeys(&clearing) == [round])
    #expect(try host.announceKeys(&clearing) == [])
    var company = try market.connect(acme)
    let announcement = try EncryptionAnnouncement(round, &company)
    try announcement.verify(pinned: hex(host.key.publicKey))
    let bid = try TestMarket.block(limit: "7.7731")
    let body = try EncryptedBid.seal(
      bid, round: round, company: "acme", key: "k", exposure: bid.worstCase(.hour), to: announcement.publicKey)
    _ = try OrderBook.place(sealed: body, in: round, parent: nil, key: "k", &company)
    var owner = try market.connect(nil)
    var dump = ""
    for row in try owner.query(
      "SELECT query_to_xml('TABLE market.' || tablename, true, true, '')::text AS x FROM pg_tables WHERE schemaname = 'market'"
    ) {
      dump += try row.get("x", as: String.self)
    }
    #expect(dump.contains("sealed") && !dump.contains("7773100") && !dump.contains("alternatives"))
    let secret = try FileManager.default.contentsOfDirectory(atPath: home + "/clearing.key.rounds")
    #expect(secret.count == 1)
    let secretText = try String(contentsOfFile: home + "/clearing.key.rounds/" + secret[0], encoding: .utf8)
    #expect(!dump.contains(secretText.prefix(64)))

    // Sizes are padded: a bid with ten times the text looks the same.
    let other = try EncryptedBid.seal(
      TestMarket.block(gpus: 64, slots: 24, limit: "999.9999"), round: round, company: "acme", key: "k2",
      exposure: bid.worstCase(.hour), to: announcement.publicKey)
    #expect(other.utf8.count == body.utf8.count)
    // Neither a plain bid nor another size is let in, nor a declared exposure above credit.
    for wrong in [bid.body, body.replacing("=\"", with: "\""), body.replacing("\"box\":\"", with: "\"box\":\"AAAA")] {
      #expect(throws: PostgresError.self) {
        _ = try OrderBook.place(sealed: wrong, in: round, parent: nil, key: "w", &company)
      }
    }
    let dear = try EncryptedBid.seal(
      bid, round: round, company: "acme", key: "k3", exposure: Money(dollars: "1000001"), to: announcement.publicKey)
    let error = refusal { _ = try OrderBook.place(sealed: dear, in: round, parent: nil, key: "k3", &company) }
    #expect(error?.message.contains("above your credit") == true)
    // Whoever is not the host cannot announce in its place.
    #expect(throws: TrustProblem.self) { try announcement.verify(pinned: String(repeating: "0", count: 64)) }
  }

  @Test func whatOpeningFindsIsRefusedWithItsReason() throws {
    let market = try TestMarket()
    try market.addPool()
    let acme = try market.addCompany("acme")
    let rival = try market.addCompany("rival")
    let round = try market.openRound()
    let host = try market.encrypt(round)
    var clearing = try market.asClearing()
    var company = try market.connect(acme)
    var other = try market.connect(rival)
    let key = try EncryptionAnnouncement(round, &company).publicKey
    func seal(_ bid: Bid, _ name: String, company: String = "acme", exposure: Money? = nil, to pair: [UInt8]? = nil)
      throws -> String
    {
      try EncryptedBid.seal(
        bid, round: round, company: company, key: name, exposure: exposure ?? bid.worstCase(.hour), to: pair ?? key)
    }
    let good = try TestMarket.block(limit: "3.00")
    let accepted = try OrderBook.place(sealed: seal(good, "good"), in: round, parent: nil, key: "good", &company)
    let bodies = [
      "cheap": try seal(good, "cheap", exposure: Money(dollars: "1")),
      "low": try seal(TestMarket.block(limit: "0.50"), "low"),
      "odd": try seal(TestMarket.block(gpus: 12), "odd"),
      "stranger": try seal(good, "stranger", to: EncryptionKeyPair().publicKey),
    ]
    var expected: [String: String] = [:]
    for (name, body) in bodies {
      let receipt = try OrderBook.place(sealed: body, in: round, parent: nil, key: name, &company)
      expected[receipt.bid] =
        [
          "cheap": "more than the 1.00 USD it declared", "low": "below the reserve price",
          "odd": "no multiple of the lot",
          "stranger": "not sealed to this round's key",
        ][name]
    }
    // A rival copies a box that it saw go by: it was sealed for another.
    let copied = try OrderBook.place(sealed: seal(good, "good"), in: round, parent: nil, key: "good", &other)
    // What hangs on a refused bid does not take part either.
    let refusedParent = try #require(expected.keys.sorted().first)
    let child = try OrderBook.place(
      sealed: seal(good, "child"), in: round, parent: refusedParent, key: "child", &company)
    try market.close(round)
    var job = ClearingJob()
    job.host = host
    #expect(try job.run(round, &clearing).bids == 1)
    let refusals = try OrderBook.refusals(round: round, &company)
    #expect(refusals.count == expected.count)
    for (bid, reason) in refusals { #expect(reason.contains(expected[bid] ?? "?"), "\(reason)") }
    #expect(try OrderBook.refusals(round: round, &other).map(\.bid) == [copied.bid])
    let awards = try Results.awards(round: round, ownOnly: true, &company)
    #expect(awards.map(\.bid) == [accepted.bid] && !awards.map(\.bid).contains(child.bid))
    var auditor = try market.asAuditor()
    #expect(VerifyRound(try VerifyBundle.load(round, &auditor)).findings().flatMap(\.problems) == [])
    #expect(try AuditInvariants.problems(&auditor) == [])
  }

  /// The door cannot see what a box asks for, so the caps that were sealed with the book are looked at when it is opened.
  @Test func aCapHoldsWhenABidIsOpened() throws {
    let market = try TestMarket()
    try market.addPool()
    let logins = ["acme": try market.addCompany("acme"), "rival": try market.addCompany("rival")]
    let round = try market.openRound()
    let host = try StatementHost(home: TestFolder.make(), keyFile: nil, statements: nil).afterTheGate()
    var asOperator = try market.asOperator()
    try Companies.setCap(&asOperator, company: "acme", pool: "h100", gpus: 16)
    try market.markEncrypted(round)
    var clearing = try market.asClearing()
    _ = try host.announceKeys(&clearing)
    let period = try Rounds.named(round, &asOperator).delivery
    let steps = try ["3.00", "2.00", "1.50"].map { CurveSegment.Step(gpus: 8, limit: try Price(dollarsPerGPUHour: $0)) }
    let curve = Bid.curve([CurveSegment(pool: "h100", period: period, steps: steps)])
    var placed: [String: String] = [:]
    for (name, company, bid) in [
      ("block", "acme", try TestMarket.block(gpus: 24)), ("curve", "acme", curve),
      ("within", "acme", try TestMarket.block(gpus: 16)), ("uncapped", "rival", try TestMarket.block(gpus: 24)),
    ] {
      var connection = try market.connect(logins[company])
      let body = try EncryptedBid.seal(
        bid, round: round, company: company, key: name, exposure: bid.worstCase(.hour),
        to: EncryptionAnnouncement(round, &connection).publicKey)
      placed[name] = try OrderBook.place(sealed: body, in: round, parent: nil, key: name, &connection).bid
    }
    try market.close(round)
    // What the operator does after the gate changes nothing.
    try Companies.setCap(&asOperator, company: "acme", pool: "h100", gpus: nil)
    try Companies.setCap(&asOperator, company: "rival", pool: "h100", gpus: 8)
    var job = ClearingJob()
    job.host = host
    #expect(try job.run(round, &clearing).bids == 2)
    var acme = try market.connect(logins["acme"])
    let refusals = try OrderBook.refusals(round: round, &acme)
    #expect(Set(refusals.map(\.bid)) == [placed["block"], placed["curve"]])
    #expect(
      refusals.allSatisfy {
        $0.reason == "24 GPUs is more than you may hold of h100 at a time: your cap is 16 GPUs"
      }, "\(refusals)")
    // A cap is its company's own affair.
    var rival = try market.connect(logins["rival"])
    #expect(try OrderBook.refusals(round: round, &rival).isEmpty)
    var auditor = try market.asAuditor()
    let bundle = try VerifyBundle.load(round, &auditor)
    #expect(VerifyRound(bundle).findings().flatMap(\.problems) == [])
    #expect(try AuditInvariants.problems(&auditor) == [])
    // An opener who lets such a bid through is found.
    var owner = try market.connect(nil)
    try owner.script(
      "SET session_replication_role = replica; UPDATE market.opened SET refusal = NULL WHERE refusal IS NOT NULL")
    let problems = VerifyRound(try VerifyBundle.load(round, &auditor)).findings().flatMap(\.problems)
    #expect(
      problems.filter { $0.contains("takes part, although 24 GPUs of h100 are more than the cap") }.count == 2,
      "\(problems)")
  }

  /// Whatever a company seals, the round is cleared: what is no bid is refused, alone.
  @Test func nothingThatIsSealedKeepsARoundFromBeingCleared() throws {
    let (market, login, round) = try TestMarket.withOneBidder(credit: "1000000")
    let host = try market.encrypt(round)
    var clearing = try market.asClearing()
    var company = try market.connect(login)
    let publicKey = try EncryptionAnnouncement(round, &company).publicKey
    func holding(_ body: String, _ key: String) -> String {
      #"{"round":"\#(round)","company":"acme","key":"\#(key)","body":\#(body)}"#
    }
    let sound = try TestMarket.block().body.replacing("\"", with: "\\\"")
    let item = sound.dropFirst(sound.utf8.count - sound.split(separator: "[")[1].utf8.count).dropLast(2)
    var bodies = [
      "\"\(sound)\"", #""\u0000""#, "\"\(sound)\\u0000\"", #""\ud800""#, #""\ufffe\uffff""#, "null", "7", "[]", "\"\"",
      "\"" + String(repeating: "[", count: 100_000) + "\"", "\"\(sound)\",\"body\":\"\(sound)\"",
      "\"\(sound.replacing("8", with: "99999999999999999999"))\"", "\"\(sound.replacing("2036", with: "-infinity"))\"",
      "\"\(sound.replacing("[", with: "[[").replacing("]", with: "]]"))\"",
      "\"\(sound.replacing("[{", with: "[[{").replacing("}]", with: "},\(item)]]"))\"",
    ]
    // Whoever reckons with these must not run over.
    let curve =
      #"{"type":"curve","segments":[{"pool":"h100","start":"2036-12-01T00:00:00Z","end":"2036-12-01T06:00:00Z","steps":[{"gpus":8,"limit":3000000}]}]}"#
    for number in [Int64.max, .min, .max / 8 * 8] {
      for field in [#""gpus":8"#, #""slots":2"#, #""limit":2000000"#, #""limit":3000000"#] {
        for text in [try TestMarket.block().body, curve] {
          let large = "\(field.prefix { $0 != ":" }):\(number)"
          for other in [large, "\"minimum_gpus\":\(number),\(field)", "\(large),\"limit\":1000000},{\(large)"] {
            let body = text.replacing(field, with: other).replacing("\"", with: "\\\"")
            if text.contains(field) { bodies.append("\"\(body)\"") }
          }
        }
      }
    }
    var plain = bodies.enumerated().map { Array(holding($1, "k\($0)").utf8) }
    plain += [[], [0], [0xFF, 0xFE], Array(repeating: UInt8(ascii: "["), count: 2000)]
    for (number, bytes) in plain.enumerated() {
      let size = EncryptedBid.sizes.first { $0 >= bytes.count } ?? 0
      let body = try EncryptedBid.box(
        bytes + [UInt8](repeating: 32, count: size - bytes.count), Money(dollars: "1000"), to: publicKey)
      _ = try OrderBook.place(sealed: body, in: round, parent: nil, key: "k\(number)", &company)
    }
    try market.close(round)
    var job = ClearingJob()
    job.host = host
    #expect(try job.run(round, &clearing).bids == 1)
    let refusals = try OrderBook.refusals(round: round, &company)
    #expect(refusals.count == plain.count - 1 && refusals.allSatisfy { $0.reason.count > 10 }, "\(refusals)")
    var auditor = try market.asAuditor()
    #expect(VerifyRound(try VerifyBundle.load(round, &auditor)).findings().flatMap(\.problems) == [])
    #expect(try AuditInvariants.problems(&auditor) == [])
    // What is no bid does not even reach the database.
    var owner = try market.connect(nil)
    #expect(try owner.query("SELECT FROM market.opened WHERE length(body) > 1000").isEmpty)
  }

  /// What PostgreSQL takes as one JSON text is bounded, so much is opened, and given to the auditor, in parts.
  @Test func aLargeBookIsOpenedAndAuditedInParts() throws {
    #expect(StatementHost.parts(of: [], most: 5) == [])
    #expect(StatementHost.parts(of: [9, 1, 4, 1, 9], most: 5) == [0..<1, 1..<3, 3..<4, 4..<5])
    let (market, login, round) = try TestMarket.withOneBidder(credit: "1000000")
    let host = try market.encrypt(round)
    var clearing = try market.asClearing()
    var company = try market.connect(login)
    let publicKey = try EncryptionAnnouncement(round, &company).publicKey
    let junk = [UInt8](repeating: UInt8(ascii: "x"), count: 131_072)
    for number in 0..<60 {
      let body =
        number % 30 == 29
        ? try EncryptedBid.seal(
          TestMarket.block(), round: round, company: "acme", key: "k\(number)", exposure: Money(dollars: "1000"),
          to: publicKey) : try EncryptedBid.box(junk, Money(dollars: "0"), to: publicKey)
      _ = try OrderBook.place(sealed: body, in: round, parent: nil, key: "k\(number)", &company)
    }
    try market.close(round)
    var job = ClearingJob()
    job.host = host
    #expect(try job.run(round, &clearing).bids == 2)
    var auditor = try market.asAuditor()
    let parts = try auditor.query("SELECT FROM market.audit_round(\(round)) WHERE section = 'entries'").count
    #expect(parts > 2)
    let bundle = try VerifyBundle.load(round, &auditor)
    #expect(bundle.entries.map(\.place) == Array(1...60))
    #expect(VerifyRound(bundle).findings().flatMap(\.problems) == [])
  }

  /// The door bounds what one company's bids ask of the engine, where it can see them; here the opening does.
  @Test func oneCompanyCannotSealMoreThanTheEngineTakes() throws {
    let market = try TestMarket()
    try market.addPool()
    let login = try market.addCompany("acme", credit: "1000000000")
    let delivery = "2036-12-01T00:00Z/P416D"
    let round = try market.openRound(delivery: delivery)
    var host = try StatementHost(home: TestFolder.make(), keyFile: nil, statements: nil).afterTheGate()
    try market.markEncrypted(round)
    var clearing = try market.asClearing()
    _ = try host.announceKeys(&clearing)
    var company = try market.connect(login)
    let publicKey = try EncryptionAnnouncement(round, &company).publicKey
    guard case .block(let wide) = try TestMarket.block(slots: 1, window: delivery) else { return }
    // 99,840 places each: twenty fit, the next does not, a small one does again.
    let large = Bid.block(Array(repeating: wide[0], count: 10))
    var placed: [String] = []
    for number in 0..<22 {
      let bid = number < 21 ? large : try TestMarket.block()
      let body = try EncryptedBid.seal(
        bid, round: round, company: "acme", key: "k\(number)", exposure: bid.worstCase(.hour), to: publicKey)
      placed.append(
        try OrderBook.place(sealed: body, in: round, parent: nil, key: "k\(number)", &company).bid)
    }
    try market.close(round)
    host.bytesAtOnce = 1  // each box in a call of its own
    try host.openBoxes(round, &clearing)
    let refusals = try OrderBook.refusals(round: round, &company)
    #expect(refusals.map(\.bid) == [placed[20]])
    #expect(
      refusals.first?.reason == "with it your bids leave 2096640 places and steps to choose from, above 2000000")
  }

  @Test func anOpenerWhoLetsTooManyPlacesThroughIsFound() throws {
    let bundle = try Self.common.get().bundle()
    var boxes = VerifyBoxes(bundle, pinnedKey: nil)
    #expect(boxes.problems() == [])
    boxes.mostPlaces = 1
    let problems = boxes.problems()
    #expect(problems.count > 1)
    #expect(problems.allSatisfy { $0.contains("it takes part, although with it the bids of its company leave") })
  }

  /// Whoever opens the boxes could lie about what they held; the published key tells.
  @Test(arguments: [
    (
      "UPDATE market.opened SET body = replace(body, '\"gpus\":8', '\"gpus\":16') WHERE body LIKE '%\"gpus\":8,%'",
      "holds another bid"
    ),
    (
      "UPDATE market.opened SET refusal = 'the limit is too low' WHERE entry_id = (SELECT min(entry_id) FROM market.opened)",
      "refused without cause: the limit is too low"
    ),
    (
      "UPDATE market.opened SET body = NULL, refusal = 'what was sealed is no bid' WHERE entry_id = (SELECT max(entry_id) FROM market.opened)",
      "holds another bid"
    ),
    ("DELETE FROM market.opened WHERE entry_id = (SELECT max(entry_id) FROM market.opened)", "never opened"),
    ("UPDATE market.opened_key SET secret_key = sha256('x')", "does not open what was sealed"),
    ("DELETE FROM market.opened_key", "was not published"),
    ("UPDATE market.round_key SET public_key = sha256('x')", "is not signed by"),
    ("UPDATE market.round SET gate = gate - interval '1 hour'", "or not for the gate 2036-11-30T11:00Z"),
    ("UPDATE market.round SET encrypted = false", "no key was announced"),
  ])
  func aFalseOpeningIsFound(_ edit: String, _ said: String) throws {
    let cleared = try Self.common.get()
    var owner = try cleared.market.connect(nil)
    struct TakeBack: Error {}
    #expect(throws: TakeBack.self) {
      try owner.transaction { owner in
        try owner.script("SET LOCAL session_replication_role = replica")
        #expect(try owner.execute(SQL(unsafeRaw: edit)) > 0)
        let problems = VerifyRound(try VerifyBundle.load(cleared.round, &owner)).findings().flatMap(\.problems)
        #expect(problems.contains { $0.contains(said) }, "\(problems)")
        throw TakeBack()
      }
    }
  }

  static let common = Result { try ClearedMarket(seed: 22, bids: 12, encrypted: true) }

  /// The announcement has to be that of the host whose key the reader has.
  @Test func anAnnouncementOfAnotherHostIsFound() throws {
    let cleared = try Self.common.get()
    var verification = VerifyRound(try cleared.bundle())
    verification.statement = try cleared.statement()
    #expect(verification.findings().flatMap(\.problems) == [])
    verification.pinnedKey = String(repeating: "0", count: 64)
    #expect(verification.findings().flatMap(\.problems).contains { $0.contains("not by the clearing host") })
  }

  /// Nobody gets the key while bids are secret, nor ever by another way than the auditor's.
  @Test func theKeyIsPublishedWithTheBookAndNotBefore() throws {
    let cleared = try ClearedMarket(seed: 23, bids: 3, encrypted: true, publish: false)
    var owner = try cleared.market.connect(nil)
    #expect(try owner.query("SELECT FROM market.opened_key").count == 0)
    #expect(throws: PostgresError.self) { _ = try cleared.bundle() }
    _ = try cleared.clear()
    let secret = try #require(try cleared.bundle().encryption?.secretKey)
    #expect(secret.count == 64)
    // The log has both acts, and never the secret.
    var auditor = try cleared.market.asAuditor()
    let lines = try AuditLine.read(since: nil, most: 1000, &auditor).filter { $0.actor == "market_clearing" }
    #expect(
      lines.map(\.act).filter { $0 != "closed round" && $0 != "published round" } == ["announce key", "open boxes"])
    #expect(!lines.contains { $0.details.contains(secret) })
  }

  @Test func withoutItsKeyARoundIsNotCleared() throws {
    let cleared = try ClearedMarket(seed: 21, bids: 3, encrypted: true, publish: false)
    var job = ClearingJob()
    var clearing = try cleared.market.asClearing()
    #expect(throws: TrustProblem.self) { _ = try job.run(cleared.round, &clearing) }
    job.host = try StatementHost(home: TestFolder.make(), keyFile: nil, statements: nil)
    #expect(throws: TrustProblem.self) { _ = try job.run(cleared.round, &clearing) }
    #expect(try cleared.clear().ending == .published)
  }
}
