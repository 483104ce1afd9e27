import Units

/// The published prices of a round: whole micro-dollars for a lot of each pool in each slot, reserve included.
///
/// With them and the book anyone recomputes the round's price bound; with them and a bid, why it lost.
public struct RoundPrices: Sendable {
  /// One pool's line.
  public struct Line: Sendable {
    /// The pool's name.
    public let pool: String
    /// GPUs in a lot, at least 1.
    public let lotGPUs: Int
    /// One for each slot of the delivery, none negative; empty where the pool has no published prices.
    public let microdollarsPerLotSlot: [Int64]
  }

  /// In the round's order of pools.
  public let lines: [Line]
  private let slotLength: SlotLength
  private let delivery: TimeRange
  private let lineOf: [String: Int]
  /// Sums of the prices before each slot, wide enough for any prices.
  private let before: [[Int128]]

  /// Lines in the round's order of pools, each beginning with the first slot of its delivery.
  public init(_ lines: [Line], in round: Round) {
    self.lines = lines
    slotLength = round.slotLength
    delivery = round.delivery
    lineOf = Dictionary(lines.enumerated().map { ($1.pool, $0) }, uniquingKeysWith: { first, _ in first })
    before = lines.map { line in
      var sums: [Int128] = [0]
      for price in line.microdollarsPerLotSlot { sums.append(sums[sums.count - 1] + Int128(price)) }
      return sums
    }
  }

  /// A block's cheapest place, the earliest of several; nil where the pool has no prices for its window.
  ///
  /// - Returns: its first slot, and what one lot costs there in micro-dollars.
  func cheapest(_ choice: BlockAlternative) -> (slot: Int, perLot: Int128)? {
    guard let line = lineOf[choice.pool] else { return nil }
    let window = slots(of: choice.window)
    guard choice.slots > 0, window.lowerBound >= 0, window.upperBound < before[line].count,
      window.count >= choice.slots
    else { return nil }
    var best: (slot: Int, perLot: Int128)?
    for start in window.lowerBound...(window.upperBound - choice.slots) {
      let cost = before[line][start + choice.slots] - before[line][start]
      if cost < best?.perLot ?? .max { best = (start, cost) }
    }
    return best
  }

  /// The price of one lot of a pool in each slot of a period; empty where there is none.
  func perLot(_ pool: String, in period: TimeRange) -> ArraySlice<Int64> {
    guard let line = lineOf[pool] else { return [] }
    let prices = lines[line].microdollarsPerLotSlot
    return prices[slots(of: period).clamped(to: prices.indices)]
  }

  func lotGPUs(_ pool: String) -> Int { lineOf[pool].map { lines[$0].lotGPUs } ?? 1 }

  func start(ofSlot slot: Int) -> Instant {
    delivery.start + TimeSpan(seconds: slotLength.span.seconds * Int64(slot))
  }

  private func slots(of period: TimeRange) -> Range<Int> {
    let slot = slotLength.span.seconds
    return Int((period.start - delivery.start).seconds / slot)..<Int((period.end - delivery.start).seconds / slot)
  }
}
