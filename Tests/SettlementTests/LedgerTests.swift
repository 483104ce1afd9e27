import Postgres
import Settlement
import TestSupport
import Testing
import Units

@Suite("Ledger")
struct LedgerTests {
  /// Postings of a transaction: account and cents.
  func lines(_ settled: SettledMarket, _ selection: String = "true") throws -> [String] {
    var connection = try settled.market.asFinance()
    return try connection.query(
      """
      SELECT number || ' ' || kind || ' ' || account || ' ' || cents AS said
      FROM ledger.journal(NULL, NULL, NULL, NULL, NULL) WHERE \(unsafeRaw: selection) ORDER BY number, line
      """
    ).map { try $0.get("said") }
  }

  @Test func eachAwardIsOneBalancedTransactionRoundedDownOnce() throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    #expect(
      try lines(settled) == [
        "1 award Assets:Receivable:Acme-Robotics 20000", "1 award Revenues:GPU-Hours:H100-us -20000",
        "2 award Assets:Receivable:Bolt-bio 10001", "2 award Revenues:GPU-Hours:H100-us -4286",
        "2 award Revenues:GPU-Hours:A100-eu -5715",
      ])
    var connection = try settled.market.asFinance()
    let control = try #require(try Books.roundControls(round: "w1", &connection).first)
    #expect(control.exact == Money(microdollars: 300_025_677))
    #expect(control.postedCents == 30001 && control.difference == Money(microdollars: 15677))
    #expect(try settled.problems().isEmpty)
  }

  @Test func aSplitIsExactAndFair() throws {
    let settled = try SettledMarket(companies: [])
    var connection = try settled.market.connect(nil)
    var random = SeededGenerator(5)
    for _ in 0..<200 {
      let cents = Int64.random(in: 0...10_000_000_000, using: &random)
      let weights = (0..<Int.random(in: 1...6, using: &random)).map { _ in
        Int64.random(in: 1...1_000_000_000, using: &random)
      }
      let parts: [Int64] = try connection.query("SELECT ledger.split(\(cents)::bigint, \(weights)::bigint[]) AS parts")
        .one()
        .get("parts")
      #expect(parts.reduce(0, +) == cents)
      let total = Int128(weights.reduce(0, +))
      for (part, weight) in zip(parts, weights) {
        let exact = Int128(cents) * Int128(weight)
        #expect(Int128(part) * total > exact - total && Int128(part) * total < exact + total)
      }
    }
  }

  @Test func aCancelledRoundIsReversedOnce() throws {
    let settled = try SettledMarket()
    let award = try settled.publish("w1")[0]
    try settled.run("market_operator", "SELECT ledger.adjust_award(\(award), 500, 'slow network')")
    try settled.run("market_operator", "SELECT market.cancel_round('w1', 'wrong reserve')")
    try settled.run("market_operator", "SELECT market.cancel_round('w1', 'again')")
    #expect(
      try lines(settled, "kind = 'reversal'") == [
        "4 reversal Assets:Receivable:Acme-Robotics -20000", "4 reversal Revenues:GPU-Hours:H100-us 20000",
        "5 reversal Assets:Receivable:Bolt-bio -10001", "5 reversal Revenues:GPU-Hours:H100-us 4286",
        "5 reversal Revenues:GPU-Hours:A100-eu 5715", "6 reversal Assets:Receivable:Acme-Robotics 500",
        "6 reversal Revenues:Credits:H100-us -500",
      ])
    var connection = try settled.market.asFinance()
    #expect(try Books.balances(&connection).allSatisfy { $0.cents == 0 })
    #expect(try settled.problems().isEmpty)
  }

  /// The owner of all tables included: nothing is changed, deleted or emptied.
  @Test(arguments: [
    "account", "transaction", "posting", "round_control", "closing", "invoice", "credit_note", "terms", "release",
    "released_loss", "export",
  ])
  func tablesAreAppendOnly(_ table: String) throws {
    let settled = try SettledMarket(companies: [])
    for statement in ["DELETE FROM ledger.\(table)", "TRUNCATE ledger.\(table) CASCADE"] {
      let error = refused { try settled.run(nil, SQL(unsafeRaw: statement)) }
      #expect(error?.sqlState == "GM403", "\(statement): \(error?.message ?? "done")")
    }
    var connection = try settled.market.connect(nil)
    let column: String = try connection.query(
      "SELECT attname FROM pg_attribute WHERE attrelid = \("ledger." + table)::regclass AND attnum = 2"
    ).one().get("attname")
    let change = "UPDATE ledger.\(table) SET \(column) = \(column)"
    #expect(refused { try settled.run(nil, SQL(unsafeRaw: change)) }?.sqlState == "GM403")
  }

  @Test func whatDoesNotBalanceIsNotCommitted() throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    for statement in [
      "INSERT INTO ledger.posting VALUES (1, 3, 1, 5)",
      // balanced in itself, but a transaction's lines are counted when it is written
      "INSERT INTO ledger.posting VALUES (1, 3, 1, 5), (1, 4, 2, -5)",
      "SELECT ledger.post('payment', current_date, 1, NULL, NULL, NULL, NULL, 'x', 'x', ARRAY[1,2], ARRAY[5,-4])",
    ] as [SQL] {
      let error = refused { try settled.run(nil, statement) }
      #expect(error?.sqlState == "GM500" && error?.message.contains("does not balance") == true)
    }
    #expect(try settled.problems().isEmpty)
  }

  /// Triggers switched off by a superuser: the ledger's own check still tells.
  @Test(arguments: [
    ("UPDATE ledger.posting SET cents = cents + sign(cents) WHERE number = 1", "is not as it was written"),
    ("UPDATE ledger.transaction SET memo = 'other' WHERE number = 2", "transaction 2 is not as it was written"),
    ("UPDATE ledger.balance SET cents = cents + 1 WHERE account_id = 1", "its postings 20000"),
    (
      "DELETE FROM ledger.posting WHERE number = 1; DELETE FROM ledger.transaction WHERE number = 1",
      "transaction 1 is missing"
    ),
    ("UPDATE market.award SET payment = payment - 10000 WHERE position = 1", "cents are posted"),
    ("UPDATE market.company_payment SET payment = payment - 1, low = low - 1 WHERE company_id = 1", "control total"),
  ])
  func tamperingIsFound(_ statement: String, _ words: String) throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    var connection = try settled.market.connect(nil)
    try connection.script("SET session_replication_role = replica")
    try connection.script(statement)
    let problems = try settled.problems()
    #expect(problems.contains { $0.contains(words) }, "\(problems)")
  }

  @Test func creditAndExposureComeFromTheLedger() throws {
    let settled = try SettledMarket()
    try settled.publish("w1")
    func owed() throws -> Int64 {
      var connection = try settled.market.connect(settled.logins["Acme Robotics"])
      return try connection.query("SELECT owed FROM market.my_account()").one().get("owed")
    }
    #expect(try owed() == 200_000_000)
    try settled.run("market_finance", "SELECT ledger.record_deposit('Acme Robotics', 5000, '2026-12-01', 'D1')")
    #expect(try owed() == 150_000_000)
    try settled.run("market_finance", "SELECT ledger.record_payment('Acme Robotics', 16000, '2026-12-01', 'P1')")
    #expect(try owed() == 0)
  }

  /// Finance writes payments and period closes, and reads what is published.
  @Test func rolesSeeOnlyTheirs() throws {
    let settled = try SettledMarket()
    let award = try settled.publish("w1")[0]
    let acme = settled.logins["Acme Robotics"]
    for (role, statement) in [
      ("market_finance", "SELECT * FROM ledger.posting"), ("market_finance", "SELECT * FROM market.entry"),
      ("market_finance", "SELECT * FROM market.bid"), ("market_finance", "SELECT * FROM market.sealed_book('w1')"),
      ("market_finance", "SELECT ledger.adjust_award('\(award)', 1, 'x')"),
      ("market_finance", "SELECT ledger.adjust_award('\(award)', 1, 'x', 'x')"),
      ("market_finance", "SELECT market.add_pool('x', 1, 1, 0)"),
      (
        "market_finance",
        "SELECT ledger.post('payment', current_date, 1, NULL, NULL, NULL, NULL, 'x', 'x', '{1,2}', '{5,-5}')"
      ),
      ("market_operator", "SELECT ledger.record_payment('Acme Robotics', 1, '2026-12-01', 'x')"),
      ("market_operator", "SELECT ledger.close_period('2026-12', true)"),
      ("market_auditor", "SELECT ledger.record_payment('Acme Robotics', 1, '2026-12-01', 'x')"),
      (acme, "SELECT * FROM ledger.journal(NULL, NULL, NULL, NULL, NULL)"), (acme, "SELECT ledger.owed(2)"),
    ] as [(String?, String)] {
      let error = refused { try settled.run(role, SQL(unsafeRaw: statement)) }
      #expect(error?.sqlState == "42501", "\(role ?? "") may \(statement)")
    }
    for role in ["market_finance", "market_auditor", "market_operator"] {
      try settled.run(role, "SELECT * FROM ledger.charge_lines(NULL, NULL, NULL, NULL, NULL)")
      try settled.run(role, "SELECT * FROM ledger.problems()")
    }
  }
}
