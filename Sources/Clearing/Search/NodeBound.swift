/// The certificate inside a search node: the same whole-number formula, with what the node forbids and demands.
///
/// Prices of the kept capacity rows come from the relaxation's floats, rounded; links enter by the formula itself,
/// so link rows need no price. Everything is scaled by 2^shift.
final class NodeBound {
  let columns: Columns
  let lp: Relaxation
  let shift: Int64
  /// Whole prices of the last bound, and their running sums.
  private(set) var prices: [Int64]
  private var prefix: [Int64]
  /// Reduced value of each column at those prices.
  let reduced: Buffer<Int64>
  /// What each group contributes.
  let share: Buffer<Int64>
  /// For bids in link trees: what winning gives, what the children give, whether one of them must win.
  private var worth: [Int64]
  private var below: [Int64]
  private var mustBelow: [Bool]
  /// The largest height over each row.
  private let tallest: [Int32]
  private let priceScale: Double

  /// Less than any bound: the node has no solution.
  static let nothing = Int64.min / 4

  init(_ columns: Columns, _ lp: Relaxation) {
    self.columns = columns
    self.lp = lp
    var total: Int64 = 1
    for group in 0..<columns.groupCount {
      total += max(0, columns.value[columns.columns(group)].max() ?? 0) * Int64(max(1, columns.most[group]))
    }
    // Two bits less than the certificate has: no relaxation's prices, at most worth the total, are refused below.
    shift = Int64(max(0, min(20, total.leadingZeroBitCount - 6)))
    priceScale = lp.scale * Double(1 << shift)
    prices = [Int64](repeating: 0, count: columns.capacityRows)
    prefix = [Int64](repeating: 0, count: columns.rowCount + 1)
    reduced = Buffer(columns.columnCount, 0)
    share = Buffer(columns.groupCount, 0)
    let linkedCount = columns.book.linked.isEmpty ? 0 : columns.book.bidCount
    worth = [Int64](repeating: 0, count: linkedCount)
    below = worth
    mustBelow = [Bool](repeating: false, count: linkedCount)
    tallest = NodeBound.heights(columns)
  }

  private static func heights(_ columns: Columns) -> [Int32] {
    var heights = RowHeights(rows: columns.rowCount)
    for j in 0..<columns.columnCount {
      let units = max(1, columns.most[Int(columns.group[j])])
      heights.cover(columns.start[j], columns.end[j], height: columns.height[j] * units)
      for rectangle in columns.extra[Int(columns.extraFirst[j])..<Int(columns.extraFirst[j + 1])] {
        heights.cover(rectangle.start, rectangle.end, height: max(0, rectangle.gpus) * units)
      }
    }
    return heights.tallest()
  }

  /// The scaled bound at the relaxation's prices, moved by `step` along its infeasibility ray; nil on overflow.
  func compute(alongRay step: Double = 0) -> Int64? {
    var total: Int64 = 0
    var sum: Int64 = 0
    var worst: Int64 = 0
    let direction = step * lp.rayDirection
    for row in 0..<columns.capacityRows {
      let price = lp.y.base[row] + (step == 0 ? 0 : direction * lp.rho.base[row])
      let scaled = (price * priceScale).rounded()
      let whole: Int64 = scaled > 0 ? (scaled < 0x1p60 ? Int64(scaled) : 1 << 60) : 0
      let (cost, tooDear) = whole.multipliedReportingOverflow(by: Int64(columns.capacity[row]))
      let (next, tooMuch) = total.addingReportingOverflow(cost)
      let (running, tooLong) = sum.addingReportingOverflow(whole)
      let (most, tooTall) = whole.multipliedReportingOverflow(by: Int64(tallest[row]))
      let (dearest, tooWide) = worst.addingReportingOverflow(most)
      if tooDear || tooMuch || tooLong || tooTall || tooWide { return nil }
      prices[row] = whole
      worst = dearest
      total = next
      sum = running
      prefix[row + 1] = running
    }
    for row in columns.capacityRows..<columns.rowCount { prefix[row + 1] = sum }
    if worst > 1 << 59 { return nil }
    lp.ticks += 3 * columns.columnCount + 3 * columns.rowCount + 2 * columns.extra.count
    guard let groups = sumGroups() else { return nil }
    if groups == NodeBound.nothing { return NodeBound.nothing }
    let (all, tooBig) = total.addingReportingOverflow(groups)
    return tooBig ? nil : all
  }

