import Units

// A bid in words, for whoever is about to send it, or reads a list.

extension Bid {
  /// What a person checks before sending: GPUs, slots with zone, rate, the most it can cost.
  ///
  /// - Throws: `BidRules.Fault` for a bid that could cost more than a bid may.
  public func preview(in round: Round) throws(BidRules.Fault) -> String {
    let length = round.slotLength
    return try (kind.preview(length) + ["worst case for the whole bid: \(checkedWorstCase(length))"])
      .joined(separator: "\n")
  }

  /// One line for lists.
  public func summary(_ length: SlotLength) -> String { kind.summary(length) }
}
