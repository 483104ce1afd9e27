import Postgres

/// All that a writer needs, read in one snapshot.
struct ExportData: Sendable {
  var selection: Selection
  var span: LedgerSpan
  /// Number and hash of the ledger's last transaction at the time.
  var headNumber: Int64
  var headHash: String
  var accounts: AccountMap
  /// In order of booking day, then number.
  var transactions: [JournalTransaction]
  /// In the same order.
  var charges: [ChargeLine]
  /// Balances before the period, where a period was selected.
  var opening: [JournalTransaction.Posting]

  /// Reads the ledger; for `sinceLast` the caller has looked up the number.
  init(
    _ connection: inout Connection, selection: Selection, since: Int64?, company: String? = nil, accounts: AccountMap
  ) throws {
    self.selection = selection
    self.accounts = accounts
    let head = try connection.query("SELECT number, hash FROM ledger.head()").one()
    headNumber = try head.get("number")
    headHash = try head.get("hash")
    span = LedgerSpan(after: since, upTo: headNumber, company: company)
    opening = []
    switch selection {
    case .round(let name):
      span.round = name
      try Self.requirePublished(name, &connection)
    case .period(let period):
      span.period = period
      for row in try connection.query(
        """
        SELECT account, account_kind, cents FROM ledger.balances(\(period)::text) WHERE cents <> 0
        """)
      {
        opening.append(
          .init(
            account: try row.get("account"), accountKind: try row.get("account_kind"), cents: try row.get("cents")))
      }
    default: break
    }
    transactions = try JournalTransaction.all(&connection, span)
    charges = try ChargeLine.all(&connection, span)
  }

  /// An empty file for a round that is not cleared yet would look like a round without awards.
  private static func requirePublished(_ name: String, _ connection: inout Connection) throws {
    let rounds = try connection.query("SELECT state FROM market.rounds() WHERE round = \(name)")
    // A round that does not exist is refused by name below.
    guard let state: String = try rounds.first?.get("state"), state == "open" || state == "closed" else { return }
    throw SettlementError(
      "round \(name) is \(state), so there is nothing to settle yet",
      advice: "export it once it is published; gpumarket clear does that")
  }
}
