import Postgres

/// One balanced transaction of the ledger.
public struct JournalTransaction: Sendable {
  /// One line: cents positive for a debit, negative for a credit.
  public struct Posting: Sendable {
    public let account: String
    /// bank, receivable, deposit, tax, revenue or allowance.
    public let accountKind: String
    public let cents: Int64
  }

  public let number: Int64
  public let kind: String
  /// UTC day, `2026-12-07`.
  public let bookedOn: String
  public let recordedAt: String, recordedBy: String
  public let company: String
  public let round: String?, award: String?, bid: String?, outage: String?
  public let corrects: Int64?
  public let reference: String?
  public let memo: String
  /// The credit note that it is, or the invoice whose tax it is.
  public let document: String?
  /// The hashes that chain it to the transaction before.
  public let previous: String, hash: String
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
