import Postgres
import Units

/// What finance writes, and what it reads beside exports: payments, periods, invoices, balances, the ledger's check.
public enum Books {
  // MARK: Money received

  /// What came in or was used.
  public enum Receipt: String, CaseIterable, Sendable {
    /// Into the bank, for what is owed.
    case payment
    /// Into the bank, kept for the company until it is used or returned.
    case deposit
    /// Part of a deposit pays what is owed.
    case depositUse = "deposit-use"
    /// Part of a deposit leaves the bank.
    case depositReturn = "deposit-return"
  }

  /// Records money; the reference is the key, so that a second call for the same transfer changes nothing.
  ///
  /// - Parameters:
  ///   - amount: whole cents.
  ///   - day: the UTC day it counts for, `2026-12-07`; one in a closed period falls in the open one.
  /// - Returns: the number of the transaction.
  public static func record(
    _ receipt: Receipt, company: String, amount: Money, day: String, reference: String, _ connection: inout Connection
  ) throws -> Int64 {
    let cents = try wholeCents(amount)
    let statement: SQL =
      switch receipt {
      case .payment: "SELECT ledger.record_payment(\(company), \(cents)::bigint, \(day)::date, \(reference)) AS n"
      case .deposit: "SELECT ledger.record_deposit(\(company), \(cents)::bigint, \(day)::date, \(reference)) AS n"
      case .depositUse: "SELECT ledger.use_deposit(\(company), \(cents)::bigint, \(day)::date, \(reference)) AS n"
      case .depositReturn:
        "SELECT ledger.return_deposit(\(company), \(cents)::bigint, \(day)::date, \(reference)) AS n"
      }
    return try connection.query(statement).one().get("n")
  }

  /// Takes a payment back that bounced or was recorded wrongly.
  public static func returnPayment(
    _ number: Int64, reason: String, _ connection: inout Connection
  ) throws(PostgresError) -> Int64 {
    try connection.query("SELECT ledger.return_payment(\(number)::bigint, \(reason)) AS n").one().get("n")
  }

  /// Payments and deposits, all or one company's.
  public static func receipts(company: String?, _ connection: inout Connection) throws -> [JournalTransaction] {
    let kinds = ["payment", "payment-return", "deposit", "deposit-use", "deposit-return"]
    return try JournalTransaction.all(&connection, LedgerSpan(upTo: .max, company: company))
      .filter { kinds.contains($0.kind) }
  }

  // MARK: What the operator sets and takes back

  /// Sets a company's terms: tax rate in millionths, days until an invoice is due.
  public static func setTerms(
    company: String, taxRatePPM: Int, dueDays: Int, _ connection: inout Connection
  ) throws(PostgresError) {
    try connection.query("SELECT ledger.set_terms(\(company), \(taxRatePPM)::integer, \(dueDays)::integer)")
  }

  /// Takes part of an award's charge back; returns the transaction's number.
  public static func adjust(
    award: String, amount: Money, reason: String, _ connection: inout Connection
  ) throws -> Int64 {
    let cents = try wholeCents(amount)
    return try connection.query("SELECT ledger.adjust_award(\(award), \(cents)::bigint, \(reason)) AS n").one()
      .get("n")
  }

  /// Gives an award's rest back from an instant on; the share of its payment credited is in millionths.
  public static func release(
    award: String, from instant: Instant, creditPPM: Int, reason: String, _ connection: inout Connection
  ) throws(PostgresError) -> Int64 {
    try connection.query(
      """
      SELECT ledger.release_award(\(award), \(instant.iso8601)::timestamptz, \(creditPPM)::integer, \(reason)) AS n
      """
    ).one().get("n")
  }

  // MARK: Month's end

  /// A UTC calendar month in the books; amounts in cents.
  public struct Period: Sendable {
    /// `2026-12`.
    public let name: String
    /// Of every kind, booked in the month.
    public let transactions: Int
    /// Charges less credits; tax; what the bank account gained, returned deposits taken off.
    public let chargedCents: Int64, taxCents: Int64, receivedCents: Int64
    /// Issued for the month so far.
    public let invoices: Int
    /// Both nil while it is open.
    public let closedAt: Instant?, closedBy: String?
  }

