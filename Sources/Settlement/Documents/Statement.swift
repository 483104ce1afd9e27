import Postgres
import Units

/// A company's month: the account from opening to closing balance, what it bid, won, paid and saved.
public struct Statement: Sendable {
  /// One bid in a published round whose delivery begins in the month.
  public struct Bid: Sendable {
    /// The round's name and the bid's id, `b_…`.
    public let round: String, bid: String
    /// The most it could have cost, at its limit.
    public let most: Money
    /// What it won, nil if nothing.
    public let award: String?
    /// What was bid for what it won, and what that costs before rounding to the cent; nil if it won nothing.
    public let value: Money?, payment: Money?
    /// When its newest entry was accepted, UTC: `2026-12-07T00:00:00Z`, with microseconds where it has any.
    public let acceptedAt: String
    /// The hash on its receipt.
    public let receipt: String
  }

  /// Awards summed by pool and by the UTC day on which delivery begins.
  public struct Day: Sendable {
    /// `2026-12-07`, and the pool's name.
    public let day: String, pool: String
    /// One that holds several pools counts in each.
    public fileprivate(set) var awards: Int
    /// GPUs times seconds.
    public fileprivate(set) var gpuSeconds: Int64
    /// What was bid for them.
    public fileprivate(set) var value: Money
    /// What was charged for them.
    public fileprivate(set) var cents: Int64
    /// Bid less charge; where an award is split over pools, one of them may lie a fraction of a cent below zero.
    public var saved: Money { value - Money(cents: cents) }
  }

  /// Money that came or went.
  public struct Movement: Sendable {
    /// UTC day, `2026-12-07`.
    public let bookedOn: String
    /// payment, payment-return, deposit, deposit-use or deposit-return.
    public let kind: String
    /// What it did to the balance, or else how much went through the deposit.
    public let cents: Int64
    /// The transfer's own, or which payment it returns.
    public let reference: String
  }

  /// The company's name, and the UTC month as `2026-12`.
  public let company: String, period: String
  /// Cents: what it owed before, the month's changes (credits and payments negative), what it owes after.
  public let openingCents: Int64, chargedCents: Int64, creditedCents: Int64, taxCents: Int64, paidCents: Int64
  /// Negative where it has paid more than it owes.
  public let closingCents: Int64
  /// Its deposit at the month's end.
  public let depositCents: Int64
  /// Whether the period is closed, so that nothing of this changes any more.
  public let isClosed: Bool
  /// By delivery, then acceptance; withdrawn ones are left out.
  public let bids: [Bid]
  /// Booked in the month, credits and tax included, by day and number.
  public let charges: [ChargeLine]
  /// Booked in the month, by day and number.
  public let movements: [Movement]
  /// The month's, at most one.
  public let invoices: [Invoice]

  /// Reads a company's in one snapshot, for finance.
  public init(company: String, period: String, _ connection: inout Connection) throws {
    self = try connection.transaction(.repeatableRead) { connection in
      let span = LedgerSpan(upTo: .max, period: period, company: company)
      return try Statement(
        company, period, connection.query("SELECT * FROM ledger.statement(\(company), \(period))").one(),
        bids: connection.query("SELECT * FROM ledger.statement_bids(\(company), \(period))"),
        charges: ChargeLine.all(&connection, span), movements: Movement.all(&connection, span),
        invoices: Invoice.list(period: period, company: company, &connection))
    }
  }

  /// Reads that of the company which the connection logs in as, in one snapshot.
  public init(ownOf period: String, _ connection: inout Connection) throws {
    self = try connection.transaction(.repeatableRead) { connection in
      let row = try connection.query("SELECT * FROM market.my_statement(\(period))").one()
      return try Statement(
        row.get("company"), period, row, bids: connection.query("SELECT * FROM market.my_statement_bids(\(period))"),
        charges: ChargeLine.own(&connection, period: period), movements: Movement.own(&connection, period: period),
        invoices: Invoice.own(period: period, &connection))
    }
  }

  private init(
    _ company: String, _ period: String, _ row: Row, bids rows: Rows, charges: [ChargeLine], movements: [Movement],
    invoices: [Invoice]
  ) throws {
    self.company = company
    self.period = period
    openingCents = try row.get("opening_cents")
    chargedCents = try row.get("charged_cents")
    creditedCents = try row.get("credited_cents")
    taxCents = try row.get("tax_cents")
    paidCents = try row.get("paid_cents")
    closingCents = try row.get("closing_cents")
    depositCents = try row.get("deposit_cents")
    isClosed = try row.get("closed")
    var bids: [Bid] = []
    for row in rows {
      bids.append(
        Bid(
          round: try row.get("round"), bid: try row.get("bid"), most: Money(microdollars: try row.get("most")),
          award: try row.optional("award"),
          value: try row.optional("value", as: Int64.self).map { Money(microdollars: $0) },
          payment: try row.optional("payment", as: Int64.self).map { Money(microdollars: $0) },
          acceptedAt: toSecond(try row.get("accepted_at")), receipt: try row.get("receipt")))
    }
    self.bids = bids
    self.charges = charges
    self.movements = movements
    self.invoices = invoices
    guard closingCents == openingCents + chargedCents + creditedCents + taxCents + paidCents,
      charges.reduce(0, { $0 + $1.cents }) == chargedCents + creditedCents + taxCents
    else {
      throw SettlementError(
        "the statement of \(company) for \(period) does not add up",
        advice: "run gpumarket settle check and report it")
    }
  }

  /// Awards by day of delivery's beginning and pool.
  public var days: [Day] {
    var days: [String: Day] = [:]
    for line in charges where line.kind == "award" {
      let day = String((line.startsAt ?? line.bookedOn).prefix(10))
      let pool = line.pool ?? ""
      var entry =
        days[day + pool] ?? Day(day: day, pool: pool, awards: 0, gpuSeconds: 0, value: .zero, cents: 0)
      entry.awards += 1
      entry.gpuSeconds += line.gpuSeconds
      entry.value += Money(microdollars: line.value ?? 0)
      entry.cents += line.cents
      days[day + pool] = entry
    }
    return days.values.sorted { ($0.day, $0.pool) < ($1.day, $1.pool) }
  }

  /// What the awards saved against their limits; awards reversed later are not taken off.
  public var saved: Money { days.reduce(.zero) { $0 + $1.saved } }
}

extension Statement.Movement {
  static func all(_ connection: inout Connection, _ span: LedgerSpan) throws(PostgresError) -> [Statement.Movement] {
    let kinds: Set = ["payment", "payment-return", "deposit", "deposit-use", "deposit-return"]
    return try JournalTransaction.all(&connection, span).filter { kinds.contains($0.kind) }.map { booked in
      let cents = booked.postings.filter { $0.accountKind == "receivable" }.reduce(0) { $0 + $1.cents }
      return Statement.Movement(
        bookedOn: booked.bookedOn, kind: booked.kind,
        cents: cents == 0 ? booked.postings.map(\.cents).max() ?? 0 : cents,
        reference: booked.reference ?? booked.corrects.map { "transaction \($0)" } ?? "")
    }
  }

  static func own(_ connection: inout Connection, period: String) throws(PostgresError) -> [Statement.Movement] {
    try connection.query("SELECT * FROM market.my_money(\(period)::text)").map { row throws(PostgresError) in
      Statement.Movement(
        bookedOn: try row.get("booked_on"), kind: try row.get("kind"), cents: try row.get("cents"),
        reference: try row.get("reference"))
    }
  }
}
