import Files
import Postgres
import Units

/// Proof that an entry was accepted: with the body, enough to compute its hash again.
public struct Receipt: Sendable {
  /// The round's name.
  public let round: String
  /// The company's name, which is hashed; its login is not.
  public let company: String
  /// `b_` and 32 hexadecimal digits, which follow from the login and the first entry's key; amendments keep it.
  public let bid: String
  /// `place`, `amend` or `withdraw`.
  public let kind: String
  /// The company's bid that it hangs on; nil without one, and for a withdrawal.
  public let parent: String?
  /// Idempotency key, 1 to 200 characters: the same request under it gives this receipt again.
  public let key: String
  /// Random, so that nobody who sees the hash finds the entry by guessing.
  public let salt: String
  /// Microseconds of the server's clock, UTC.
  public let acceptedAt: String
  /// 64 hexadecimal digits, as the server says; `computedHash` is that of the other fields.
  public let hash: String
  /// `Bid.body`, or what `EncryptedBid.seal` made of it; empty for a withdrawal.
  public let body: String
  /// The company's (`EntrySignature.text`); nil of one that has no key.
  public let signature: String?

  /// Of a receipt's file; the database's own answer names none.
  static let format = FileFormat("receipt", 2)

  init(_ value: JSONValue) throws(JSONProblem) {
    func text(_ name: String) throws(JSONProblem) -> String { try value.at(.key(name)).string() }
    round = try text("round")
    company = try text("company")
    bid = try text("bid")
    kind = try text("kind")
    let parent = try value.at("parent")
    self.parent = parent.isNull ? nil : try parent.string()
    key = try text("key")
    salt = try text("salt")
    acceptedAt = try text("accepted_at")
    hash = try text("hash")
    body = try text("body")
    let signature = try value.at("signature")
    self.signature = signature.isNull ? nil : try signature.string()
  }

  /// As a file to keep.
  public var json: JSONText {
    [
      "format": .string(Self.format.text),
      "round": .string(round), "company": .string(company), "bid": .string(bid), "kind": .string(kind),
      "parent": parent.map { .string($0) } ?? .null, "key": .string(key), "salt": .string(salt),
      "accepted_at": .string(acceptedAt),
      "hash": .string(hash), "body": .string(body), "signature": signature.map { .string($0) } ?? .null,
    ]
  }

  static func list(_ text: String) throws(PostgresError) -> [Receipt] {
    do {
      let value = try JSONReader.parse(Array(text.utf8), source: "receipt")
      return value.kind == .array ? try value.elements().map { try Receipt($0) } : [try Receipt(value)]
    } catch {
      throw PostgresError(.decoding, "\(error)")
    }
  }
}

/// A bid as its company sees it.
public struct OwnBid: Sendable {
  /// The round's name.
  public let round: String
  /// A `Round.State`.
  public let roundState: String
  /// `b_` and 32 hexadecimal digits; unique for a company.
  public let id: String
  /// The bid it hangs on, also after a withdrawal.
  public let parent: String?
  /// `Bid.body`; sealed in an encrypted round until it is published, and empty once withdrawn.
  public let body: String
  /// Withdrawn by itself or with its parent; it cannot come back.
  public let isWithdrawn: Bool
  /// Whether its newest entry is an amendment.
  public let isAmended: Bool
  /// The most it can cost.
  public let exposure: Money
  /// When its newest entry was accepted, by the server's clock.
  public let acceptedAt: Instant
  /// On that entry's receipt, 64 hexadecimal digits.
  public let hash: String
  /// `a_` and 16 hexadecimal digits; nil before publication and where it won nothing.
  public let award: String?
  /// Exact, before the books round it down to the cent; nil where `award` is.
  public let payment: Money?
}

/// One refused bid of many.
public struct RefusedBid: Sendable {
  /// Counted from 0 in the order given.
  public let index: Int
  /// Which rule refuses it, in a sentence.
  public let message: String
  /// What to do next.
  public let advice: String
}

