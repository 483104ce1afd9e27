import Clearing
import Files
import TestSupport
import Testing
import Units

@testable import Market

/// A bundle that somebody made to bring the verification down fails it, and says where.
@Suite("Hostile bundles")
struct HostileBundleTests {
  /// A sound bundle with its text changed and its digest made to fit.
  private func forged(_ change: (inout String) throws -> Void) throws -> VerifyBundle {
    var text = try ClearedMarket.common.get().bundle().text
    let head = try #require(text.firstRange(of: ",\n"))
    let second = try #require(text[head.upperBound...].firstRange(of: "\"round\""))
    text = String(text[second.lowerBound...].dropLast(2))
    let before = text
    try change(&text)
    #expect(text != before, "nothing was changed")
    return try VerifyBundle(json: VerifyBundle.sealed(Array(text.utf8)), source: "forged")
  }

  @Test func aBundleOfAnotherFormatIsRefused() throws {
    let text = try ClearedMarket.common.get().bundle().text
    for (other, said) in [
      (
        text.replacing("gpumarket bundle 3", with: "gpumarket bundle 2"),
        "this is format 2 of the bundle, and this tool reads format 3"
      ),
      (
        text.replacing("\"format\":\"gpumarket bundle 3\",", with: ""),
        "this does not say that it is \"gpumarket bundle 3\""
      ),
    ] {
      let error = #expect(throws: JSONProblem.self) { _ = try VerifyBundle(json: Array(other.utf8), source: "other") }
      #expect(error?.problem == said)
    }
  }