  /// The months with transactions, in order.
  public static func periods(_ connection: inout Connection) throws(PostgresError) -> [Period] {
    var periods: [Period] = []
    for row in try connection.query("SELECT * FROM ledger.periods()") {
      periods.append(
        Period(
          name: try row.get("period"), transactions: try row.get("transactions"),
          chargedCents: try row.get("charged_cents"), taxCents: try row.get("tax_cents"),
          receivedCents: try row.get("received_cents"), invoices: try row.get("invoices"),
          closedAt: try row.optional("closed_at"),
          closedBy: try row.optional("closed_by")))
    }
    return periods
  }

  /// Issues what invoices are missing and closes the month; returns how many invoices it issued.
  ///
  /// - Parameter early: before the month has ended by the server's clock.
  public static func close(
    period: String, early: Bool, _ connection: inout Connection
  ) throws(PostgresError) -> Int {
    try connection.query("SELECT ledger.close_period(\(period), \(early)) AS n").one().get("n")
  }

  /// Issues the invoices of a month, of all companies or of one, that are not issued yet; returns their count.
  public static func issueInvoices(
    period: String, company: String?, early: Bool, _ connection: inout Connection
  ) throws(PostgresError) -> Int {
    try connection.query("SELECT ledger.issue_invoices(\(period), \(company)::text, \(early)) AS n").one().get("n")
  }

  // MARK: Looking

  /// Charges, credits, tax and payments by one thing; cents, credits negative.
  public struct Total: Sendable {
    /// Of the company, pool or round, or the month as `2026-12`.
    public let name: String
    /// Awards charged, those reversed later included.
    public let awards: Int
    /// Tax and payments are zero by pool and by round, since they belong to neither.
    public let chargedCents: Int64, creditedCents: Int64, taxCents: Int64, paidCents: Int64
  }

  /// What totals are taken by.
  public enum Grouping: String, CaseIterable, Sendable { case company, pool, round, period }

  /// By name, those that have postings.
  public static func totals(by what: Grouping, _ connection: inout Connection) throws(PostgresError) -> [Total] {
    var totals: [Total] = []
    for row in try connection.query("SELECT * FROM ledger.totals_by(\(what.rawValue))") {
      totals.append(
        Total(
          name: try row.get("name"), awards: try row.get("awards"), chargedCents: try row.get("charged_cents"),
          creditedCents: try row.get("credited_cents"), taxCents: try row.get("tax_cents"),
          paidCents: try row.get("paid_cents")))
    }
    return totals
  }

  /// Each account with its balance in cents, positive for a debit.
  public static func balances(
    _ connection: inout Connection
  ) throws(PostgresError) -> [JournalTransaction.Posting] {
    var balances: [JournalTransaction.Posting] = []
    for row in try connection.query("SELECT account, account_kind, cents FROM ledger.balances(NULL)") {
      balances.append(
        .init(account: try row.get("account"), accountKind: try row.get("account_kind"), cents: try row.get("cents")))
    }
    return balances
  }

  /// The control total of a round: exact payments beside what was posted.
  public struct RoundControl: Sendable {
    /// The round's name.
    public let round: String
    /// As published, those reversed later included.
    public let awards: Int
    /// The awards' payments added up.
    public let exact: Money
    /// The same, each award first rounded down to the cent.
    public let postedCents: Int64
    /// Exact less posted: at least zero, and below one cent an award.
    public let difference: Money
  }

  /// Of one published round, or with nil of all in order of delivery; empty where there is none.
  public static func roundControls(
    round: String?, _ connection: inout Connection
  ) throws(PostgresError) -> [RoundControl] {
    var controls: [RoundControl] = []
    for row in try connection.query("SELECT * FROM ledger.round_controls(\(round)::text)") {
      controls.append(
        RoundControl(
          round: try row.get("round"), awards: try row.get("awards"),
          exact: Money(microdollars: try row.get("payment_microdollars")), postedCents: try row.get("posted_cents"),
          difference: Money(microdollars: try row.get("difference_microdollars"))))
    }
    return controls
  }

  /// What the ledger finds wrong with itself: subject and sentence; empty where every cent is in its place.
  public static func problems(_ connection: inout Connection) throws(PostgresError) -> [(String, String)] {
    var problems: [(String, String)] = []
    for row in try connection.query("SELECT subject, problem FROM ledger.problems()") {
      problems.append((try row.get("subject"), try row.get("problem")))
    }
    return problems
  }

  private static func wholeCents(_ amount: Money) throws(SettlementError) -> Int64 {
    guard amount.microdollars % Money.microdollarsPerCent == 0 else {
      throw SettlementError("\(amount) is no whole number of cents", advice: "give at most two decimals, such as 12.50")
    }
    return amount.centsRoundedDown
  }
}
