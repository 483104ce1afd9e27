import Files
import Foundation
import Postgres
import TestSupport
import Testing
import Units

@testable import Market

/// Whoever administers the database edits what a round offers, or its caps, after its gate: the signed statement tells.
@Suite("Signed terms")
struct SignedTermsTests {
  private static let offer = "what the round offers, or how it is priced, is not what was signed"
  private static let caps = "the caps are not those that were signed"

  /// Each edit, and which of the two digests is another then.
  static let edits: [(String, String)] = [
    ("UPDATE market.round_pool SET capacity_gpus = array_fill(8, ARRAY[24]), most_gpus = 8", offer),
    ("UPDATE market.round_pool SET reserve_price = reserve_price + 100000", offer),
    ("UPDATE market.round_pool SET lot_gpus = 4", offer),
    ("UPDATE market.round SET pricing = 'pay-as-bid'", offer),
    ("UPDATE market.round SET effort = 'standard'", offer),
    ("UPDATE market.round SET simulated = true", offer),
    ("UPDATE market.round_cap SET gpus = gpus + 8", caps),
  ]

  /// A closed round in which two companies bid, one of them under a cap.
  struct ClosedRound {
    let market: TestMarket
    let logins: [String]
    let round: String
    let host: StatementHost

    init() throws {
      let market = try TestMarket()
      try market.addPool()
      let logins = try ["acme", "rival"].map { try market.addCompany($0) }
      var asOperator = try market.asOperator()
      try Companies.setCap(&asOperator, company: "acme", pool: "h100", gpus: 16)
      let round = try market.openRound()
      for login in logins { try market.place(TestMarket.block(limit: "3.00"), as: login, in: round) }
      try market.close(round)
      (self.market, self.logins, self.round) = (market, logins, round)
      host = try StatementHost(home: TestFolder.make(), keyFile: nil, statements: nil)
    }

    func clear() throws -> ClearingJob.Outcome {
      var job = ClearingJob()
      job.host = host
      var clearing = try market.asClearing()
      return try job.run(round, &clearing)
    }

    /// The statement's file.
    func statementFile() throws -> [UInt8] { try readFile(host.path(ofRound: round)) }
  }

  static let published: Result<ClosedRound, any Error> = Result {
    let closed = try ClosedRound()
    _ = try closed.clear()
    return closed
  }

