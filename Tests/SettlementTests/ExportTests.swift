import Files
import Foundation
import Postgres
import TestSupport
import Testing
import Units

@testable import Settlement

@Suite("Exports")
struct ExportTests {
  /// A ledger with one of everything.
  static func everything() throws -> SettledMarket {
    let settled = try SettledMarket()
    let awards = try settled.publish("w1")
    try settled.publish(
      "w0", day: "2026-12-03",
      [
        .init(
          company: "bolt/bio", uses: [(1, 3, 2, 7)], limit: 1_000_000, payment: 14_000_000)
      ])
    try settled.publish(
      "zero", day: "2026-12-20",
      [
        .init(
          company: "bolt/bio", uses: [(1, 0, 1, 1)], limit: 1_000_000, payment: 1_000_000)
      ])
    try settled.run("market_operator", "SELECT market.cancel_round('zero', 'not needed; \"quoted\" | piped')")
    try settled.run("market_operator", "SELECT ledger.set_terms('Acme Robotics', 82500, 14)")
    try settled.run("market_operator", "SELECT ledger.adjust_award(\(awards[0]), 333, '=1+1; a\nsecond line')")
    try settled.run(
      "market_operator",
      "SELECT market.add_outage('h100-us', 40, '2026-12-07T01:00Z', '2026-12-07T03:00Z', 'rack; \"A\" | <b>')")
    try settled.run("market_finance", "SELECT ledger.record_deposit('bolt/bio', 7000, '2026-12-01', 'D; \"1\"')")
    try settled.run("market_finance", "SELECT ledger.use_deposit('bolt/bio', 500, '2026-12-08', 'D2')")
    try settled.run("market_finance", "SELECT ledger.record_payment('Acme Robotics', 5000, '2026-12-20', '=W1')")
    try settled.run("market_finance", "SELECT ledger.close_period('2026-12', true)")
    return settled
  }

  func text(_ path: String) throws -> String { String(decoding: try readFile(path), as: UTF8.self) }

