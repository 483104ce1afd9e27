import Foundation
import Market
import Postgres
import TestSupport
import Testing
import Units

/// A bid's id follows from a key that its company chooses: whoever finds keys with one id must gain nothing by it.
@Suite("Ids of bids")
struct BidIdTests {
  /// As if keys with these ids had been found.
  private func rename(_ ids: [String: String], in market: TestMarket) throws {
    var owner = try market.connect(nil)
    try owner.script("SET session_replication_role = replica")
    for (old, new) in ids {
      for table in ["entry", "bid"] {
        try owner.execute("UPDATE market.\(unsafeRaw: table) SET bid = \(new) WHERE bid = \(old)")
        try owner.execute("UPDATE market.\(unsafeRaw: table) SET parent = \(new) WHERE parent = \(old)")
      }
    }
    try owner.execute(
      """
      UPDATE market.entry e SET hash = market.entry_hash(r.name, c.name, e.bid, e.kind, e.parent, e.key, e.salt,
        market.exact_time(e.accepted_at), e.body)
      FROM market.round r, market.company c WHERE r.round_id = e.round_id AND c.company_id = e.company_id
      """)
  }

  @Test func anIdHas128Bits() throws {
    let (market, login, round) = try TestMarket.withOneBidder(credit: "1000000")
    let receipt = try market.place(TestMarket.block(), as: login, in: round, key: "k")
    let form = /b_[0-9a-f]{32}/
    #expect(receipt.bid.wholeMatch(of: form) != nil, "\(receipt.bid)")
    #expect(try market.place(TestMarket.block(), as: login, in: round, key: "k").hash == receipt.hash)
  }

  @Test func twoCompaniesMayHaveBidsOfOneId() throws {
    let market = try TestMarket()
    try market.addPool()
    let logins = try ["acme", "rival"].map { try market.addCompany($0) }
    let round = try market.openRound()
    var ids: [String: String] = [:]
    for login in logins {
      let parent = try market.place(TestMarket.block(), as: login, in: round).bid
      try market.place(TestMarket.block(), as: login, in: round, parent: parent)
      ids[parent] = "b_1"
    }
    try rename(ids, in: market)
    try market.close(round)
    var clearing = try market.asClearing()
    #expect(try ClearingJob().run(round, &clearing).ending == .published)
    let awards = try Results.awards(round: round, ownOnly: false, &clearing)
    #expect(awards.count == 4)
    #expect(awards.filter { $0.bid == "b_1" }.map(\.company).sorted() == ["acme", "rival"])
    var auditor = try market.asAuditor()
    #expect(VerifyRound(try VerifyBundle.load(round, &auditor)).findings().flatMap(\.problems) == [])
    #expect(try AuditInvariants.problems(&auditor) == [])
  }

  /// A bid that was refused takes those with it that hang on it in its own round, and no others.
  @Test func aLinkInAnotherRoundDropsNoBid() throws {
    let market = try TestMarket()
    try market.addPool()
    let login = try market.addCompany("acme")
    let round = try market.openRound("sealed")
    let host = try market.encrypt(round)
    var company = try market.connect(login)
    let publicKey = try EncryptionAnnouncement(round, &company).publicKey
    let bid = try TestMarket.block()
    var placed: [String] = []
    for (key, exposure) in [("dear", try Money(dollars: "1")), ("sound", bid.worstCase(.hour))] {
      let body = try EncryptedBid.seal(bid, round: round, company: "acme", key: key, exposure: exposure, to: publicKey)
      placed.append(try OrderBook.place(sealed: body, in: round, parent: nil, key: key, &company).bid)
    }
    let day = "2036-12-02T00:00Z/P1D"
    let other = try market.openRound("other", delivery: day)
    let parent = try market.place(TestMarket.block(window: day), as: login, in: other).bid
    let child = try market.place(TestMarket.block(window: day), as: login, in: other, parent: parent).bid
    try rename([parent: placed[0], child: placed[1]], in: market)

    try market.close(round)
    var job = ClearingJob()
    job.host = host
    var clearing = try market.asClearing()
    let outcome = try job.run(round, &clearing)
    #expect(outcome.ending == .published && outcome.bids == 1)
    #expect(try Results.awards(round: round, ownOnly: false, &clearing).map(\.bid) == [placed[1]])
    var auditor = try market.asAuditor()
    #expect(VerifyRound(try VerifyBundle.load(round, &auditor)).findings().flatMap(\.problems) == [])
  }
}

