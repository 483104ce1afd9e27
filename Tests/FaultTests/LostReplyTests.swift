import Files
import Foundation
import Market
import Postgres
import TestSupport
import Testing
import Units

@Suite("Lost replies", .serialized)
struct LostReplyTests {
  /// The command line sends the same key again by itself, and the bid is in the book once.
  @Test(arguments: [[.reply], [.request], [.reply, .reply], [.request, .reply]] as [[LosingProxy.Loss]])
  func theCommandRetriesWithItsKey(_ losses: [LosingProxy.Loss]) throws {
    let faults = try FaultMarket(companies: 1)
    try faults.open("lost", gateAfter: 600)
    let (proxy, address) = try proxy(faults, losses)
    let receiptFile = faults.home + "/receipt.json"
    let run = try faults.tool().run(
      Self.bid + ["--receipt", receiptFile, "--database", address, "--round", "lost"])
    #expect(run.status == 0, "\(run.error)")
    #expect(run.error.contains("trying again with the same key"))
    #expect(proxy.count == losses.count)
    let receipt = try Receipt.read(Array(Data(contentsOf: URL(filePath: receiptFile))), source: "receipt")[0]
    var company = try faults.market.connect(faults.logins[0])
    #expect(try OrderBook.mine(round: "lost", &company).map(\.hash) == [receipt.hash])
    try faults.check([receipt])
    FaultCounts.add("replies and requests lost", losses.count)
  }

  /// After three tries it says with which key to go on, and going on does it once.
  @Test func theKeyIsKeptAcrossAFailure() throws {
    let faults = try FaultMarket(companies: 1)
    try faults.open("lost", gateAfter: 600)
    let (_, address) = try proxy(faults, [.reply, .reply, .reply])
    let first = try faults.tool().run(Self.bid + ["--database", address, "--round", "lost"])
    #expect(first.status == 4)
    let key = try #require(first.error.firstMatch(of: /--key (k_[0-9a-f]+)/).map { String($0.1) })
    let again = Self.bid + ["--database", address, "--round", "lost", "--key", key]
    #expect(try faults.tool().run(again).status == 0)
    #expect(try faults.tool().run(again).status == 0)
    let other = again.map { $0 == "2.40" ? "2.41" : $0 }
    let refused = try faults.tool().run(other)
    #expect(refused.status == 3 && refused.error.contains("key was used for another request"), "\(refused.error)")
    var company = try faults.market.connect(faults.logins[0])
    #expect(try OrderBook.mine(round: "lost", &company).count == 1)
    try faults.check([])
  }

