import Postgres
import Settlement
import TestSupport
import Testing
import Units

@Suite("Month's end")
struct MonthEndTests {
  @Test func invoicesCarryChargesCreditsAndTax() throws {
    let settled = try SettledMarket()
    let award = try settled.publish("w1")[0]
    try settled.run("market_operator", "SELECT ledger.set_terms('Acme Robotics', 190000, 14)")
    try settled.run("market_operator", "SELECT ledger.adjust_award(\(award), 3203, 'slow network')")
    var connection = try settled.market.asFinance()
    #expect(try Books.close(period: "2026-12", early: true, &connection) == 2)
    let invoices = try Invoice.list(period: "2026-12", company: nil, &connection)
    #expect(invoices.map(\.number) == ["INV-000001", "INV-000002"])
    #expect(invoices.map(\.netCents) == [16797, 10001])
    // 19 % of 167.97 is 31.9143.
    #expect(invoices.map(\.taxCents) == [3191, 0] && invoices[0].taxRateText == "19 %")
    let document = try InvoiceDocument(number: "INV-000001", &connection)
    #expect(document.lines.map(\.kind) == ["award", "adjustment", "tax"])
    #expect(
      document.text.contains("Tax 19 %           31.91\n") && document.html.contains("<td class=\"n\">199.88</td>"))
    #expect(document.linesJSON.text().contains("\"posted_usd\":\"31.91\""))
    #expect(throws: SettlementError.self) { try InvoiceDocument(number: "INV-9", &connection) }
    #expect(try settled.problems().isEmpty)
  }

  @Test(
    arguments: [(50, 190_000, 10), (5, 100_000, 1), (-5, 100_000, -1), (100, 82_500, 8), (0, 190_000, 0)]
      as [(Int64, Int, Int64)])
  func taxGoesToTheNearestCent(_ net: Int64, _ rate: Int, _ tax: Int64) throws {
    let settled = try SettledMarket(companies: [])
    var connection = try settled.market.connect(nil)
    #expect(
      try connection.query("SELECT ledger.tax_cents(\(net)::bigint, \(rate)::integer) AS t").one().get("t") == tax)
  }

  @Test func aClosedPeriodAcceptsNothingMore() throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    var connection = try settled.market.asFinance()
    let tooSoon = refused { _ = try Books.close(period: "2099-12", early: false, &connection) }
    #expect(tooSoon?.sqlState == "GM409")
    #expect(try Books.close(period: "2026-12", early: true, &connection) == 2)
    #expect(refused { _ = try Books.close(period: "2026-12", early: true, &connection) }?.sqlState == "GM409")
    // A payment for a closed day, and a cancellation, fall in the next period.
    _ = try Books.record(
      .payment, company: "Acme Robotics", amount: Money(cents: 100), day: "2026-12-20", reference: "W1", &connection)
    try settled.run("market_operator", "SELECT market.cancel_round('w1', 'wrong reserve')")
    let periods = try Books.periods(&connection)
    #expect(periods.map(\.name) == ["2026-12", "2027-01"])
    #expect(periods.map(\.chargedCents) == [30001, -30001] && periods[1].receivedCents == 100)
    #expect(try Books.close(period: "2027-01", early: true, &connection) == 2)
    let credit = try Invoice.list(period: "2027-01", company: nil, &connection)
    #expect(credit.map(\.totalCents) == [-20000, -10001] && credit.map(\.number) == ["INV-000003", "INV-000004"])
    // Not even the owner's own functions post there.
    let direct = refused {
      try settled.run(
        nil,
        """
        INSERT INTO ledger.transaction (number, kind, booked_on, recorded_at, company_id, memo, lines, previous, hash)
        VALUES (99, 'payment', '2026-12-31', now(), 1, 'x', 2, '', sha256('x'))
        """)
    }
    #expect(direct?.message.contains("the period 2026-12 is closed") == true)
    #expect(try settled.problems().isEmpty)
  }

  @Test func periodsCloseInOrder() throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    try settled.publish("w2", day: "2027-01-04")
    var connection = try settled.market.asFinance()
    let error = refused { _ = try Books.close(period: "2027-01", early: true, &connection) }
    #expect(error?.message == "the period 2026-12 before it is open")
  }

  /// A mistyped year would send all that follows into the month behind it.
  @Test func anEmptyMonthAheadIsNotClosed() throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    var connection = try settled.market.asFinance()
    #expect(try Books.close(period: "2026-12", early: true, &connection) == 2)
    let error = refused { _ = try Books.close(period: "2962-12", early: true, &connection) }
    #expect(error?.sqlState == "GM409")
    #expect(error?.message == "the period 2962-12 has not begun, and nothing is booked in it or later")
    #expect(try Books.periods(&connection).map(\.name) == ["2026-12"])
  }

  /// Once a company is invoiced, what comes later in the month goes on its next invoice.
  @Test func anInvoiceIsComplete() throws {
    let settled = try SettledMarket()
    let award = try settled.publish("w1")[0]
    var connection = try settled.market.asFinance()
    #expect(try Books.issueInvoices(period: "2026-12", company: "Acme Robotics", early: true, &connection) == 1)
    #expect(try Books.issueInvoices(period: "2026-12", company: "Acme Robotics", early: true, &connection) == 0)
    try settled.run("market_operator", "SELECT ledger.adjust_award(\(award), 100, 'slow network')")
    #expect(try Books.close(period: "2026-12", early: true, &connection) == 1)
    #expect(try Books.close(period: "2027-01", early: true, &connection) == 1)
    #expect(try Invoice.list(period: nil, company: "Acme Robotics", &connection).map(\.netCents) == [20000, -100])
    #expect(try settled.problems().isEmpty)
  }

  @Test func aPaymentIsRecordedOnceByItsReference() throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    var connection = try settled.market.asFinance()
    func pay(_ cents: Int64, _ reference: String) throws -> Int64 {
      try Books.record(
        .payment, company: "Acme Robotics", amount: Money(cents: cents), day: "2026-12-20", reference: reference,
        &connection)
    }
    let first = try pay(5000, "W1")
    #expect(try pay(5000, "W1") == first)
    let other = refused { _ = try pay(5001, "W1") }
    #expect(other?.sqlState == "GM409" && other?.hint?.contains("own reference") == true)
    #expect(try Books.returnPayment(first, reason: "bounced", &connection) == first + 1)
    #expect(refused { _ = try Books.returnPayment(first, reason: "again", &connection) }?.sqlState == "GM409")
    for cents in [5000, 5001] as [Int64] {
      let returned = refused { _ = try pay(cents, "W1") }
      #expect(returned?.sqlState == "GM409")
      #expect(returned?.message.hasSuffix("was taken back by transaction \(first + 1)") == true)
      #expect(returned?.hint == "give it a reference of its own, such as 'W1/2'")
    }
    #expect(refused { _ = try Books.returnPayment(1, reason: "no payment", &connection) }?.sqlState == "GM404")
    #expect(throws: SettlementError.self) {
      try Books.record(
        .payment, company: "Acme Robotics", amount: Money(microdollars: 5), day: "2026-12-20", reference: "x",
        &connection)
    }
    #expect(try Books.receipts(company: "Acme Robotics", &connection).map(\.kind) == ["payment", "payment-return"])
    #expect(try pay(5000, "W1/2") == first + 2)
    #expect(try settled.problems().isEmpty)
  }

  @Test func aReferenceMayHaveAnyLetterAndAnAmountIsBounded() throws {
    let settled = try SettledMarket()
    var connection = try settled.market.asFinance()
    func deposit(_ cents: Int64, _ reference: String) throws -> Int64 {
      try Books.record(
        .deposit, company: "bolt/bio", amount: Money(cents: cents), day: "2026-12-20", reference: reference,
        &connection)
    }
    let first = try deposit(100_000_000_000_000, "Überweisung № 7 – 送金")
    #expect(try deposit(100_000_000_000_000, "Überweisung № 7 – 送金") == first)
    let large = refused { _ = try deposit(100_000_000_000_001, "D2") }
    #expect(large?.sqlState == "GM422" && large?.hint == "give 0.01 to 1000000000000.00 USD")
    for reference in ["", "two\nlines", "tab\t", "\u{7F}", String(repeating: "x", count: 101)] {
      #expect(refused { _ = try deposit(1, reference) }?.sqlState == "GM422", "\(reference)")
    }
    // Only a payment can be taken back.
    let other = refused { _ = try deposit(1, "Überweisung № 7 – 送金") }
    #expect(other?.sqlState == "GM409" && other?.hint == "give the transfer's own reference")
  }

  /// A later month invoiced first leaves nothing of an earlier one without an invoice.
  @Test func monthsAreInvoicedInAnyOrder() throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    try settled.publish("w2", day: "2027-01-04")
    try settled.run("market_operator", "SELECT ledger.set_terms('Acme Robotics', 190000, 14)")
    var connection = try settled.market.asFinance()
    #expect(try Books.issueInvoices(period: "2027-01", company: nil, early: true, &connection) == 2)
    #expect(try Books.issueInvoices(period: "2026-12", company: "Acme Robotics", early: true, &connection) == 1)
    #expect(try Books.close(period: "2026-12", early: true, &connection) == 1)
    #expect(try Books.close(period: "2027-01", early: true, &connection) == 0)
    let invoices = try Invoice.list(period: nil, company: "Acme Robotics", &connection)
    #expect(invoices.map(\.netCents) == [20000, 20000] && invoices.map(\.taxCents) == [3800, 3800])
    #expect(try Invoice.list(period: "2026-12", company: nil, &connection).count == 2)
    #expect(try settled.problems().isEmpty)
  }

  /// As the ledgers have it that were invoiced out of order before; the triggers are switched off by a superuser.
  @Test func aClosedMonthWithoutAnInvoiceIsFound() throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    var connection = try settled.market.asFinance()
    #expect(try Books.close(period: "2026-12", early: true, &connection) == 2)
    var superuser = try settled.market.connect(nil)
    try superuser.script("SET session_replication_role = replica")
    try superuser.script("DELETE FROM ledger.invoice WHERE serial = 2")
    #expect(
      try settled.problems() == [
        "bolt/bio has 10001 cents net of charges in the closed period 2026-12 that stand on no invoice"
      ])
  }

  @Test func aMistypedCompanyHasNoInvoicesToList() throws {
    let settled = try SettledMarket()
    var connection = try settled.market.asFinance()
    #expect(try Invoice.list(period: nil, company: "Acme Robotics", &connection).isEmpty)
    let error = refused { _ = try Invoice.list(period: nil, company: "acme", &connection) }
    #expect(error?.sqlState == "GM404" && error?.message == "there is no company 'acme'")
  }

  @Test func paymentsReachTheOldestInvoiceFirst() throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    try settled.publish("w2", day: "2027-01-04")
    var connection = try settled.market.asFinance()
    _ = try Books.close(period: "2026-12", early: true, &connection)
    _ = try Books.close(period: "2027-01", early: true, &connection)
    _ = try Books.record(
      .payment, company: "Acme Robotics", amount: Money(cents: 25000), day: "2027-02-03", reference: "W", &connection)
    #expect(try Invoice.list(period: nil, company: "Acme Robotics", &connection).map(\.openCents) == [0, 15000])
    #expect(try Invoice.list(period: nil, company: "bolt/bio", &connection).map(\.openCents) == [10001, 10001])
  }

  @Test func aDepositIsUsedAndReturnedNoFurtherThanItGoes() throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    var connection = try settled.market.asFinance()
    func move(_ kind: Books.Receipt, _ cents: Int64, _ reference: String) throws -> Int64 {
      try Books.record(
        kind, company: "bolt/bio", amount: Money(cents: cents), day: "2026-12-20", reference: reference, &connection)
    }
    _ = try move(.deposit, 6000, "D1")
    let used = try move(.depositUse, 5000, "D2")
    #expect(try move(.depositUse, 5000, "D2") == used)
    let error = refused { _ = try move(.depositReturn, 1001, "D3") }
    #expect(error?.message == "the deposit of bolt/bio holds 10.00 USD, not 10.01 USD")
    _ = try move(.depositReturn, 1000, "D3")
    #expect(try settled.problems().isEmpty)
    let statement = try Statement(company: "bolt/bio", period: "2026-12", &connection)
    #expect(statement.depositCents == 0 && statement.paidCents == -5000 && statement.closingCents == 5001)
  }

  @Test func aCompanyFetchesItsOwnStatement() throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    var finance = try settled.market.asFinance()
    _ = try Books.record(
      .payment, company: "Acme Robotics", amount: Money(cents: 12345), day: "2026-12-20", reference: "FT1", &finance)
    let sent = try Statement(company: "Acme Robotics", period: "2026-12", &finance)
    var company = try settled.market.connect(settled.logins["Acme Robotics"])
    let fetched = try Statement(ownOf: "2026-12", &company)
    #expect(fetched.text == sent.text && fetched.html == sent.html)
    #expect(fetched.closingCents == 20000 - 12345 && fetched.movements.map(\.reference) == ["FT1"])
    // Its first line is its own first, whatever number the ledger gives it.
    var other = try settled.market.connect(settled.logins["bolt/bio"])
    let others = try Statement(ownOf: "2026-12", &other)
    #expect(others.company == "bolt/bio" && others.charges.map(\.number) == [1, 1] && others.movements.isEmpty)
    for refusedCall in ["ledger.statement('bolt/bio', '2026-12')", "ledger.invoices(NULL, NULL)"] {
      let error = refused { try company.query(SQL(unsafeRaw: "SELECT * FROM \(refusedCall)")) }
      #expect(error?.sqlState == "42501", "\(refusedCall)")
    }
  }

  @Test func aStatementTellsTheMonth() throws {
    let settled = try SettledMarket()
    let award = try settled.publish("w1")[0]
    try settled.publish("w2", day: "2027-01-04")
    try settled.run("market_operator", "SELECT ledger.adjust_award(\(award), 1000, 'fan <noise> & \"heat\"')")
    var connection = try settled.market.asFinance()
    let statement = try Statement(company: "Acme Robotics", period: "2026-12", &connection)
    #expect(statement.openingCents == 0 && statement.chargedCents == 20000 && statement.creditedCents == -1000)
    #expect(statement.closingCents == 19000 && statement.saved == Money(cents: 18400) && !statement.isClosed)
    #expect(statement.bids.map(\.award) == [award])
    #expect(statement.text.contains("Closing balance   190.00"))
    #expect(statement.text.contains("2026-12-07  h100-us       1      160.0    384.000000       200.00  184.000000"))
    #expect(statement.html.contains("<td>adjustment</td>") && !statement.html.contains("<noise>"))
    let next = try Statement(company: "Acme Robotics", period: "2027-01", &connection)
    #expect(next.openingCents == 19000 && next.closingCents == 39000)
  }

  /// Eight connections record, adjust, credit outages, cancel and invoice at once: nobody deadlocks, numbers have no
  /// gaps and the chain holds.
  @Test func writersAtOnceDoNotDisturbOneAnother() async throws {
    let settled = try SettledMarket()
    let award = try settled.publish("w1")[0]
    try settled.publish("w2", day: "2026-12-08")
    let turns = 12
    let states = await withTaskGroup(of: [String].self) { group in
      for worker in 0..<8 {
        group.addTask {
          (0..<turns).compactMap { turn in
            let (role, statement) = Self.work(worker, turn, award)
            return refused { try settled.run(role, statement) }?.sqlState
          }
        }
      }
      return await group.reduce(into: [String]()) { $0 += $1 }
    }
    // Nothing is left to adjust after the cancellation; any other refusal is a fault.
    #expect(states.allSatisfy { $0 == "GM422" }, "\(states)")
    #expect(try settled.problems().isEmpty)
    var connection = try settled.market.asFinance()
    let payments = try Books.receipts(company: "Acme Robotics", &connection)
    #expect(payments.count == 2 * turns && payments.count == Set(payments.map(\.reference)).count)
  }

  private static func work(_ worker: Int, _ turn: Int, _ award: String) -> (String, SQL) {
    switch (worker, turn) {
    case (0, 5): ("market_finance", "SELECT ledger.issue_invoices('2026-12', 'bolt/bio', true)")
    case (0, 7): ("market_operator", "SELECT market.cancel_round('w1', 'wrong reserve')")
    case (0, _), (1, _), (2, _):
      ("market_operator", "SELECT ledger.adjust_award(\(award), 100, 'slow network')")
    case (3, _):
      (
        "market_operator",
        """
        SELECT market.add_outage('h100-us', \(turn + 30)::integer, '2026-12-07T01:00Z', '2026-12-08T03:00Z', 'rack')
        """
      )
    // The same reference from two workers: one payment.
    default:
      (
        "market_finance",
        "SELECT ledger.record_payment('Acme Robotics', 100, '2026-12-20', \("\(worker / 2) \(turn)"))"
      )
    }
  }
}