/// The door for bids, for the company that the connection logs in as.
///
/// Every write carries an idempotency key: sending the same again returns the same receipt.
public enum OrderBook {
  /// Places a bid.
  public static func place(
    _ bid: Bid, in round: String, parent: String?, key: String, _ connection: inout Connection
  ) throws(PostgresError) -> Receipt {
    try receipts(
      connection.query("SELECT market.place_bid(\(round), \(key), \(bid.body), \(parent)) AS receipt"))[0]
  }

  /// Replaces a bid; it takes a new place in the order of acceptance.
  public static func amend(
    _ id: String, to bid: Bid, in round: String, parent: String?, key: String, _ connection: inout Connection
  ) throws(PostgresError) -> Receipt {
    try receipts(
      connection.query("SELECT market.amend_bid(\(round), \(id), \(key), \(bid.body), \(parent)) AS receipt"))[0]
  }

  /// Withdraws a bid and all that hang on it; the bid's own receipt comes first.
  public static func withdraw(
    _ id: String, in round: String, key: String, _ connection: inout Connection
  ) throws(PostgresError) -> [Receipt] {
    try receipts(connection.query("SELECT market.withdraw_bid(\(round), \(id), \(key)) AS receipt"))
  }

  /// Places all or none. A parent `#3` is the third of these bids.
  ///
  /// - Throws: with SQLSTATE `GM422` and the refusals in `detail` (see `refusals(in:)`), and nothing placed.
  public static func placeAll(
    _ bids: [(bid: Bid, parent: String?, key: String)], in round: String, _ connection: inout Connection
  ) throws(PostgresError) -> [Receipt] {
    try placeAll(bodies: bids.map { ($0.bid.body, $0.parent, $0.key) }, in: round, &connection)
  }

  /// The same with bodies, which in an encrypted round are sealed.
  public static func placeAll(
    bodies bids: [(body: String, parent: String?, key: String)], in round: String, _ connection: inout Connection
  ) throws(PostgresError) -> [Receipt] {
    // An empty parent stands for none: our arrays carry no NULL.
    try receipts(
      connection.query(
        """
        SELECT market.place_bids(\(round), \(bids.map(\.key))::text[], \(bids.map(\.body))::text[],
          ARRAY(SELECT nullif(p, '') FROM unnest(\(bids.map { $0.parent ?? "" })::text[]) WITH ORDINALITY AS u (p, n)
            ORDER BY n)) AS receipt
        """))
  }

  /// The refusals of `placeAll`, if that is what this error is.
  public static func refusals(in error: PostgresError) -> [RefusedBid]? {
    guard error.sqlState == "GM422", let detail = error.detail, detail.hasPrefix("[") else { return nil }
    do {
      return try JSONReader.parse(Array(detail.utf8), source: "refusals").elements().map { value in
        RefusedBid(
          index: Int(try value.at("index").integer()) - 1, message: try value.at("message").string(),
          advice: try value.at("hint").string())
      }
    } catch {
      return nil
    }
  }

  static func receipts(_ rows: Rows) throws(PostgresError) -> [Receipt] {
    try Receipt.list(rows.one().get("receipt"))
  }

  /// The company's own bids, in one round or all.
  public static func mine(round: String?, _ connection: inout Connection) throws(PostgresError) -> [OwnBid] {
    var bids: [OwnBid] = []
    for row in try connection.query("SELECT * FROM market.my_bids(\(round))") {
      bids.append(
        OwnBid(
          round: try row.get("round"), roundState: try row.get("state"), id: try row.get("bid"),
          parent: try row.optional("parent"), body: try row.get("body"), isWithdrawn: try row.get("withdrawn"),
          isAmended: try row.get("kind", as: String.self) == "amend", exposure: try row.money("exposure"),
          acceptedAt: try row.instant("accepted_at"), hash: try row.get("hash"), award: try row.optional("award"),
          payment: try row.optionalMoney("payment")))
    }
    return bids
  }

  /// Every entry of one bid, oldest first.
  public static func history(of bid: String, _ connection: inout Connection) throws(PostgresError) -> [Receipt] {
    var receipts: [Receipt] = []
    for row in try connection.query("SELECT * FROM market.my_bid_history(\(bid)) AS receipt") {
      receipts += try Receipt.list(row.get("receipt"))
    }
    return receipts
  }
}