  /// Edited between statement and solving, and met again by the next run.
  @Test(arguments: edits) func editedTermsAreNotCleared(_ edit: String, _ words: String) throws {
    let closed = try ClosedRound()
    var clearing = try closed.market.asClearing()
    var job = ClearingJob()
    job.host = closed.host
    job.onStep = { [market = closed.market] step, _ in
      guard step == .load else { return }
      do {
        var owner = try market.connect(nil)
        try owner.script("SET session_replication_role = replica; \(edit)")
      } catch { Issue.record("\(error)") }
    }
    let error = #expect(throws: TrustProblem.self) { _ = try job.run(closed.round, &clearing) }
    #expect(
      error?.problem.hasPrefix("the book of round \(closed.round) is not the one that was sealed: \(words)") == true,
      "\(String(describing: error))")
    let later = #expect(throws: TrustProblem.self) { _ = try closed.clear() }
    let start =
      words == Self.caps
      ? "the book of round \(closed.round) is not the one that was sealed: "
      : "was signed for other terms of round \(closed.round): "
    #expect(later?.problem.contains(start + words) == true, "\(String(describing: later))")
    #expect(try Rounds.named(closed.round, &clearing).state == .closed)
    var owner = try closed.market.connect(nil)
    #expect(try owner.query("SELECT FROM market.clearing").isEmpty)
  }

  @Test(arguments: edits) func verifySaysWhichTermsWereEdited(_ edit: String, _ words: String) throws {
    let closed = try Self.published.get()
    let statement = try Statement(json: closed.statementFile(), source: "statement")
    var owner = try closed.market.connect(nil)
    var problems: [String] = []
    struct TakeBack: Error {}
    #expect(throws: TakeBack.self) {
      try owner.transaction { owner in
        try owner.script("SET LOCAL session_replication_role = replica; \(edit)")
        var verification = VerifyRound(try VerifyBundle.load(closed.round, &owner))
        verification.statement = statement
        problems = verification.findings().flatMap(\.problems)
        // A company sees the offer, and no caps.
        let seen = try Terms.offer(of: closed.round, &owner)
        #expect(statement.problems(offer: seen).isEmpty == (words != Self.offer))
        throw TakeBack()
      }
    }
    #expect(problems.count == 1 && problems.first?.hasPrefix(words) == true, "\(problems)")
  }

  /// Company, clearing host and auditor compute the same; an outage that comes later changes nothing.
  @Test func everyoneComputesTheSameTerms() throws {
    let closed = try ClosedRound()
    _ = try closed.clear()
    let statement = try Statement(json: closed.statementFile(), source: "statement")
    let terms = statement.terms
    var asOperator = try closed.market.asOperator()
    let period = try Rounds.named(closed.round, &asOperator).delivery
    _ = try Pools.addOutage(&asOperator, pool: "h100", gpus: 8, period: period, reason: "a rack failed")
    try Companies.setCap(&asOperator, company: "acme", pool: "h100", gpus: 8)
    for login in closed.logins {
      var company = try closed.market.connect(login)
      #expect(try Terms.offer(of: closed.round, &company) == terms.offer)
    }
    for role in closed.logins + ["market_operator", "market_finance", "market_auditor"] {
      var other = try closed.market.connect(role)
      let error = refusal { _ = try other.query("SELECT market.closing_salt(\(closed.round))") }
      #expect(error?.sqlState == "42501")
    }
    var auditor = try closed.market.asAuditor()
    var verification = VerifyRound(try VerifyBundle.load(closed.round, &auditor))
    verification.statement = statement
    let findings = verification.findings()
    #expect(findings.flatMap(\.problems) == [])
    #expect(findings.contains { $0.check == "the signed closing statement" })
    // Tried with all that companies know, the caps' digest is still another.
    var guess = SealedEntries(verification.bundle)
    #expect(Terms.offer(of: guess, isEncrypted: false) == terms.offer)
    #expect(Terms.caps(of: guess) == terms.caps)
    guess.capsSalt = ""
    #expect(Terms.caps(of: guess) != terms.caps)
  }

  /// A host whose key was lost, or that looks into another folder for it, replaces nothing.
  @Test func whatAnotherKeySignedStays() throws {
    let closed = try ClosedRound()
    var clearing = try closed.market.asClearing()
    try closed.host.writeStatement(closed.round, &clearing)
    let signed = try closed.statementFile()
    let other = try StatementHost(home: TestFolder.make(), keyFile: nil, statements: closed.host.statementsFolder)
    let error = #expect(throws: TrustProblem.self) { try other.writeStatement(closed.round, &clearing) }
    #expect(error?.problem.contains("was signed with another key") == true, "\(String(describing: error))")
    #expect(try closed.statementFile() == signed)
  }

  /// However little of a book there is to guess.
  @Test func everyRoundHasARandomSalt() throws {
    let market = try TestMarket()
    try market.addPool()
    let rounds = [try market.openRound("one"), try market.openRound("two", delivery: "2036-12-02T00:00Z/P1D")]
    var clearing = try market.asClearing()
    func salt(_ round: String, _ clearing: inout Connection) throws -> String? {
      try clearing.query("SELECT market.closing_salt(\(round)) AS salt").one().optional("salt")
    }
    #expect(try salt(rounds[0], &clearing) == nil)
    for round in rounds { try market.close(round) }
    let salts = [try salt(rounds[0], &clearing), try salt(rounds[1], &clearing)]
    #expect(salts[0] != salts[1] && salts.allSatisfy { $0?.wholeMatch(of: /[0-9a-f]{32}/) != nil }, "\(salts)")
    #expect(try salt(rounds[0], &clearing) == salts[0])
    #expect(try Terms.capsSalt(of: rounds[1], &clearing) == salts[1])
  }

  /// A database that was restored may sort names by another collation.
  @Test func theOrderOfCapsIsNotTheDatabases() throws {
    let bundle = try ClearedMarket.common.get().bundle()
    func digest(_ caps: [(company: String, pool: String, gpus: Int)]) -> [UInt8]? {
      var book = SealedEntries(
        round: bundle.round, entryCount: 0, merkleRoot: "", pools: [], caps: caps, entries: [])
      book.capsSalt = "00"
      return Terms.caps(of: book)
    }
    let caps: [(company: String, pool: String, gpus: Int)] = [
      ("acme", "h100", 8), ("Zebra", "h100", 8), ("acme", "a100", 16), ("\u{E4}hre", "h100", 24),
    ]
    #expect(digest(caps) == digest(caps.reversed()))
    #expect(digest(caps) != digest(Array(caps.dropLast())))
  }

  /// A statement that another version of the format made is refused by its number, not guessed at.
  @Test func aStatementOfAnotherFormatIsRefused() throws {
    let text = String(decoding: try Self.published.get().statementFile(), as: UTF8.self)
    for (other, said) in [
      (
        text.replacing("closing statement 2", with: "closing statement 1"),
        "this is format 1 of the closing statement, and this tool reads format 2"
      ),
      (
        text.replacing(/"format": "[^"]*",\n/, with: ""),
        "this does not say that it is \"gpumarket closing statement 2\""
      ),
    ] {
      let error = #expect(throws: JSONProblem.self) { _ = try Statement(json: Array(other.utf8), source: "file") }
      #expect(error?.problem == said)
    }
  }

  /// Nobody takes the terms out of a statement, or puts others in.
  @Test func termsAreSigned() throws {
    let closed = try Self.published.get()
    let text = String(decoding: try closed.statementFile(), as: UTF8.self)
    let terms = try Statement(json: Array(text.utf8), source: "file").terms
    let zeros = String(repeating: "0", count: 64)
    for changed in [
      text.replacing(hex(terms.offer), with: zeros), text.replacing(hex(terms.caps), with: zeros),
    ] {
      #expect(changed != text)
      let error = #expect(throws: TrustProblem.self) { _ = try Statement(json: Array(changed.utf8), source: "file") }
      #expect(error?.problem == "the signature of file is not that of its key")
    }
  }
}
