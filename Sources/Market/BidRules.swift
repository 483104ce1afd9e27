import Units

/// The door's rules for one round, for those who want every mistake before anything is sent. The door
/// (sql/011_body_words.sql) judges again, and of an encrypted bid nobody else does before the gate has closed.
public struct BidRules: Sendable {
  /// What a rule finds fault with: a column of a CSV file, a key of a JSON one.
  public enum Part: String, Sendable {
    case pool, gpus
    case minimumGPUs = "min_gpus"
    case hours, window, limit, steps
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

  /// - Parameter pools: what the round offers.
  public init(round: Round, pools: [OfferedPool]) {
    self.round = round
    self.pools = Dictionary(pools.map { ($0.name, $0) }) { first, _ in first }
    names = pools.map(\.name).sorted()
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