  private func sumGroups() -> Int64? {
    let book = columns.book
    let hasLinks = !book.linked.isEmpty
    var total: Int64 = 0
    for group in 0..<columns.groupCount {
      let best = bestShare(group)
      share.base[group] = best
      if hasLinks, book.isLinked[Int(book.itemBid[group])] { continue }
      if best == NodeBound.nothing { return best }
      let (next, overflow) = total.addingReportingOverflow(best)
      if overflow { return nil }
      total = next
    }
    guard hasLinks else { return total }
    let linked = sumLinked()
    if linked == NodeBound.nothing { return linked }
    let (all, overflow) = total.addingReportingOverflow(linked)
    return overflow ? nil : all
  }

  /// The most a group gives, 0 included unless the node demands it.
  private func bestShare(_ group: Int) -> Int64 {
    let range = columns.columns(group)
    if columns.most[group] > 0 {
      let unit = reducedValue(range.lowerBound)
      reduced.base[range.lowerBound] = unit
      return unit * Int64(unit > 0 ? lp.most.base[group] : lp.least.base[group])
    }
    var best: Int64 = lp.must.base[group] ? NodeBound.nothing : 0
    for j in range where !lp.forbidden.base[j] {
      let value = reducedValue(j)
      reduced.base[j] = value
      if value > best { best = value }
    }
    return best
  }

  @inline(__always) private func reducedValue(_ j: Int) -> Int64 {
    var result = columns.value[j] << shift
    result -= Int64(columns.height[j]) * (prefix[Int(columns.end[j])] - prefix[Int(columns.start[j])])
    for index in Int(columns.extraFirst[j])..<Int(columns.extraFirst[j + 1]) {
      let rectangle = columns.extra[index]
      // Link rows have no price: their running sums are equal.
      result -= Int64(rectangle.gpus) * (prefix[Int(rectangle.end)] - prefix[Int(rectangle.start)])
    }
    return result
  }

  /// Link trees: f(bid) = max(0, what it wins + Σ of its children), without the 0 where it must win.
  private func sumLinked() -> Int64 {
    let book = columns.book
    for bid in book.linked.map(Int.init) {
      below[bid] = 0
      mustBelow[bid] = false
    }
    var total: Int64 = 0
    for bid in book.linked.map(Int.init) {
      let isDemanded = mustBelow[bid] || demands(bid)
      let own = winning(bid)
      worth[bid] = own == NodeBound.nothing ? own : own + below[bid]
      if worth[bid] == NodeBound.nothing, isDemanded { return NodeBound.nothing }
      let gives = isDemanded ? worth[bid] : max(0, worth[bid])
      let parent = Int(book.parent[bid])
      if parent >= 0 {
        below[parent] += gives
        if isDemanded { mustBelow[parent] = true }
      } else {
        total += gives
      }
    }
    return total
  }

  private func demands(_ bid: Int) -> Bool {
    columns.book.items(ofBid: bid).contains { lp.must[$0] || lp.least[$0] > 0 }
  }

  /// The most a linked bid gives if it wins something, its children apart.
  private func winning(_ bid: Int) -> Int64 {
    var sum: Int64 = 0
    var takes = false
    var best = NodeBound.nothing
    for group in columns.book.items(ofBid: bid) {
      if columns.most[group] > 0 {
        let unit = reduced[columns.columns(group).lowerBound]
        sum += share[group]
        if lp.least[group] > 0 || (unit > 0 && lp.most[group] > 0) { takes = true }
        if lp.most[group] > lp.least[group] { best = max(best, unit) }
      } else {
        var most = NodeBound.nothing
        for j in columns.columns(group) where !lp.forbidden[j] { most = max(most, reduced[j]) }
        if most == NodeBound.nothing {
          if lp.must[group] { return most }
          continue
        }
        if most > 0 || lp.must[group] {
          sum += most
          takes = true
        }
        best = max(best, most)
      }
    }
    if takes { return sum }
    return best == NodeBound.nothing ? best : sum + best
  }
}
