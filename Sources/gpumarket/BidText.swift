import Market
import Units

/// Reads bids as people write them on a command line. Times and hours are judged against the round's slots.
struct BidText {
  let round: Round

  /// `pool=h100-eu,gpus=64,hours=24,limit=2.20[,window=…][,min=32]`; the window of the first alternative is the default.
  func alternative(_ text: String, defaultWindow: TimeRange) throws -> BlockAlternative {
    var values: [String: String] = [:]
    let known = ["pool", "gpus", "hours", "limit", "window", "min"]
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
      guard pair.count == 2, known.contains(pair[0]), values.updateValue(pair[1], forKey: pair[0]) == nil else {
        throw Failure(
          .usage, "--or '\(text)': \"\(part)\" is not understood",
          advice: "write 'pool=h100-eu,gpus=64,hours=24,limit=2.20', and window=… or min=… where they differ")
      }
    }
    func need(_ key: String) throws -> String {
      guard let value = values[key] else {
        throw Failure(
          .usage, "--or '\(text)' lacks \(key)=", advice: "each alternative names pool, gpus, hours and limit")
      }
      return value
    }
    return try block(
      pool: need("pool"), gpus: whole(need("gpus"), "gpus"), minimum: values["min"].map { try whole($0, "min") },
      hours: need("hours"), window: values["window"].map { try window($0) } ?? defaultWindow, limit: need("limit"))
  }

  func block(
    pool: String, gpus: Int, minimum: Int?, hours: String, window: TimeRange, limit: String
  ) throws -> BlockAlternative {
    BlockAlternative(
      pool: pool, gpus: gpus, minimumGPUs: minimum, slots: try round.slotLength.slots(hours: hours), window: window,
      limit: try Price(dollarsPerGPUHour: limit))
  }

  /// A window; what does not parse is refused with the round's own as an example.
  func window(_ text: String) throws -> TimeRange {
    do {
      return try TimeRange(iso8601: text)
    } catch {
      throw Failure(
        .usage, error.problem,
        advice: "\(error.advice)\nround \(round.name) delivers in \(round.delivery); a window lies within it")
    }
  }

  /// `8@3.10,8@2.00`: increments at falling prices.
  func steps(_ texts: [String]) throws -> [CurveSegment.Step] {
    try texts.flatMap { $0.split(separator: ",") }.map { text in
      let parts = text.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2 else {
        throw Failure(
          .usage, "--step '\(text)' is not GPUS@LIMIT", advice: "write --step 8@3.10 --step 8@2.00, the dearest first")
      }
      return CurveSegment.Step(gpus: try whole(parts[0], "GPUs"), limit: try Price(dollarsPerGPUHour: parts[1]))
    }
  }

  private func whole(_ text: String, _ what: String) throws -> Int {
    guard let number = Int(text), number > 0, text.allSatisfy(\.isNumber) else {
      throw Failure(.usage, "\(what)=\(text) is not a whole number above 0", advice: "count GPUs: \(what)=64")
    }
    return number
  }
}

extension Bid {
  /// What a person checks before sending: GPUs, slots with zone, rate, the most it can cost.
  func preview(in round: Round) -> String {
    let length = round.slotLength
    var lines: [String] = []
    var worst: Int64 = 0
    switch self {
    case .block(let alternatives):
      for (number, choice) in alternatives.enumerated() {
        let cost = choice.limit.microdollarsPerGPUSlot(length) * Int64(choice.gpus) * Int64(choice.slots)
        worst = max(worst, cost)
        let least = choice.minimumGPUs.map { " (or as few as \($0))" } ?? ""
        lines.append(
          "\(number == 0 ? "block " : "or    ") \(choice.gpus) GPUs\(least) of \(choice.pool) for "
            + "\(length.hours(slots: Int64(choice.slots))) hours on end, anywhere in \(choice.window)")
        lines.append("       at most \(choice.limit): \(Money(microdollars: cost)) in all")
      }
    case .curve(let segments):
      for segment in segments {
        let slots = Int64(segment.period.length.seconds / length.span.seconds)
        lines.append("curve  \(segment.pool), each of \(slots) slots of \(length.minutes) minutes in \(segment.period)")
        for step in segment.steps {
          worst += step.limit.microdollarsPerGPUSlot(length) * Int64(step.gpus) * slots
          lines.append("       \(step.gpus) GPUs at most \(step.limit)")
        }
      }
    }
    lines.append("worst case for the whole bid: \(Money(microdollars: worst))")
    return lines.joined(separator: "\n")
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
