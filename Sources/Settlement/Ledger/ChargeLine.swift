import Postgres

/// What a company is charged: an award in one of its pools, a correction of it, or tax. A row of
/// `ledger.charge_lines`.
public struct ChargeLine: Sendable {
  /// Number of the ledger's transaction, and the line in it; in a company's own statement numbered within the month.
  public let number: Int64, line: Int
  /// award, reversal, outage, release, adjustment or tax.
  public let kind: String
  /// UTC day, `2026-12-07`.
  public let bookedOn: String
  /// The company's name.
  public let company: String
  /// All nil for tax. `pricing` is the rule that the round's payments follow, a `PricingRule`.
  public let round: String?, pricing: String?, award: String?, bid: String?
  /// The hash on the receipt of the bid, hexadecimal.
  public let receipt: String?
  /// The pool's name; nil for tax.
  public let pool: String?
  /// First and last instant of delivery in this pool, to the second, UTC.
  public let startsAt: String?, endsAt: String?
  /// Nil where it varies over time, as a curve's award may.
  public let gpus: Int?
  /// Negative where an award is reversed, zero for credits and tax.
  public let gpuSeconds: Int64
  /// What was bid for it and what is paid for it, exact micro-dollars; nil for credits and tax.
  public let value: Int64?, payment: Int64?
  /// What was posted; positive for a charge.
  public let cents: Int64
  /// What the company's account is posted against: `Revenues:GPU-Hours:…`, `Revenues:Credits:…` or `Liabilities:Tax`.
  public let account: String
  /// Numbers of the documents, once issued.
  public let invoice: String?, creditNote: String?
  /// The transaction it corrects; without the number in a company's own statement.
  public let corrects: Int64?, correctsKind: String?
  /// `o_…`, where an outage is credited or that credit reversed; else nil.
  public let outage: String?
  /// For people, 1 to 1,000 characters: such as round and bid, or the reason of a credit.
  public let memo: String

  init(_ row: Row) throws(PostgresError) {
    number = try row.get("number")
    line = try row.get("line")
    kind = try row.get("kind")
    bookedOn = try row.get("booked_on")
    company = try row.get("company")
    round = try row.optional("round")
    pricing = try row.optional("pricing")
    award = try row.optional("award")
    bid = try row.optional("bid")
    receipt = try row.optional("receipt")
    pool = try row.optional("pool")
    startsAt = try row.optional("starts_at", as: String.self).map(toSecond)
    endsAt = try row.optional("ends_at", as: String.self).map(toSecond)
    gpus = try row.optional("gpus")
    gpuSeconds = try row.optional("gpu_seconds") ?? 0
    value = try row.optional("value")
    payment = try row.optional("payment")
    cents = try row.get("cents")
    account = try row.get("account")
    invoice = try row.optional("invoice")
    creditNote = try row.optional("document")
    corrects = try row.optional("corrects")
    correctsKind = try row.optional("corrects_kind")
    outage = try row.optional("outage")
    memo = try row.get("memo")
  }

  static func all(_ connection: inout Connection, _ span: LedgerSpan) throws(PostgresError) -> [ChargeLine] {
    try read(
      connection.query(
        """
        SELECT * FROM ledger.charge_lines(\(span.after)::bigint, \(span.upTo)::bigint, \(span.round)::text,
          \(span.period)::text, \(span.company)::text)
        """))
  }

  /// Those of the company that the connection logs in as, numbered within its month.
  static func own(_ connection: inout Connection, period: String) throws(PostgresError) -> [ChargeLine] {
    try read(connection.query("SELECT * FROM market.my_charges(\(period)::text)"))
  }

  private static func read(_ rows: Rows) throws(PostgresError) -> [ChargeLine] {
    var lines: [ChargeLine] = []
    lines.reserveCapacity(rows.count)
    for row in rows { lines.append(try ChargeLine(row)) }
    return lines
  }
}
