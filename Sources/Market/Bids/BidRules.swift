import Units

/// The door's rules for one round, for those who want every mistake before anything is sent. The door
/// (sql/functions/bids) judges again, and of an encrypted bid nobody else does before the gate has closed.
public struct BidRules: Sendable {
  /// What a rule finds fault with: a column of a CSV file, a key of a JSON one. A kind of bid adds its own.
  public struct Part: Sendable, Equatable {
    /// The column or key.
    public let rawValue: String

    init(_ rawValue: String) { self.rawValue = rawValue }

    static let pool = Part("pool"), gpus = Part("gpus"), window = Part("window"), limit = Part("limit")
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
    try bid.kind.checkParts(self)
    try checkWhole(bid)
  }

  /// Refuses what a bid's parts are together, where nothing is wrong with each of them.
  public func checkWhole(_ bid: Bid) throws(Fault) {
    let kind = bid.kind
    let part = type(of: kind).part
    try kind.checkCount()
    try kind.checkTogether()
    let places = kind.places(round.slotLength)
    guard places <= 100_000 else {
      throw Fault(
        part, "the bid leaves \(places) places and steps to choose from",
        "narrow its windows or split it: one bid may have 100000")
    }
    for (name, gpus) in kind.gpusAtOnce {
      guard let cap = caps[name], gpus > cap, let lot = pools[name]?.lotGPUs else { continue }
      throw Fault(
        part, "\(gpus) GPUs is more than you may hold of \(name) at a time: your cap is \(cap) GPUs",
        (cap < lot ? "choose another pool" : "give at most \(cap / lot * lot) GPUs")
          + ", or ask the operator for a higher cap")
    }
  }

  // MARK: For the kinds of bids

  func offered(_ name: String) throws(Fault) -> OfferedPool {
    guard let pool = pools[name] else {
      throw Fault(
        .pool, "the round \(round.name) offers no pool \"\(name)\"", "choose one of \(names.joined(separator: ", "))")
    }
    return pool
  }

  func check(_ gpus: Int, _ part: Part, _ pool: OfferedPool) throws(Fault) {
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

  func check(_ limit: Price, _ part: Part, _ pool: OfferedPool) throws(Fault) {
    guard limit >= pool.reserve else {
      throw Fault(
        part, "the limit price \(limit) is below the reserve price of \(pool.name), \(pool.reserve)",
        "bid at least \(pool.reserve)")
    }
  }

  func slots(of window: TimeRange) throws(Fault) -> Int {
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