  @Test func aPriceBeyondAllMeasureFails() throws {
    func priced(_ number: Int64) throws -> VerifyBundle {
      try forged { text in
        guard let prices = text.firstRange(of: "\"prices\"") else { return }
        let tail = text[prices.upperBound...].replacing(/-?[0-9]+(?=[,\]])/, with: "\(number)", maxReplacements: 1)
        text = String(text[..<prices.upperBound]) + String(tail)
      }
    }
    #expect(VerifyRound(try priced(.max)).findings().flatMap(\.problems) != [])
    // Below nothing no bound rests on it: it is not even read.
    for number in [Int64.min, -1] {
      let error = #expect(throws: JSONProblem.self) { _ = try priced(number) }
      #expect(error?.description.contains("prices") == true, "\(String(describing: error))")
    }
  }

  @Test func anAwardBeyondAllMeasureFails() throws {
    for (field, number) in [
      ("payment", Int64.max), ("payment", .min), ("value", .max), ("reserve_cost", .max), ("reserve_cost", .min),
      ("gpus", 10_000_001), ("gpus", .max), ("low", .min), ("high", .max), ("cents", .max), ("cents", .min),
    ] {
      let bundle = try forged { text in
        guard let awards = text.firstRange(of: "\"awards\"") else { return }
        let tail = text[awards.upperBound...].replacing(
          try Regex("\"\(field)\": ?-?[0-9]+"), with: "\"\(field)\": \(number)")
        text = String(text[..<awards.upperBound]) + String(tail)
      }
      #expect(VerifyRound(bundle).findings().flatMap(\.problems) != [], "\(field) \(number)")
    }
  }

  /// What the ledger's own columns say is needed: a bundle that leaves it out is refused, and one that changes it is found.
  @Test func whoseAnAccountIsIsSaid() throws {
    for missing in [
      /, "transaction_company": (?:null|"[^"]*")/, /, "company": (?:null|"[^"]*")(?=, "transaction_company")/,
      /"pool": (?:null|"[^"]*"),[ ](?="award")/,
    ] {
      #expect(throws: JSONProblem.self) { try forged { $0 = $0.replacing(missing, with: "") } }
    }
    let moved = try forged {
      $0 = $0.replacing("Assets:Receivable:Company-", with: "Assets:Receivable:Rival-", maxReplacements: 1)
    }
    let problems = VerifyRound(moved).findings().flatMap(\.problems)
    #expect(problems.contains { $0.contains("is posted to the account Assets:Receivable:Rival-") }, "\(problems)")
  }

  @Test func capsWithoutTheirSaltAreNotThoseThatWereSigned() throws {
    var verification = VerifyRound(
      try forged { $0.replace(/"caps_salt": "[0-9a-f]{32}"/, with: "\"caps_salt\": null") })
    verification.statement = try ClearedMarket.common.get().statement()
    let problems = verification.findings().flatMap(\.problems)
    #expect(problems.count == 1 && problems[0].hasPrefix("the caps are not those that were signed"), "\(problems)")
  }

  @Test func aCapOnNoPoolIsNamed() throws {
    let bundle = try forged { text in
      text.replace(
        /"caps":\[\]/, with: "\"caps\":[{\"company\":\"company-0\",\"pool\":\"none\",\"gpus\":8}]")
    }
    let problems = VerifyRound(bundle).findings().flatMap(\.problems)
    #expect(problems.contains { $0.contains("a cap of company-0 is on the pool none") }, "\(problems)")
  }

  /// Bids that no door let in, as entries whose hashes nobody looks at.
  private func entries(_ bids: [(bid: Bid, parent: String?)]) throws -> SealedEntries {
    let bundle = try ClearedMarket.common.get().bundle()
    let entries = bids.enumerated().map { at, item in
      VerifyBundle.Entry(
        place: at + 1, company: "acme", bid: "b_\(at)", kind: "place", parent: item.parent, key: "k\(at)", salt: "",
        acceptedAt: "2036-11-01T00:00:00.000000Z", body: item.bid.body, hash: "", opened: nil, refusal: nil)
    }
    return SealedEntries(
      round: bundle.round, entryCount: entries.count, merkleRoot: "", pools: bundle.pools, caps: [], entries: entries)
  }

  @Test func aBidBeyondAllMeasureIsNamed() throws {
    let dear = try TestMarket.block(gpus: 10_000_000 / 8 * 8, slots: 24, limit: "1000000")
    let error = #expect(throws: TrustProblem.self) { _ = try entries([(dear, nil)]).book() }
    #expect(
      error?.problem.hasPrefix("entry 1, bid b_0 of acme: it is worth more") == true, "\(String(describing: error))")
    for bid in [
      try TestMarket.block(gpus: .max), try TestMarket.block(slots: .max), try TestMarket.block(slots: .min),
      try TestMarket.block(minimum: Int.min), try TestMarket.block(pool: "none"),
      .curve([CurveSegment(pool: "h100", period: try TimeRange(iso8601: TestMarket.delivery), steps: [])]),
    ] {
      let error = #expect(throws: TrustProblem.self) { _ = try entries([(bid, nil)]).book() }
      #expect(error?.problem.hasPrefix("entry 1, bid b_0 of acme: ") == true)
    }
    // The engine's instance holds by itself, whoever makes the book.
    let sound = try entries([(try TestMarket.block(), nil)]).book()
    let strange = SealedBook(
      round: sound.round, merkleRoot: [], entryCount: 1, pools: sound.pools, caps: [("acme", "none", 8)],
      entries: sound.entries)
    #expect(throws: InstanceError.self) { _ = try BookInstance(strange) }
    let large = SealedBook.Entry(
      place: 1, company: "acme", id: "b_0", parent: nil, bid: dear, bodyText: "", acceptedAt: sound.round.gate,
      hash: [])
    let dearest = SealedBook(
      round: sound.round, merkleRoot: [], entryCount: 1, pools: sound.pools, caps: [], entries: [large])
    #expect(throws: InstanceError.self) { _ = try BookInstance(dearest) }
  }

  @Test func bidsThatHangDeepOrInARingEndNoStack() throws {
    let bid = try TestMarket.block()
    func chain(_ count: Int, _ parent: (Int) -> String?) throws -> SealedEntries {
      try entries((0..<count).map { (bid: bid, parent: parent($0)) })
    }
    #expect(try chain(20_000) { $0 == 0 ? nil : "b_\($0 - 1)" }.book().entries.count == 20_000)
    #expect(try chain(1000) { "b_\($0 - 1)" }.book().entries.isEmpty)
    let ring = try chain(3) { "b_\(($0 + 1) % 3)" }.book()
    #expect(throws: InstanceError.self) { _ = try BookInstance(ring) }
  }

  @Test func aPinnedKeyIsReadInEitherCase() throws {
    let statement = try ClearedMarket.common.get().statement()
    let key = hex(statement.publicKey)
    for pinned in [key, key.uppercased()] {
      #expect(
        statement.problems(
          round: statement.round, entryCount: statement.entryCount, merkleRoot: statement.merkleRoot,
          pinnedKey: pinned) == [])
    }
  }
}
