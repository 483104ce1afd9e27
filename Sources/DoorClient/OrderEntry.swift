import Files
import Signing

extension DoorClient {
  /// What is asked of the order book: a bid placed, amended or withdrawn.
  public struct Wish: Sendable {
    /// `place`, `amend` or `withdraw`.
    public var kind: String
    /// The bid's id; nil for a new one, whose id follows from the key.
    public var bid: String?
    /// The bid it hangs on.
    public var parent: String?
    /// Idempotency key.
    public var key: String
    /// The bid as JSON, or its box; empty for a withdrawal.
    public var body: String

    /// A wish with its parts.
    public init(kind: String, bid: String? = nil, parent: String? = nil, key: String, body: String = "") {
      self.kind = kind
      self.bid = bid
      self.parent = parent
      self.key = key
      self.body = body
    }
  }

  /// Signs wishes for a round, together, and sends them: all are done or none. The answer's `receipts` are in their order.
  ///
  /// - Parameters:
  ///   - market: the market's id, as `GET /v1/account` says.
  ///   - terms: the digest of the round's terms, as the caller computed it from what it read.
  public func enter(
    _ wishes: [Wish], round: String, market: String, terms: String
  ) throws(Refusal) -> JSONValue {
    let entries = wishes.map { wish in
      SignedEntry(
        market: market, round: round, terms: terms, company: key.company, key: wish.key, kind: wish.kind,
        bid: wish.bid ?? SignedEntry.newBid(company: key.company, key: wish.key), parent: wish.parent, body: wish.body)
    }
    let signatures = EntrySignature.sign(entries, key)
    return try ask(
      "POST", "/v1/rounds/\(Self.escaped(round))/entries",
      [
        "company": .string(key.company), "terms": .string(terms),
        "entries": .array(
          zip(entries, signatures).map { entry, signature in
            [
              "kind": .string(entry.kind), "bid": .string(entry.bid),
              "parent": entry.parent.map { .string($0) } ?? .null,
              "key": .string(entry.key), "body": .string(entry.body), "signature": .string(signature.text),
            ]
          }),
      ])
  }

  /// Percent-encoded for a path or a query: all but letters, digits and `-._~`.
  public static func escaped(_ text: String) -> String {
    var out = ""
    for byte in text.utf8 {
      switch byte {
      case 48...57, 65...90, 97...122, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
        out.unicodeScalars.append(UnicodeScalar(byte))
      default: out += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }
    return out
  }
}
