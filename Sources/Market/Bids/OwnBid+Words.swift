import Files
import Units

extension OwnBid {
  /// What became of it, in a word.
  public var standing: String {
    if isWithdrawn { return "withdrawn" }
    switch roundState {
    case "published": return award == nil ? "lost" : "won"
    case "open": return isAmended ? "open, amended" : "open"
    default: return roundState
    }
  }

  /// What `bid show` says beside the receipts.
  ///
  /// - Parameters:
  ///   - lost: why it lost, once that is known.
  ///   - caps: the company's, of the pools that it lost in.
  public func outcome(_ lost: LossReason?, _ caps: [(pool: String, gpus: Int)]) -> [JSONText.Member] {
    [
      JSONText.Member("state", .string(standing)),
      JSONText.Member("award", award.map { JSONText.string($0) } ?? .null),
      JSONText.Member("payment_usd", payment.map { JSONText.usd($0) } ?? .null),
      JSONText.Member("lost", lost?.json ?? .null),
      JSONText.Member("caps", .object(caps.map { JSONText.Member($0.pool, .integer(Int64($0.gpus))) })),
    ]
  }

  /// As a list has it.
  ///
  /// - Parameter lost: why it lost, once that is known.
  public func json(_ lost: LossReason?) -> JSONText {
    [
      "round": .string(round), "bid": .string(id), "state": .string(standing),
      "parent": parent.map { .string($0) } ?? .null,
      "body": .string(body), "worst_case_usd": .usd(exposure), "accepted_at": .string(acceptedAt.iso8601),
      "hash": .string(hash), "award": award.map { .string($0) } ?? .null,
      "payment_usd": payment.map { .usd($0) } ?? .null, "lost": lost?.json ?? .null,
    ]
  }
}