  /// A bid sealed again is another text; its key still brings the receipt of the one that was accepted.
  @Test(arguments: [["block"], ["import"]])
  func aSealedBidIsRetriedWithItsKey(_ what: [String]) throws {
    let faults = try FaultMarket(companies: 1)
    try faults.open("lost", gateAfter: 600)
    let host = try faults.market.encrypt("lost")
    let file = faults.home + "/bids.csv"
    let rows = ["a,h100,16,4,\(TestMarket.delivery),2.40,", "b,h100,8,4,\(TestMarket.delivery),2.20,a"]
    try "ref,pool,gpus,hours,window,limit,parent\n\(rows.joined(separator: "\n"))\n"
      .write(toFile: file, atomically: true, encoding: .utf8)
    let command = what == ["block"] ? Self.bid : ["bid", "import", file, "--yes"]
    let (_, address) = try proxy(faults, [.reply, .request, .reply])
    let arguments = command + ["--round", "lost", "--clearing-key", hex(host.key.publicKey), "--database", address]
    let first = try faults.tool().run(arguments)
    #expect(first.status == 4, "\(first.error)")
    let key = try #require(first.error.firstMatch(of: /--key (k_[0-9a-f]+)/).map { String($0.1) })
    let again = try faults.tool().run(arguments + ["--key", key])
    #expect(again.status == 0 && again.error.contains("this was accepted before"), "\(again.error)")
    var company = try faults.market.connect(faults.logins[0])
    let mine = try OrderBook.mine(round: "lost", &company)
    #expect(mine.count == (what == ["block"] ? 1 : 2))
    #expect(mine.allSatisfy { again.output.contains($0.hash) })
    // Another exposure, as far as it is declared, is another request.
    let dearer =
      what == ["block"] ? arguments.map { $0 == "2.40" ? "3.41" : $0 } : arguments
    try String(contentsOfFile: file, encoding: .utf8).replacing("2.20", with: "3.21")
      .write(toFile: file, atomically: true, encoding: .utf8)
    let other = try faults.tool().run(dearer + ["--key", key])
    #expect(
      [2, 3].contains(other.status) && other.error.contains("key was used for another request"), "\(other.error)")
    #expect(try OrderBook.mine(round: "lost", &company).count == mine.count)
    // A dry run says the same.
    let rehearsed = try faults.tool().run(dearer + ["--key", key, "--dry-run"])
    #expect(
      [2, 3].contains(rehearsed.status) && rehearsed.error.contains("key was used for another request"),
      "\(rehearsed.error)")
    try faults.check([])
  }

  /// One key is one request: it brings no receipt for another bid.
  @Test func aKeyOfOneSealedAmendmentIsNoneOfAnother() throws {
    let faults = try FaultMarket(companies: 1)
    try faults.open("lost", gateAfter: 600)
    let host = try faults.market.encrypt("lost")
    let common = [
      "--round", "lost", "--clearing-key", hex(host.key.publicKey), "--database",
      faults.market.conninfo(faults.logins[0]),
    ]
    for _ in 0..<2 { #expect(try faults.tool().run(Self.bid + common).status == 0) }
    var company = try faults.market.connect(faults.logins[0])
    let bids = try OrderBook.mine(round: "lost", &company).map(\.id)
    func amend(_ bid: String, _ more: String...) throws -> Tool.Run {
      try faults.tool().run(["bid", "amend", bid] + Self.bid.dropFirst(2) + common + ["--key", "one"] + more)
    }
    let first = try amend(bids[0])
    #expect(first.status == 0, "\(first.error)")
    let again = try amend(bids[0])
    #expect(again.status == 0 && again.error.contains("this was accepted before"), "\(again.error)")
    let rehearsed = try amend(bids[0], "--dry-run")
    #expect(rehearsed.status == 0 && rehearsed.error.contains("this was accepted before"), "\(rehearsed.error)")
    let other = try amend(bids[1])
    #expect(other.status == 3 && other.error.contains("key was used for another request"), "\(other.error)")
    #expect(try OrderBook.mine(round: "lost", &company).filter { $0.id == bids[1] }.allSatisfy { !$0.isAmended })
    try faults.check([])
  }

  static let bid = [
    "bid", "block", "--pool", "h100", "--gpus", "16", "--hours", "4", "--limit", "2.40", "--window",
    TestMarket.delivery,
    "--yes",
  ]

  /// A proxy before the market's server, and its address for a login; the first company's unless told otherwise.
  func proxy(
    _ faults: FaultMarket, _ losses: [LosingProxy.Loss], marker: String = "place_bid", login: String? = nil
  ) throws -> (LosingProxy, String) {
    let socket = FaultMarket.serverSocket(faults.market.conninfo(nil))
    let proxy = try LosingProxy(to: socket, marker: marker, losses: losses)
    let user = login ?? faults.logins[0]
    return (proxy, "host=\(proxy.folder) port=5432 user=\(user) dbname=\(faults.market.database)")
  }
}

@Suite("Access")
struct AccessTests {
  @Test func rotationAndRevocationWorkAtOnce() throws {
    let faults = try FaultMarket(companies: 2)
    try faults.open("access", gateAfter: 600)
    let login = faults.logins[0]
    let receipt = try faults.market.place(TestMarket.block(), as: login, in: "access")
    var session = try faults.market.connect(login)
    _ = try Companies.account(&session)
    var asOperator = try faults.market.asOperator()
    let old: String = try stored(login, faults)
    let fresh = try Companies.rotate(&asOperator, company: "company-0")
    #expect(fresh.login == login)
    #expect(try stored(login, faults) != old)
    #expect(throws: PostgresError.self) { _ = try Companies.account(&session) }

    var again = try faults.market.connect(login)
    #expect(try Companies.account(&again).company == "company-0")
    try Companies.revoke(&asOperator, company: "company-0", reason: "left the fund")
    #expect(throws: PostgresError.self) { _ = try Companies.account(&again) }
    #expect(throws: PostgresError.self) { _ = try faults.market.connect(login) }
    #expect(throws: PostgresError.self) { _ = try Companies.rotate(&asOperator, company: "company-0") }
    #expect(try Companies.list(&asOperator).filter(\.revoked).map(\.name) == ["company-0"])
    // Another company is none the wiser, and what was acknowledged stands.
    try faults.market.place(TestMarket.block(), as: faults.logins[1], in: "access")
    try faults.check([receipt])
  }

  private func stored(_ login: String, _ faults: FaultMarket) throws -> String {
    var owner = try faults.market.connect(nil)
    return try owner.query("SELECT rolpassword FROM pg_authid WHERE rolname = \(login)").one().get("rolpassword")
  }

