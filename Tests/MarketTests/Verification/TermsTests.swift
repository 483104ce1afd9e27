import Clearing
import TestSupport
import Testing

@testable import Market

/// What a round was opened with, and which entries may stand in its book at all.
@Suite("Terms and histories")
struct TermsTests {
  /// Whoever clears may choose the effort, and the reader is told.
  @Test func anotherEffortIsSaidAndFailsNothing() throws {
    let cleared = try ClearedMarket(seed: 41, bids: 6, publish: false)
    var job = ClearingJob()
    job.host = try StatementHost(home: cleared.home, keyFile: nil, statements: nil)
    job.effort = Effort(units: 40)
    var clearing = try cleared.market.asClearing()
    #expect(try job.run(cleared.round, &clearing).ending == .published)
    let findings = VerifyRound(try cleared.bundle()).findings()
    #expect(findings.flatMap(\.problems) == [])
    #expect(
      findings.contains { $0.check.hasSuffix("; cleared with effort 40, the round was opened with 30") },
      "\(findings.map(\.check))")
    #expect(!findings.contains { $0.check.contains("stopped early") })
  }

  /// At the round's own there is nothing to say; the same effort may be spelled in two ways.
  @Test func theRoundsOwnEffortIsNotMentioned() throws {
    let bundle = try ClearedMarket.common.get().bundle()
    #expect(!VerifyRound(bundle).findings().contains { $0.check.contains("effort 30") })
    let spelled = try forged { text in
      text = text.replacing("\"effort\": \"30\"", with: "\"effort\": \"1000\"", maxReplacements: 1)
      text = text.replacing("\"effort\": \"30\"", with: "\"effort\": \"quick\"", maxReplacements: 1)
    }
    #expect(!VerifyRound(spelled).findings().contains { $0.check.contains("opened with") })
  }

  @Test func anEarlyStopIsSaid() throws {
    let stopped = try forged { text in
      text = text.replacing("\"stopped_early\": false", with: "\"stopped_early\": true")
    }
    let work = stopped.record.workDone
    #expect(
      VerifyRound(stopped).findings().contains {
        $0.check.hasSuffix("; stopped early, after \(work) units of work")
      })
  }

  /// What this version does not know is not taken for something else.
  @Test(arguments: ["free", "none", "VCG", ""]) func anUnknownPricingIsFound(_ pricing: String) throws {
    let bundle = try forged { text in
      text = text.replacing("\"pricing\": \"vcg\"", with: "\"pricing\": \"\(pricing)\"", maxReplacements: 1)
    }
    let problems = VerifyRound(bundle).findings().flatMap(\.problems)
    #expect(problems == ["the round was opened with pricing \(pricing), which is no rule"])
  }

  /// A sound bundle with its text changed and its digest made to fit.
  private func forged(_ change: (inout String) -> Void) throws -> VerifyBundle {
    let sound = try ClearedMarket.common.get().bundle().text
    let before = String(sound.drop { $0 != "\n" }.dropFirst().dropLast(2))
    var text = before
    change(&text)
    #expect(text != before, "nothing was changed")
    return try VerifyBundle(json: VerifyBundle.sealed(Array(text.utf8)), source: "forged")
  }

  /// Entries of the companies, bids, kinds and keys given, under a seal of their own.
  private func problems(_ history: [(company: String, bid: String, kind: String, key: String)]) throws -> [String] {
    let bundle = try ClearedMarket.common.get().bundle()
    let entries = history.enumerated().map { at, entry in
      VerifyBundle.Entry(
        place: at + 1, company: entry.company, bid: entry.bid, kind: entry.kind, parent: nil, key: entry.key, salt: "",
        acceptedAt: "2036-11-01T00:00:00.000000Z", body: "", hash: String(repeating: "0", count: 64), opened: nil,
        refusal: nil)
    }
    func sealed(_ root: String) -> SealedEntries {
      SealedEntries(
        round: bundle.round, entryCount: entries.count, merkleRoot: root, pools: bundle.pools, caps: [],
        entries: entries)
    }
    return sealed(sealed("").computedRoot).sealProblems()
  }

  /// Each kind in the order given, all of one bid, under keys of their own.
  private func problems(kinds: [String]) throws -> [String] {
    try problems(kinds.enumerated().map { at, kind in (company: "acme", bid: "b_0", kind: kind, key: "k\(at)") })
  }

  @Test(
    arguments: [
      [], ["place"], ["place", "amend"], ["place", "withdraw"], ["place", "amend", "amend", "withdraw"],
    ] as [[String]])
  func whatTheDoorWritesPasses(_ kinds: [String]) throws {
    #expect(try problems(kinds: kinds) == [])
  }

  /// A history, the place of each entry that breaks it, and what is said of the first.
  @Test(
    arguments: [
      (["amend"], [1], "its kind is amend, and it comes before its bid was placed"),
      (["withdraw"], [1], "its kind is withdraw, and it comes before its bid was placed"),
      (["place", "place"], [2], "its kind is place, and it follows the kind place"),
      (["place", "amend", "place"], [3], "its kind is place, and it follows the kind amend"),
      (["place", "withdraw", "amend"], [3], "its kind is amend, and it follows the kind withdraw"),
      (["place", "withdraw", "withdraw", "place"], [3, 4], "its kind is withdraw, and it follows the kind withdraw"),
      (["place", "void"], [2], "there is no kind void"),
    ] as [([String], [Int], String)])
  func whatTheDoorNeverWritesIsNamed(_ kinds: [String], _ places: [Int], _ said: String) throws {
    let problems = try problems(kinds: kinds)
    #expect(problems.first == "entry \(places[0]), bid b_0 of acme: \(said)")
    #expect(problems.count == places.count)
    for (problem, place) in zip(problems, places) { #expect(problem.hasPrefix("entry \(place), ")) }
  }

  /// A key is its company's own; and two that only look alike are two, for the database compares bytes.
  @Test func aKeyUsedTwiceIsNamed() throws {
    #expect(
      try problems([("acme", "b_0", "place", "k"), ("rival", "b_0", "place", "k"), ("acme", "b_1", "place", "k")])
        == ["entry 3, bid b_1 of acme: its key was used by an earlier entry of its company"])
    #expect(try problems([("acme", "b_0", "place", "\u{e9}"), ("acme", "b_1", "place", "e\u{301}")]) == [])
    // Names that run together are two bids all the same.
    #expect(try problems([("a/b", "c", "place", "k"), ("a", "b/c", "place", "k")]) == [])
  }
}
