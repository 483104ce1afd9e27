extension Relaxation {
  /// The columns that may enter a basis, side by side in memory, with their reduced values.
  ///
  /// Pricing is most of a pivot. A branch on every entry's sign would be guessed wrong half the time, so entries and
  /// ratios of all columns are computed without one, four at a time, and the winner is looked up afterwards.
  final class ColumnPrices {
    /// Columns that are not forbidden, ascending; `count` of them.
    let column, group, start, end: Buffer<Int32>
    let height: Buffer<Double>
    /// Value less cost at the duals, and −∞ while a column is basic or a key. Never above 0: where rounding or a
    /// basis mended by `refactor` leaves more, the cost counts as shifted, and `NodeBound` has the last word.
    let reduced: Buffer<Double>
    /// The pivot row's entries and the ratios at which reduced values reach zero.
    let entry, ratio: Buffer<Double>
    /// The part of the pivot row's entries that all columns of a group share.
    let offset: Buffer<Double>
    /// Where each column stands here, or -1.
    let place: Buffer<Int32>
    var count = 0

    /// Four ratios.
    @inline(__always) func ratios(_ block: Int) -> SIMD4<Double> {
      UnsafeRawPointer(ratio.base).load(fromByteOffset: 32 * block, as: SIMD4<Double>.self)
    }

    init(_ columns: Columns) {
      let n = columns.columnCount + 4
      column = Buffer(n, 0)
      group = Buffer(n, 0)
      start = Buffer(n, 0)
      end = Buffer(n, 0)
      height = Buffer(n, 0)
      reduced = Buffer(n, 0)
      entry = Buffer(n, 0)
      ratio = Buffer(n, 0)
      offset = Buffer(columns.groupCount + 1, 0)
      place = Buffer(n, -1)
    }
  }

  /// The winner of the ratio test: the variable whose reduced value reaches zero first.
  struct Entering {
    /// A column, `~row` for a row's slack, or `columnCount + group` for a group's; `Int.min` if there is none.
    var variable = Int.min
    var pivot = 0.0
    var reduced = 0.0

    @inline(__always) mutating func consider(_ variable: Int, pivot: Double, reduced: Double) {
      if pivot > self.pivot { self = Entering(variable: variable, pivot: pivot, reduced: reduced) }
    }
  }

  /// Smaller entries of a pivot row count as zero.
  static let leastPivot = 1e-7
  /// Ratios as close as this are equal: the larger pivot wins.
  static let ratioTolerance = 1e-9

  /// What `priceColumns` costs.
  var pricingTicks: Int { 4 * columns.columnCount + 2 * columns.extra.count }

  /// Reduced values of all columns that may enter, anew from the duals.
  /// - Parameter counting: whether it counts as work; not if that was done before.
  func priceColumns(counting: Bool = true) {
    let prices = self.prices
    var count = 0
    for g in 0..<columns.groupCount {
      let mu = dual.base[g]
      for j in columns.columns(g) {
        if forbidden.base[j] {
          prices.place.base[j] = -1
          continue
        }
        prices.place.base[j] = Int32(count)
        prices.column.base[count] = Int32(j)
        prices.group.base[count] = Int32(g)
        prices.start.base[count] = packed.base[j].start
        prices.end.base[count] = packed.base[j].end
        prices.height.base[count] = packed.base[j].height
        prices.reduced.base[count] =
          position.base[j] == -1 ? min(0, value.base[j] - product(j, ySum.base) - mu) : -.infinity
        count += 1
      }
    }
    prices.count = count
    // The last block of four is filled with what never enters.
    for index in count..<count + 4 {
      prices.group.base[index] = 0
      prices.start.base[index] = 0
      prices.end.base[index] = 0
      prices.height.base[index] = 0
      prices.reduced.base[index] = -.infinity
    }
    if counting { ticks += pricingTicks }
  }

  /// The ratio test over all variables, for a variable that leaves in `sign`'s direction.
  func chooseEntering(group leavingGroup: Int, sign: Double) -> Entering {
    var least = Double.infinity
    @inline(__always) func note(_ alpha: Double, _ reduced: Double) {
      if alpha > Relaxation.leastPivot { least = min(least, max(0, -reduced) / alpha) }
    }
    for row in 0..<rows where slackPosition.base[row] < 0 { note(sign * rho.base[row], -y.base[row]) }
    for group in 0..<columns.groupCount {
      let k = Int(key.base[group])
      var offset = group == leavingGroup ? 1.0 : 0.0
      if k >= 0 {
        offset -= product(k, rhoSum.base)
        if !must.base[group] { note(sign * offset, -dual.base[group]) }
      }
      prices.offset.base[group] = offset
    }
    least = min(least, computeRatios(sign: sign))
    ticks += 2 * rows + 2 * prices.count + 6 * columns.groupCount + 2 * columns.extra.count
    var entering = Entering()
    guard least < .infinity else { return entering }

    let limit = least + Relaxation.ratioTolerance
    for row in 0..<rows where slackPosition.base[row] < 0 {
      let alpha = sign * rho.base[row]
      if alpha > Relaxation.leastPivot, max(0, y.base[row]) / alpha <= limit {
        entering.consider(~row, pivot: alpha, reduced: -y.base[row])
      }
    }
    for group in 0..<columns.groupCount where key.base[group] >= 0 && !must.base[group] {
      let alpha = sign * prices.offset.base[group]
      if alpha > Relaxation.leastPivot, max(0, dual.base[group]) / alpha <= limit {
        entering.consider(columns.columnCount + group, pivot: alpha, reduced: -dual.base[group])
      }
    }
    for block in 0..<(prices.count + 3) / 4 where any(prices.ratios(block) .<= limit) {
      for index in 4 * block..<4 * block + 4 where prices.ratio.base[index] <= limit {
        entering.consider(
          Int(prices.column.base[index]), pivot: sign * prices.entry.base[index], reduced: prices.reduced.base[index])
      }
    }
    return entering
  }

  /// Entries and ratios of all columns.
  /// - Returns: the least ratio.
  private func computeRatios(sign: Double) -> Double {
    let prices = self.prices
    let (group, start, end) = (prices.group.base, prices.start.base, prices.end.base)
    let (height, reduced, offset) = (prices.height.base, prices.reduced.base, prices.offset.base)
    let (entry, ratio, sums) = (prices.entry.base, prices.ratio.base, rhoSum.base)
    // Padding makes whole blocks of four; it never wins.
    let count = (prices.count + 3) & ~3
    for j in 0..<count {
      entry[j] = offset[Int(group[j])] + height[j] * (sums[Int(end[j])] - sums[Int(start[j])])
    }
    if !columns.extra.isEmpty {
      for j in 0..<prices.count { entry[j] += extraProduct(Int(prices.column.base[j]), sums) }
    }
    for j in 0..<count {
      let alpha = entry[j] * sign
      let quotient = -reduced[j] / alpha
      ratio[j] = alpha > Relaxation.leastPivot ? quotient : .infinity
    }
    var least = SIMD4<Double>(repeating: .infinity)
    for block in 0..<count / 4 {
      let found = prices.ratios(block)
      least.replace(with: found, where: found .< least)
    }
    return least.min()
  }

  @inline(__always) private func extraProduct(_ j: Int, _ sums: UnsafeMutablePointer<Double>) -> Double {
    var result = 0.0
    for index in Int(columns.extraFirst[j])..<Int(columns.extraFirst[j + 1]) {
      let rectangle = columns.extra[index]
      result += Double(rectangle.gpus) * (sums[Int(rectangle.end)] - sums[Int(rectangle.start)])
    }
    return result
  }

  /// Moves reduced values along with the duals by `step` times the pivot row.
  func moveReduced(_ step: Double) {
    let (entry, reduced) = (prices.entry.base, prices.reduced.base)
    for index in 0..<prices.count { reduced[index] = min(0, reduced[index] - step * entry[index]) }
    ticks += prices.count / 2
  }

  /// A column that is basic now, or nonbasic again with this reduced value.
  @inline(__always) func setReduced(_ j: Int, _ reduced: Double) {
    let place = Int(prices.place.base[j])
    if place >= 0 { prices.reduced.base[place] = min(0, reduced) }
  }
}
