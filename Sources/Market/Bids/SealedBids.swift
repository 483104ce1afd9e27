import Files
import Postgres
import Units

/// The door for bids of encrypted rounds: bodies that `EncryptedBid.seal` made.
///
/// Sealing the same bid twice gives two bodies, so the door cannot tell a retry from another bid and refuses it. Who repeats a
/// request asks for what stands under its key.
extension OrderBook {
  /// Places a sealed body.
  public static func place(
    sealed body: String, in round: String, parent: String?, key: String, _ connection: inout Connection
  ) throws(PostgresError) -> Receipt {
    try receipts(
      connection.query("SELECT market.place_bid(\(round), \(key), \(body), \(parent)) AS receipt"))[0]
  }

  /// Replaces a bid by a sealed body.
  public static func amend(
    _ id: String, sealed body: String, in round: String, parent: String?, key: String, _ connection: inout Connection
  ) throws(PostgresError) -> Receipt {
    try receipts(
      connection.query("SELECT market.amend_bid(\(round), \(id), \(key), \(body), \(parent)) AS receipt"))[0]
  }

  /// A request of an encrypted round, as far as it shows outside its box.
  public struct SealedRequest: Sendable {
    /// Idempotency key, 1 to 200 characters.
    public let key: String
    /// `place` or `amend`.
    public let kind: String
    /// What is amended; nil for a new bid, whose id follows from its key.
    public let bid: String?
    /// `#3` is the bid of the third request.
    public let parent: String?
    /// The most that the bid may cost, as declared beside the box.
    public let exposure: Money

    public init(key: String, kind: String, bid: String? = nil, parent: String?, exposure: Money) {
      self.key = key
      self.kind = kind
      self.bid = bid
      self.parent = parent
      self.exposure = exposure
    }
  }

  /// The receipts of requests that were accepted earlier, in their order; nil unless all of them stand, of the same round,
  /// kind, bid, parent and declared exposure. What their boxes hold cannot be compared.
  public static func earlier(
    _ requests: [SealedRequest], in round: String, _ connection: inout Connection
  ) throws -> [Receipt]? {
    let rows = try connection.query(
      "SELECT * FROM market.my_receipts(\(requests.map(\.key))::text[]) AS receipt")
    var found: [String: Receipt] = [:]
    for row in rows {
      for receipt in try Receipt.list(row.get("receipt")) { found[receipt.key] = receipt }
    }
    var receipts: [Receipt] = []
    for request in requests {
      guard let receipt = found[request.key] else { return nil }
      var parent = request.parent
      if let place = parent, place.hasPrefix("#"), let number = Int(place.dropFirst()) {
        guard receipts.indices.contains(number - 1) else { return nil }
        parent = receipts[number - 1].bid
      }
      guard receipt.round == round, receipt.kind == request.kind, receipt.parent == parent,
        request.bid == nil || receipt.bid == request.bid,
        try EncryptedBid.declaredExposure(receipt.body) == request.exposure
      else { return nil }
      receipts.append(receipt)
    }
    return receipts
  }

  /// The company's own bids that were refused when an encrypted round was opened.
  public static func refusals(
    round: String?, _ connection: inout Connection
  ) throws(PostgresError) -> [(bid: String, reason: String)] {
    try connection.query("SELECT bid, refusal FROM market.my_refusals(\(round))").map { row throws(PostgresError) in
      (try row.get("bid"), try row.get("refusal"))
    }
  }
}