  @Test func csvHasALineForEachAwardAndPool() throws {
    let settled = try SettledMarket()
    let awards = try settled.publish("w1")
    let path = try settled.export(.csv, .round("w1"))
    var reader = try CSVReader(readFile(path), source: path)
    let first = try #require(try reader.next())
    #expect(first["award"] == awards[0] && first["pool"] == "h100-us" && first["gpus"] == "32")
    #expect(
      first["delivery_start_utc"] == "2026-12-07T00:00:00Z" && first["delivery_end_utc"] == "2026-12-07T05:00:00Z")
    #expect(first["gpu_hours"] == "160.0" && first["limit_price_usd_per_gpu_hour"] == "2.4000")
    #expect(first["payment_exact_usd"] == "200.005678" && first["posted_usd"] == "200.00")
    #expect(first["effective_price_usd_per_gpu_hour"] == "1.2500" && first["saved_against_limit_usd"] == "184.00")
    let second = try #require(try reader.next())
    let third = try #require(try reader.next())
    #expect(try reader.next() == nil)
    #expect([second["award"], third["award"]] == [awards[1], awards[1]])
    #expect([second["pool"], third["pool"]] == ["h100-us", "a100.eu"])
    #expect([second["payment_exact_usd"], third["payment_exact_usd"]] == ["42.865714", "57.154285"])
    #expect([second["posted_usd"], third["posted_usd"]] == ["42.86", "57.15"])
    for column in reader.columns where column.contains("price") || column.contains("usd") {
      #expect(column.contains("usd"), "\(column) names no unit")
    }
  }

  /// Core-selecting payments that could not be proven fall back to VCG: the books name the rule that was followed.
  @Test func theRuleThatPaymentsFollowIsExported() throws {
    let settled = try SettledMarket()
    try settled.publish("fell-back", pricing: "core-selecting", pricedBy: "vcg")
    try settled.publish("held", day: "2026-12-08", pricing: "core-selecting", pricedBy: "core-selecting")
    try settled.publish("earlier", day: "2026-12-09", pricing: "core-selecting")
    let path = try settled.export(.json)
    let charges = try JSONReader.parse(readFile(path), source: path).at("charges").elements()
    let said = try Set(charges.map { "\(try $0.at("round").string()) \(try $0.at("priced_by").string())" })
    #expect(said == ["fell-back vcg", "held core-selecting", "earlier core-selecting"])
    var company = try settled.market.connect(settled.logins["Acme Robotics"])
    let own = try company.query("SELECT DISTINCT round, pricing FROM market.my_charges('2026-12') ORDER BY round")
    #expect(try own.map { try $0.get("pricing", as: String.self) } == ["core-selecting", "vcg", "core-selecting"])
  }

  @Test(arguments: ExportFormat.allCases)
  func everyFormatIsDeterministicAndChecksOut(_ format: ExportFormat) throws {
    let settled = try Self.everything()
    for selection in [.everything, .round("w1"), .period("2026-12"), .period("2027-03"), .since(4)] as [Selection] {
      let path = try settled.export(format, selection, name: "first")
      let first = try ["", ".totals.json", ".sha256"].map { try readFile(path + $0) }
      _ = try settled.export(format, selection, name: "first")
      #expect(try ["", ".totals.json", ".sha256"].map { try readFile(path + $0) } == first, "\(selection) differs")
      let check = try ExportCheck(path: path)
      #expect(check.problems.isEmpty, "\(selection): \(check.problems)")
    }
  }

  /// A line removed, doubled, or a cent more: our own check tells, even with the checksum made anew.
  @Test(arguments: [.csv, .json, .focus, .focus12, .netsuite, .quickbooks, .xero] as [ExportFormat])
  func aChangedFileIsFound(_ format: ExportFormat) throws {
    let settled = try Self.everything()
    let path = try settled.export(format)
    let original = try text(path)
    let totals = try readFile(path + ".totals.json")
    let lines = original.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let cell = format == .json ? #"_usd":"([0-9]+)\.([0-9])([0-8])""# : #",([0-9]+)\.([0-9])([0-8]),"#
    var tried = 0
    for at in lines.indices.dropFirst() where lines[at].count > 60 {
      var changes = [lines[..<at] + lines[(at + 1)...], lines[...at] + lines[at...]]
      if let match = lines[at].firstMatch(of: try Regex(cell)), let range = match.output[3].range {
        var altered = lines
        altered[at].replaceSubrange(range, with: String(Int(lines[at][range])! + 1))
        changes.append(altered[...])
      }
      for change in changes {
        let changed = change.joined(separator: "\n")
        try changed.write(toFile: path, atomically: false, encoding: .utf8)
        tried += 1
        #expect(try ExportCheck(path: path).problems.count >= 1)
        try resign(path, totals)
        #expect(try !ExportCheck(path: path).problems.isEmpty, "unnoticed in line \(at + 1): \(lines[at])")
      }
    }
    #expect(tried > 20)
  }

  /// What cannot be read any more is a finding beside the checksum's, and no error of the command line.
  @Test(arguments: [.csv, .json, .focus, .quickbooks] as [ExportFormat])
  func aDamagedFileIsAFinding(_ format: ExportFormat) throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    let path = try settled.export(format)
    let whole = try readFile(path)
    let totals = try readFile(path + ".totals.json")
    try writeAtomically(path, Array(whole.dropLast(whole.count / 3)))
    let cut = try ExportCheck(path: path).problems
    #expect(cut.count >= 2 && cut.first == "the file is not the one whose checksum was written", "\(cut)")
    try writeAtomically(path, String(decoding: whole, as: UTF8.self).replacing("200.00", with: "2x0.00"))
    let altered = try ExportCheck(path: path).problems
    #expect(altered.count >= 2 && altered.contains { $0.contains("2x0.00") && $0.contains(" line ") }, "\(altered)")
    try writeAtomically(path, whole)
    try writeAtomically(path + ".totals.json", Array(totals.dropLast(3)))
    let withoutTotals = try ExportCheck(path: path).problems
    #expect(withoutTotals.count == 2 && withoutTotals.first?.hasPrefix("the control totals are not") == true)
  }

  @Test func anotherFormatIsAFinding() throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    let path = try settled.export(.json)
    let (file, totals) = (try text(path), try text(path + ".totals.json"))
    func problems(_ file: String, _ totals: String) throws -> [String] {
      try writeAtomically(path, file)
      try writeAtomically(path + ".totals.json", totals)
      try resign(path, Array(totals.utf8))
      return try ExportCheck(path: path).problems
    }
    #expect(try problems(file, totals).isEmpty)
    let later = try problems(file.replacing("settlement 1", with: "settlement 2"), totals)
    #expect(
      later.count == 1
        && later[0].contains(
          "this is format 2 of the settlement, and this tool reads format 1; use the gpumarket that made it"),
      "\(later)")
    let unnumbered = try problems(file, totals.replacing("control totals 1", with: "control totals"))
    #expect(
      unnumbered.count == 1
        && unnumbered[0].contains("this is \"gpumarket control totals\", and not \"gpumarket control totals 1\""),
      "\(unnumbered)")
  }

  /// A payment taken out, and all that counts it made to fit: the numbers before and after show it.
  @Test func aMissingTransactionIsFound() throws {
    let settled = try Self.everything()
    let path = try settled.export(.json)
    #expect(try ExportCheck(path: path).problems.isEmpty)
    let lines = try text(path).split(separator: "\n", omittingEmptySubsequences: false)
    let kept = lines.filter { !($0.contains(#""kind":"payment""#) && $0.contains(#""previous_hash""#)) }
    #expect(kept.count == lines.count - 1)
    try writeAtomically(path, kept.joined(separator: "\n"))
    var totals = try text(path + ".totals.json")
    let root = try JSONReader.parse(Array(totals.utf8), source: "totals")
    let count = try root.at("transactions").integer()
    let debits = try root.at("debits_usd").string()
    let less = (try Money(dollars: debits) - Money(cents: 5000)).dollars
    totals = totals.replacing("\"transactions\": \(count),", with: "\"transactions\": \(count - 1),")
    totals = totals.replacing("\"debits_usd\": \"\(debits)\"", with: "\"debits_usd\": \"\(less)\"")
    try writeAtomically(path + ".totals.json", totals)
    try resign(path, Array(totals.utf8))
    let problems = try ExportCheck(path: path).problems
    #expect(problems.count == 1 && problems.first?.contains("is missing") == true, "\(problems)")
  }

  /// The last one is missed too, although no later one names it.
  @Test func theChainEndsWhereTheLedgerDid() {
    for (after, upTo, head, faults) in [
      (0, 0, "", 0), (0, 0, "a", 1), (7, 3, "a", 0), (3, 7, "a", 1), (0, 2, "a", 1), (nil, 9, "a", 0),
    ] as [(Int64?, Int64, String, Int)] {
      var chain = JournalChain()
      chain.finish(after: after, upTo: upTo, head: head)
      #expect(chain.problems.count == faults, "\(chain.problems)")
    }
  }

  /// Makes the checksum file fit a changed file, as a forger would.
  func resign(_ path: String, _ totals: [UInt8]) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/sha256sum")
    process.arguments = [path, path + ".totals.json"]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let sums = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try sums.write(to: URL(filePath: path + ".sha256"))
  }

  @Test func sinceLASTGivesOnlyWhatIsNew() throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    var connection = try settled.market.asFinance()
    func next(_ format: ExportFormat) throws -> ExportReport {
      let path = try settled.export(.csv, name: "unused")
      return try SettlementExport.run(connection: &connection, format: format, selection: .sinceLast, to: path)
    }
    #expect(try next(.netsuite).totals.transactions == 2)
    #expect(try next(.netsuite).totals.transactions == 0)
    // Each format has its own memory.
    #expect(try next(.xero).totals.transactions == 2)
    try settled.run("market_operator", "SELECT market.cancel_round('w1', 'wrong reserve')")
    let report = try next(.netsuite)
    #expect(report.totals.transactions == 2 && report.totals.creditCents == -30001 && report.after == 2)
    // A gap would lose transactions for good, so it is refused.
    try settled.publish("w2", day: "2026-12-09")
    let before = try ["", ".totals.json", ".sha256"].map { try readFile(report.path + $0) }
    let fresh = report.path + ".fresh"
    for path in [report.path, fresh] {
      let gap = refused {
        _ = try SettlementExport.run(connection: &connection, format: .netsuite, selection: .since(5), to: path)
      }
      #expect(gap?.sqlState == "GM409")
    }
    // Nothing is written where it is refused, and nothing lost.
    #expect(try ["", ".totals.json", ".sha256"].map { try readFile(report.path + $0) } == before)
    let folder = URL(filePath: fresh).deletingLastPathComponent().path
    let left = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(!left.contains { $0.hasSuffix(".tmp") || $0.contains(".fresh") }, "\(left)")
    #expect(try next(.netsuite).totals.transactions == 2)
  }

  /// Where a file cannot be written nothing is recorded, and those that stood there stay: LAST gives the same again.
  @Test func whatWasNotWrittenIsNotRecorded() throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    let path = try settled.export(.csv, .round("w1"))
    var connection = try settled.market.asFinance()
    try FileManager.default.removeItem(atPath: path + ".sha256")
    try FileManager.default.createDirectory(atPath: path + ".sha256", withIntermediateDirectories: false)
    let before = try readFile(path)
    do {
      _ = try SettlementExport.run(connection: &connection, format: .csv, selection: .sinceLast, to: path)
      Issue.record("it was written over a folder")
    } catch let error as FileProblem {
      #expect(!error.isSystemFailure)
    }
    #expect(try readFile(path) == before)
    try FileManager.default.removeItem(atPath: path + ".sha256")
    let report = try SettlementExport.run(connection: &connection, format: .csv, selection: .sinceLast, to: path)
    #expect(report.totals.transactions == 2 && report.recorded)
    #expect(try ExportCheck(path: path).problems.isEmpty)
  }

  @Test func theAuditorExportsWithoutARecord() throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    let path = try settled.export(.csv, name: "auditor.csv")
    var connection = try settled.market.asAuditor()
    let report = try SettlementExport.run(connection: &connection, format: .csv, to: path)
    #expect(!report.recorded && report.totals.awards == 2)
  }

  @Test func anUnknownRoundOrPeriodIsRefused() throws {
    let settled = try SettledMarket(companies: [])
    #expect(refused { _ = try settled.export(.csv, .round("nope")) }?.sqlState == "GM404")
    #expect(refused { _ = try settled.export(.csv, .period("2026-13")) }?.sqlState == "GM400")
    let open = try settled.market.openRound()
    let error = #expect(throws: SettlementError.self) { try settled.export(.csv, .round(open)) }
    #expect(error?.problem == "round \(open) is open, so there is nothing to settle yet")
  }

  @Test func accountsFollowTheFinanceTeamsMapping() throws {
    let settled = try Self.everything()
    let path = try settled.export(.csv) + ".accounts.csv"
    try writeAtomically(
      path,
      """
      account,code,name
      Assets:Receivable:*,11000,Assets:Trade-Receivables
      Revenues:GPU-Hours:H100-us,41000,Revenues:H100
      Revenues:*,42000,
      Assets:Bank,10000,
      Liabilities:*,21000,
      @subsidiary,,Fund Operations LLC
      @tax-rate,,BAS Excluded

      """)
    let map = try AccountMap(path: path)
    let hledger = try text(settled.export(.hledger, accounts: map))
    #expect(hledger.contains("Assets:Trade-Receivables  200.00 USD") && !hledger.contains("Assets:Receivable"))
    let netsuite = try text(settled.export(.netsuite, accounts: map))
    #expect(netsuite.contains("Fund Operations LLC") && netsuite.contains("41000 Revenues:H100"))
    let xeroPath = try settled.export(.xero, accounts: map)
    let xero = try text(xeroPath)
    #expect(xero.contains(",11000,BAS Excluded,200.00,") && xero.contains(",42000,"))
    #expect(try text(settled.export(.csv, accounts: map)).contains("Revenues:H100,41000"))
    try writeAtomically(path, "account,code,name\nAssets:*,1,\n")
    let missing = try AccountMap(path: path)
    let error = #expect(throws: SettlementError.self) { try settled.export(.xero, accounts: missing) }
    #expect(error?.problem.contains("has no code in the mapping file") == true)
    // What stood there before still stands.
    #expect(try text(xeroPath) == xero)
    try writeAtomically(path, AccountMap.template)
    #expect(try text(settled.export(.xero, accounts: AccountMap(path: path))) == text(settled.export(.xero)))
    for (line, words) in [("As*ets,1,", "is no account"), (",1,", "an account is missing")] {
      try writeAtomically(path, "account,code,name\n\(line)\n")
      let error = #expect(throws: SettlementError.self) { try AccountMap(path: path) }
      #expect(error?.description.contains(words) == true)
    }
  }

  /// Accounting systems name accounts as they like; only the journal programs have a syntax for it.
  @Test func namesThatJournalsRefuseAreForTheOthers() throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    let path = try settled.export(.csv) + ".accounts.csv"
    try writeAtomically(
      path,
      """
      account,code,name
      Assets:Receivable:*,1200,Accounts Receivable (A/R)
      Revenues:*,4000,

      """)
    let map = try AccountMap(path: path)
    for format in [ExportFormat.quickbooks, .netsuite, .csv] {
      let out = try settled.export(format, accounts: map)
      #expect(try ExportCheck(path: out).problems.isEmpty)
      #expect(try text(out).contains("Accounts Receivable (A/R)") == (format != .csv))
    }
    for format in [ExportFormat.hledger, .beancount] {
      let error = #expect(throws: SettlementError.self) { try settled.export(format, accounts: map) }
      #expect(error?.problem.hasPrefix("\(path) line 2: the journal programs do not take \"Accounts Rec") == true)
      #expect(error?.problem.contains("(A/R)\" as the name of Assets:Receivable:") == true)
    }
  }

  /// Whatever the bytes of a mapping file: a map that gives journals names they take, or a sentence.
  @Test func accountMapsAreReadOrRefused() throws {
    let folder = try TestFolder()
    let path = folder.path + "/accounts.csv"
    var random = SeededGenerator(19)
    let sound = AccountMap.template + "Assets:Bank,1,Assets:Giro\n"
    var read = 0
    for _ in 0..<400 {
      try Data(mutated(sound, &random)).write(to: URL(filePath: path))
      do {
        let map = try AccountMap(path: path)
        read += 1
        for account in ["Assets:Bank", "Revenues:GPU-Hours:X"] {
          let name = try map.journalName(account)
          #expect(AccountMap.isJournalName(name))
        }
      } catch {
        let said = "\(error)"
        #expect(said.count > 20 && said.count < 5000, "\(said.prefix(200))")
      }
    }
    #expect(read > 20 && read < 380)
  }

  @Test func focusHasTheMandatoryColumnsAndItsSums() throws {
    let settled = try Self.everything()
    for format in [ExportFormat.focus, .focus12] {
      let path = try settled.export(format)
      var reader = try CSVReader(readFile(path), source: path)
      let mandatory = """
        BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodStart BillingPeriodEnd ChargeCategory
        ChargeClass ChargeDescription ChargePeriodStart ChargePeriodEnd ContractedCost EffectiveCost InvoiceIssuerName
        ListCost PricingQuantity PricingUnit ProviderName PublisherName ServiceCategory ServiceName
        """.split(whereSeparator: \.isWhitespace).map(String.init)
      #expect(Set(mandatory).isSubset(of: Set(reader.columns)))
      var sum = Money.zero
      while let record = try reader.next() {
        sum += try Money(dollars: #require(record["BilledCost"]))
        let category = try #require(record["ChargeCategory"])
        #expect(["Usage", "Credit", "Tax"].contains(category))
        #expect((record["PricingQuantity"] == "") == (category != "Usage"))
        #expect((record["ChargeClass"] == "Correction") == (record["ChargeDescription"]?.hasPrefix("Reverses") == true))
      }
      var connection = try settled.market.asFinance()
      let totals = try Books.totals(by: .period, &connection)
      #expect(sum == Money(cents: totals.reduce(0) { $0 + $1.chargedCents + $1.creditedCents + $1.taxCents }))
    }
  }

  @Test(
    arguments: [
      (20000, 576_000, "1.2500"), (4286, 86_400, "1.7858333333"), (1, 3600 * 1_000_000_000, "0.00000000001"),
      (-4286, -86_400, "1.7858333333"), (0, 3600, "0.0000"), (999_999_999_999, 900, "39999999999.9600"),
    ] as [(Int64, Int64, String)])
  func unitPricesGiveTheirCost(_ cents: Int64, _ seconds: Int64, _ price: String) {
    #expect(unitPrice(cents: cents, seconds: seconds) == price)
    #expect(ControlTotals.agrees(price: price, quantity: gpuHours(seconds: seconds), cents: cents))
  }

  @Test func everyUnitPriceGivesItsCostToHalfACent() {
    var random = SeededGenerator(9)
    for _ in 0..<5000 {
      let cents = Int64.random(in: 0...1_000_000_000_000, using: &random) >> Int64.random(in: 0...40, using: &random)
      let seconds =
        900 * (1 + Int64.random(in: 0...4_000_000_000_000, using: &random) >> Int64.random(in: 0...42, using: &random))
      let price = unitPrice(cents: cents, seconds: seconds) ?? ""
      #expect(
        ControlTotals.agrees(price: price, quantity: gpuHours(seconds: seconds), cents: cents), "\(cents) \(seconds)")
    }
  }
}
