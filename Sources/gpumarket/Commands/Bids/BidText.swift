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
    try checked(gpus, in: 1...mostGPUs, "--gpus")
    if let minimum { try checked(minimum, in: 1...gpus, "--min-gpus") }
    return BlockAlternative(
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
    try texts.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }.map { text in
      let parts = text.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2 else {
        throw Failure(
          .usage, "--step '\(text)' is not GPUS@LIMIT", advice: "write --step 8@3.10 --step 8@2.00, the dearest first")
      }
      return CurveSegment.Step(gpus: try whole(parts[0], "GPUs"), limit: try Price(dollarsPerGPUHour: parts[1]))
    }
  }

  private func whole(_ text: String, _ what: String) throws -> Int {
    guard let number = Int(text), (1...mostGPUs).contains(number), text.allSatisfy(\.isNumber) else {
      throw Failure(
        .usage, "\(what)=\(text) is not a whole number from 1 to \(mostGPUs)", advice: "count GPUs: \(what)=64")
    }
    return number
  }
}
