import Units

// A bid in words, for whoever is about to send it, or reads a list.

extension Bid {
  /// What a person checks before sending: GPUs, slots with zone, rate, the most it can cost.
  ///
  /// - Throws: `BidRules.Fault` for a bid that could cost more than a bid may.
  public func preview(in round: Round) throws(BidRules.Fault) -> String {
    let length = round.slotLength
    var lines: [String] = []
    switch self {
    case .block(let alternatives):
      for (number, choice) in alternatives.enumerated() {
        let cost = try Bid.block([choice]).checkedWorstCase(length)
        let least = choice.minimumGPUs.map { " (or as few as \($0))" } ?? ""
        lines.append(
          "\(number == 0 ? "block " : "or    ") \(choice.gpus) GPUs\(least) of \(choice.pool) for "
            + "\(length.hours(slots: Int64(choice.slots))) hours on end, anywhere in \(choice.window)")
        lines.append("       at most \(choice.limit): \(cost) in all")
      }
    case .curve(let segments):
      for segment in segments {
        let slots = segment.slots(length)
        lines.append("curve  \(segment.pool), each of \(slots) slots of \(length.minutes) minutes in \(segment.period)")
        for step in segment.steps { lines.append("       \(step.gpus) GPUs at most \(step.limit)") }
      }
    }
    lines.append("worst case for the whole bid: \(try checkedWorstCase(length))")
    return lines.joined(separator: "\n")
  }

  /// One line for lists.
  public func summary(_ length: SlotLength) -> String {
    switch self {
    case .block(let alternatives):
      alternatives.map { choice in
        let gpus = choice.minimumGPUs.map { "\($0)–\(choice.gpus)" } ?? "\(choice.gpus)"
        return
          "\(gpus) × \(length.hours(slots: Int64(choice.slots))) h \(choice.pool) ≤ \(choice.limit.dollarsPerGPUHour)"
      }.joined(separator: " or ")
    case .curve(let segments):
      segments.map { segment in
        "\(segment.pool) \(segment.period) "
          + segment.steps.map { "\($0.gpus)@\($0.limit.dollarsPerGPUHour)" }.joined(separator: " ")
      }.joined(separator: "; ")
    }
  }
}
