import Files
import Units

extension BidFile {
  /// What a file of bids would commit to, in words: pools, hours, the window it spans and the most it can cost.
  ///
  /// - Throws: `BidRules.Fault` for a bid, or a file, that could cost more than one may.
  public static func preview(_ items: [Item], in round: Round) throws -> String {
    let length = round.slotLength
    var parts = 0
    var worst: Int128 = 0
    var most: [String: Int128] = [:]
    var span: TimeRange?
    for item in items {
      worst += Int128(try item.bid.checkedWorstCase(length).microdollars)
      let extent = item.bid.kind.extent(length)
      parts += extent.parts
      for period in extent.periods { span = try span.joined(with: period) }
      most.merge(extent.mostGPUSlots) { $0 + $1 }
    }
    var lines = ["\(grouped(items.count)) bids, \(grouped(parts)) alternatives or segments, for round \(round.name)"]
    for (pool, slots) in most.sorted(by: { $0.key < $1.key }) {
      lines.append("  \(pool): at most \(grouped((slots * Int128(length.minutes) + 59) / 60)) GPU-hours")
    }
    if let span { lines.append("  all within \(span)") }
    guard let total = Int64(exactly: worst) else {
      throw BidRules.Fault(.limit, "the file's bids could cost more than any credit", "check the units of its columns")
    }
    lines.append("worst case for all of them: \(Money(microdollars: total))")
    return lines.joined(separator: "\n")
  }
}

extension TimeRange? {
  /// The shortest period that holds both.
  fileprivate func joined(with other: TimeRange) throws(UnitError) -> TimeRange {
    guard let self else { return other }
    return try TimeRange(start: min(self.start, other.start), end: max(self.end, other.end))
  }
}
