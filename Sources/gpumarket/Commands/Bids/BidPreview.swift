import Market
import Units

extension Bid {
  /// The most one bid may cost: the door refuses more.
  private static let mostMicrodollars = Int128(1_000_000_000) * Int128(Money.microdollarsPerDollar)

  /// What a person checks before sending: GPUs, slots with zone, rate, the most it can cost.
  ///
  /// - Throws: `Failure` for a bid that could cost more than a bid may.
  func preview(in round: Round) throws(Failure) -> String {
    let length = round.slotLength
    var lines: [String] = []
    switch self {
    case .block(let alternatives):
      for (number, choice) in alternatives.enumerated() {
        let cost = try Self.money(choice.cost(length))
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
    lines.append("worst case for the whole bid: \(try worst(length))")
    return lines.joined(separator: "\n")
  }

  /// The most it can cost: its dearest alternative, or all steps of its curve in every slot.
  func worst(_ length: SlotLength) throws(Failure) -> Money {
    switch self {
    case .block(let choices): try Self.money(choices.map { $0.cost(length) }.max() ?? 0)
    case .curve(let segments): try Self.money(segments.reduce(0) { $0 + $1.cost(length) })
    }
  }

  private static func money(_ microdollars: Int128) throws(Failure) -> Money {
    guard microdollars <= mostMicrodollars else {
      throw Failure(
        .refused, "the bid could cost more than 1000000000.00 USD, the most that one bid may",
        advice: "check the units: GPUs, hours, and US dollars per GPU-hour")
    }
    return Money(microdollars: Int64(microdollars))
  }

  /// One line for lists.
  func summary(_ length: SlotLength) -> String {
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

extension BlockAlternative {
  /// Micro-dollars at its limit; wide enough for any numbers that a person can type.
  func cost(_ length: SlotLength) -> Int128 {
    Int128(limit.microdollarsPerGPUSlot(length)) * Int128(gpus) * Int128(slots)
  }
}

extension CurveSegment {
  func slots(_ length: SlotLength) -> Int64 { period.length.seconds / length.span.seconds }

  func cost(_ length: SlotLength) -> Int128 {
    steps.reduce(0) { sum, step in
      sum + Int128(step.limit.microdollarsPerGPUSlot(length)) * Int128(step.gpus) * Int128(slots(length))
    }
  }
}
