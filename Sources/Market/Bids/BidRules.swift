import Units

/// The door's rules for one round, for those who want every mistake before anything is sent. The door
/// (sql/functions/bids) judges again, and of an encrypted bid nobody else does before the gate has closed.
public struct BidRules: Sendable {
  /// What a rule finds fault with: a column of a CSV file, a key of a JSON one.
  public enum Part: String, Sendable {
    case pool, gpus
    case minimumGPUs = "min_gpus"
    case hours, window, limit, steps
    case alternatives, curve
  }

  /// A fault of one part.
  public struct Fault: Error, Sendable {
    /// Where it lies.
    public let part: Part
    /// What is wrong.
    public let problem: String
    /// What to do next.
    public let advice: String

    init(_ part: Part, _ problem: String, _ advice: String) {
      self.part = part
      self.problem = problem
      self.advice = advice
    }
  }

  let round: Round
  private let pools: [String: OfferedPool]
  private let names: [String]
  private let caps: [String: Int]

  /// - Parameters:
  ///   - pools: what the round offers.
  ///   - caps: of the company that bids.
  public init(round: Round, pools: [OfferedPool], caps: [(pool: String, gpus: Int)] = []) {
    self.round = round
    self.caps = Dictionary(caps.map { ($0.pool, $0.gpus) }) { first, _ in first }
    self.pools = Dictionary(pools.map { ($0.name, $0) }) { first, _ in first }
    names = pools.map(\.name).sorted()
  }

  /// Refuses a bid that the round cannot award, for one of its parts or for what they are together.
  public func check(_ bid: Bid) throws(Fault) {
    switch bid {
    case .block(let choices): for choice in choices { try check(choice) }
    case .curve(let segments): for segment in segments { try check(segment) }
    }
    try checkWhole(bid)
  }

  /// Refuses what a bid's parts are together, where nothing is wrong with each of them.
  public func checkWhole(_ bid: Bid) throws(Fault) {
    var places = 0
    let part: Part
    switch bid {
    case .block(let choices):
      part = .alternatives
      guard (1...1000).contains(choices.count) else {
        throw Fault(
          part, "a block has 1 to 1000 alternatives, not \(choices.count)",
          choices.isEmpty ? "give one: its pool, gpus, hours, window and limit" : "split it into several bids")
      }
      for choice in choices { places += try slots(of: choice.window) - choice.slots + 1 }
    case .curve(let segments):
      part = .curve
      guard (1...10_000).contains(segments.count) else {
        throw Fault(
          part, "a curve has 1 to 10000 segments, not \(segments.count)",
          segments.isEmpty ? "give one: its pool, window and steps" : "split it into several bids")
      }
      for segment in segments { places += try slots(of: segment.period) * segment.steps.count }
      for (pool, own) in Dictionary(grouping: segments, by: \.pool) {
        let ordered = own.map(\.period).sorted { $0.start < $1.start }
        guard zip(ordered, ordered.dropFirst()).allSatisfy({ $0.end <= $1.start }) else {
          throw Fault(
            part, "two segments of the curve cover the same slot of \(pool)", "give each slot of a pool one curve")
        }
      }
    }
    guard places <= 100_000 else {
      throw Fault(
        part, "the bid leaves \(places) places and steps to choose from",
        "narrow its windows or split it: one bid may have 100000")
    }
    for (name, gpus) in bid.gpusAtOnce {
      guard let cap = caps[name], gpus > cap, let lot = pools[name]?.lotGPUs else { continue }
      throw Fault(
        part, "\(gpus) GPUs is more than you may hold of \(name) at a time: your cap is \(cap) GPUs",
        (cap < lot ? "choose another pool" : "give at most \(cap / lot * lot) GPUs")
          + ", or ask the operator for a higher cap")
    }
  }

  /// Refuses an alternative that the round cannot award.
  public func check(_ choice: BlockAlternative) throws(Fault) {
    let pool = try offered(choice.pool)
    try check(choice.gpus, .gpus, pool)
    if let minimum = choice.minimumGPUs {
      guard minimum <= choice.gpus else {
        throw Fault(
          .minimumGPUs, "\(minimum) is more than the \(choice.gpus) GPUs asked for", "give fewer, or leave it empty")
      }
      try check(minimum, .minimumGPUs, pool)
    }
    let room = try slots(of: choice.window)
    guard choice.slots <= room else {
      let length = round.slotLength
      throw Fault(
        .hours,
        "\(length.hours(slots: Int64(choice.slots))) hours do not fit the window of \(length.hours(slots: Int64(room))) hours",
        "widen the window or shorten the block")
    }
    try check(choice.limit, .limit, pool)
  }

  /// Refuses a segment that the round cannot award.
  public func check(_ segment: CurveSegment) throws(Fault) {
    let pool = try offered(segment.pool)
    _ = try slots(of: segment.period)
    guard (1...100).contains(segment.steps.count) else {
      throw Fault(.steps, "a curve has 1 to 100 steps, not \(segment.steps.count)", "write steps as 8@3.10 16@2.00")
    }
    for (step, next) in zip(segment.steps, segment.steps.dropFirst()) where next.limit >= step.limit {
      throw Fault(
        .steps, "the prices of a curve's steps must fall",
        "steps are increments: the first GPUs at the highest price")
    }
    for step in segment.steps {
      try check(step.gpus, .steps, pool)
      try check(step.limit, .steps, pool)
    }
    try check(segment.steps.reduce(0) { $0 + $1.gpus }, .steps, pool)
  }

  private func offered(_ name: String) throws(Fault) -> OfferedPool {
    guard let pool = pools[name] else {
      throw Fault(
        .pool, "the round \(round.name) offers no pool \"\(name)\"", "choose one of \(names.joined(separator: ", "))")
    }
    return pool
  }

  private func check(_ gpus: Int, _ part: Part, _ pool: OfferedPool) throws(Fault) {
    let (lot, most) = (pool.lotGPUs, pool.capacityGPUs.max() ?? 0)
    guard gpus % lot == 0 else {
      let largest = most / lot * lot
      let below = min(max(gpus, 0) / lot * lot, largest)
      throw Fault(
        part, "\(gpus) GPUs is no multiple of the lot of \(pool.name), \(lot) GPUs",
        below == 0
          ? "give \(lot) GPUs" : below == largest ? "give \(below) GPUs" : "give \(below) or \(below + lot) GPUs")
    }
    guard gpus <= most else {
      throw Fault(
        part, "\(gpus) GPUs is more than \(pool.name) ever has in this round, \(most) GPUs",
        "give at most \(most / lot * lot) GPUs")
    }
  }

  private func check(_ limit: Price, _ part: Part, _ pool: OfferedPool) throws(Fault) {
    guard limit >= pool.reserve else {
      throw Fault(
        part, "the limit price \(limit) is below the reserve price of \(pool.name), \(pool.reserve)",
        "bid at least \(pool.reserve)")
    }
  }

  private func slots(of window: TimeRange) throws(Fault) -> Int {
    guard window.start >= round.delivery.start, window.end <= round.delivery.end else {
      throw Fault(
        .window, "\(window) lies outside the round: its delivery is \(round.delivery)",
        "give a stretch within \(round.delivery)")
    }
    do {
      return try round.slotLength.count(in: window)
    } catch {
      throw Fault(.window, error.problem, error.advice)
    }
  }
}