  @Test func aQuotaKeepsOneCompanyFromFloodingTheBook() throws {
    let faults = try FaultMarket(companies: 2)
    try faults.open("quota", gateAfter: 600)
    var asOperator = try faults.market.asOperator()
    try Companies.setQuota(&asOperator, company: "company-0", entries: 3)
    var receipts: [Receipt] = []
    for _ in 0..<3 { receipts.append(try faults.market.place(TestMarket.block(), as: faults.logins[0], in: "quota")) }
    let error = refusal { try faults.market.place(TestMarket.block(), as: faults.logins[0], in: "quota") }
    #expect(error?.message == "you have used your quota of 3 entries in round quota")
    // Withdrawing is always possible, and others are not concerned.
    var company = try faults.market.connect(faults.logins[0])
    receipts += try OrderBook.withdraw(receipts[0].bid, in: "quota", key: "w", &company)
    try faults.market.place(TestMarket.block(), as: faults.logins[1], in: "quota")
    // The same for bytes: the next bid would be one too many of them.
    try Companies.setQuota(&asOperator, company: "company-0", entries: 100)
    var owner = try faults.market.connect(nil)
    let (counted, stored): (Int, Int) = try {
      let row = try owner.query(
        """
        SELECT t.bytes, (SELECT sum(octet_length(e.body)) FROM market.entry e WHERE e.company_id = t.company_id) AS stored
        FROM market.company_round t JOIN market.company c USING (company_id) WHERE c.name = 'company-0'
        """
      ).one()
      return (try row.get("bytes"), try row.get("stored"))
    }()
    #expect(counted == stored)
    let size = try TestMarket.block().body.utf8.count
    try owner.execute("UPDATE market.company_round SET bytes = \(67_108_864 - size)")
    receipts.append(try faults.market.place(TestMarket.block(), as: faults.logins[0], in: "quota"))
    let full = refusal { try faults.market.place(TestMarket.block(), as: faults.logins[0], in: "quota") }
    #expect(
      full?.message == "your entries in round quota would come to \(67_108_864 + size) bytes, above 67108864")
    receipts += try OrderBook.withdraw(receipts[1].bid, in: "quota", key: "w2", &company)
    try faults.check(receipts)
  }

  @Test func everyPrivilegedActLeavesALineThatItsActorCannotChange() throws {
    let faults = try FaultMarket(companies: 1)
    let receipts = try faults.bidIn("audit", bids: 3)
    #expect(try faults.clear("audit").status == 0)
    var asOperator = try faults.market.asOperator()
    try Companies.setCredit(&asOperator, company: "company-0", to: Money(dollars: "900000000"))
    for gpus in [-1, 10_000_001] {
      let error = refusal { try Companies.setCap(&asOperator, company: "company-0", pool: "h100", gpus: gpus) }
      #expect(error?.message == "a cap of \(gpus) GPUs is out of range" && error?.hint == "give 0 to 10000000 GPUs")
    }
    try Companies.setCap(&asOperator, company: "company-0", pool: "h100", gpus: 8)
    try Companies.setCap(&asOperator, company: "company-0", pool: "h100", gpus: nil)
    _ = try Companies.rotate(&asOperator, company: "company-0")
    _ = try Rounds.cancel("audit", reason: "a mistake", &asOperator)
    var finance = try faults.market.asFinance()
    _ = try finance.query("SELECT ledger.record_payment('company-0', 500, '2026-11-01', 'wire-1')")
    var auditor = try faults.market.asAuditor()
    let lines = try AuditLine.read(since: nil, most: 1000, &auditor)
    let acts = lines.map { "\($0.actor): \($0.act) \($0.subject)" }
    for act in [
      "market_operator: insert pool h100", "market_operator: insert company company-0",
      "market_operator: open round audit", "market_clearing: closed round audit",
      "market_clearing: published round audit",
      "market_operator: update company company-0", "market_operator: insert company_cap company-0",
      "market_operator: delete company_cap company-0", "market_operator: rotate credential company-0",
      "market_operator: cancelled round audit", "market_finance: book payment company-0",
    ] {
      #expect(acts.contains(act), "\(act) is not in the log")
    }
    #expect(!lines.contains { $0.details.contains("SCRAM") })
    for change in ["DELETE FROM market.audit", "UPDATE market.audit SET actor = 'x'", "TRUNCATE market.audit"] {
      #expect(throws: PostgresError.self) { try asOperator.script(change) }
      var owner = try faults.market.connect(nil)
      #expect(throws: PostgresError.self) { try owner.script("SET ROLE market_owner; \(change)") }
    }
    // How full the book is stands in the line of its closure, which only the auditor reads whole.
    let closure = lines.filter { $0.act == "closed round" }.map(\.details)
    #expect(closure.count == 1 && closure.allSatisfy { $0.contains("entry_count") })
    for role in ["market_operator", "market_finance"] {
      var reader = try faults.market.connect(role)
      let read = try AuditLine.read(since: nil, most: 1000, &reader)
      #expect(read.count == lines.count && !read.contains { $0.details.contains("entry_count") })
    }
    // What a company may do is not in the operator's log: it would tell when it bids.
    #expect(!lines.contains { faults.logins.contains($0.actor) })
    try faults.check(receipts)
  }
}
