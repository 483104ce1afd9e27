import Postgres

/// One balanced transaction of the ledger.
public struct JournalTransaction: Sendable {
  /// One line: cents positive for a debit, negative for a credit.
  public struct Posting: Sendable {
    /// As every journal prints it: `Assets:Receivable:Acme`.
    public let account: String
    /// bank, receivable, deposit, tax, revenue or allowance.
    public let accountKind: String
    /// A transaction's postings add up to zero.
    public let cents: Int64
  }

  /// From 1 without gaps, in the order they were written.
  public let number: Int64
  /// award, reversal, outage, release, adjustment, tax, payment, payment-return, deposit, deposit-use or deposit-return.
  public let kind: String
  /// UTC day, `2026-12-07`.
  public let bookedOn: String
  /// When it was written, UTC to the microsecond, and by which login.
  public let recordedAt: String, recordedBy: String
  /// The name of the company whose account it touches.
  public let company: String
  /// What it stands on; all nil for tax and money.
  public let round: String?, award: String?, bid: String?, outage: String?
  /// Number of the earlier transaction that it takes back, whole or in part.
  public let corrects: Int64?
  /// The bank's for money, the invoice's number for its tax; else nil.
  public let reference: String?
  /// For people, 1 to 1,000 characters.
  public let memo: String
  /// The credit note that it is, or the invoice whose tax it is.
  public let document: String?
  /// The hashes that chain it to the transaction before.
  public let previous: String, hash: String
  /// In the order of their lines, at least two.
  public private(set) var postings: [Posting]

  init(_ row: Row) throws(PostgresError) {
    number = try row.get("number")
    kind = try row.get("kind")
    bookedOn = try row.get("booked_on")
    recordedAt = try row.get("recorded_at")
    recordedBy = try row.get("recorded_by")
    company = try row.get("company")
    round = try row.optional("round")
    award = try row.optional("award")
    bid = try row.optional("bid")
    outage = try row.optional("outage")
    corrects = try row.optional("corrects")
    reference = try row.optional("reference")
    memo = try row.get("memo")
    document = try row.optional("document")
    previous = try row.get("previous")
    hash = try row.get("hash")
    postings = []
  }

  /// In order of booking day, then number.
  static func all(_ connection: inout Connection, _ span: LedgerSpan) throws(PostgresError) -> [JournalTransaction] {
    let rows = try connection.query(
      """
      SELECT * FROM ledger.journal(\(span.after)::bigint, \(span.upTo)::bigint, \(span.round)::text,
        \(span.period)::text, \(span.company)::text)
      """)
    var transactions: [JournalTransaction] = []
    for row in rows {
      let number: Int64 = try row.get("number")
      if transactions.last?.number != number { transactions.append(try JournalTransaction(row)) }
      transactions[transactions.count - 1].postings.append(
        Posting(
          account: try row.get("account"), accountKind: try row.get("account_kind"), cents: try row.get("cents")))
    }
    return transactions
  }
}