/// What the database refuses or keeps to itself, whoever asks.
@Suite("Rules of the market's functions")
struct MarketRuleTests {
  /// Each use of a curve would be borne out by the same steps.
  @Test func aCurveIsNotAwardedTwiceAtOneTime() throws {
    let (market, login, round) = try TestMarket.withOneBidder(credit: "1000000")
    let step = CurveSegment.Step(gpus: 8, limit: try Price(dollarsPerGPUHour: "2.00"))
    let curve = Bid.curve([
      CurveSegment(pool: "h100", period: try TimeRange(iso8601: TestMarket.delivery), steps: [step])
    ])
    let bid = try market.place(curve, as: login, in: round).bid
    try market.close(round)
    var clearing = try market.asClearing()
    let root = try SealedBook.load(round, &clearing).merkleRoot
    let (zeros, ones) = (String(repeating: "00", count: 32), String(repeating: "11", count: 32))
    // 8 GPUs for 24 hours, and in the second of them once more.
    let result = """
      {"instance_digest":"\(zeros)","result_digest":"\(ones)","engine_version":"x","effort":"quick","work_done":1,
      "stopped_early":false,"welfare":200000000,"bound":200000000,"proven":true,"ties":"ruled","prices":{},
      "price_bound":200000000,"priced_by":"vcg","awards":[{"company":"acme","bid":"\(bid)","alternative":null,"gpu_slots":200,
      "value":400000000,"reserve_cost":200000000,"payment":400000000,"uses":[[0,0,24,8],[0,1,1,8]]}],
      "payments":[{"company":"acme","payment":400000000,"low":400000000,"high":400000000,"exact":true}]}
      """
    let error = refusal {
      _ = try clearing.query("SELECT market.publish_round(\(round), \(root), \(result)::jsonb)")
    }
    #expect(error?.sqlState == "GM500" && error?.message.contains("uses pool h100 twice at one time") == true)
    #expect(try ClearingJob().run(round, &clearing).ending == .published)
  }

  @Test func theWinningBidsBodiesAreTheirCompanys() throws {
    let (market, login, round) = try TestMarket.withOneBidder(credit: "1000000")
    let bid = try TestMarket.block()
    try market.place(bid, as: login, in: round)
    try market.close(round)
    var clearing = try market.asClearing()
    _ = try ClearingJob().run(round, &clearing)
    var finance = try market.asFinance()
    var company = try market.connect(login)
    let shown: String? = try finance.query("SELECT body FROM market.awards(NULL)").one().optional("body")
    #expect(shown == nil)
    let own: String = try company.query("SELECT body FROM market.my_awards(NULL)").one().get("body")
    #expect(own == bid.body)
  }

  @Test func noExportEndsBeyondTheLedger() throws {
    let market = try TestMarket()
    var finance = try market.asFinance()
    let sum = String(repeating: "a", count: 64)
    let error = refusal {
      _ = try finance.query("SELECT ledger.record_export('csv', 'all', 0, 1000000, 0, \(sum))")
    }
    #expect(error?.sqlState == "GM422" && error?.message.contains("the ledger ends with 0") == true)
    _ = try finance.query("SELECT ledger.record_export('csv', 'all', 0, 0, 0, \(sum))")
  }

  @Test func aCapsLineInTheLogNamesItsPool() throws {
    let (market, _, _) = try TestMarket.withOneBidder(credit: "1000000")
    var asOperator = try market.asOperator()
    try Companies.setCap(&asOperator, company: "acme", pool: "h100", gpus: 16)
    try Companies.setCap(&asOperator, company: "acme", pool: "h100", gpus: 24)
    let lines = try AuditLine.read(since: nil, most: 1000, &asOperator).filter { $0.act.hasSuffix("company_cap") }
    #expect(lines.count == 2)
    #expect(lines.allSatisfy { $0.subject == "acme" && $0.details.contains("\"pool\": \"h100\"") })
  }
}
