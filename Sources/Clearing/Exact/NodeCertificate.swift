/// The certificate inside a search node: capacity · y + Σ over groups of the best they can give at prices y, in whole
/// numbers, with what the node bars and demands (Lagrangian relaxation; Geoffrion 1974).
///
/// Valid for any whole y ≥ 0, so the simplex's floats only propose y. Links are rows like any other here. Everything is
/// scaled by 2^shift; sums that would overflow yield no bound, never a wrong one.
final class NodeCertificate {
  let program: Program
  let simplex: Simplex
  let shift: Int64
  /// Running sums of prices from the back, as the rows are stated: a column's cost is entries · sums.
  private let sums: Buffer<Int64>
  /// Whole prices of the last bound.
  let prices: Buffer<Int64>
  /// Reduced value of each column that is not barred.
  let reduced: Buffer<Int64>
  /// What each group gives.
  let share: Buffer<Int64>
  private let priceScale: Double
  private let ceiling: Int64

  /// Less than any bound: the node holds nothing.
  static let nothing = Int64.min / 4

  init(_ simplex: Simplex) {
    self.simplex = simplex
    program = simplex.program
    var total: Int64 = 1
    for group in 0..<program.groupCount {
      let best = program.value[program.columns(group)].max() ?? 0
      total = total.addingReportingOverflow(best * Int64(max(1, program.most[group]))).partialValue
    }
    // The door keeps totals at 2^60 or less: 2^62 leaves room for the prices beside them.
    shift = Int64(max(0, min(20, total.leadingZeroBitCount - 4)))
    sums = Buffer(program.rowCount + 1, 0)
    prices = Buffer(program.rowCount, 0)
    reduced = Buffer(program.columnCount, 0)
    share = Buffer(program.groupCount, 0)
    priceScale = simplex.scale * Double(sign: .plus, exponent: Int(shift), significand: 1)
    // With every sum of prices below this no column's cost exceeds 2^61.
    ceiling = (1 << 61) / program.largestEntrySum
  }

  /// The scaled bound at the simplex's prices, moved by `step` along its ray; nil if it cannot be computed.
  func compute(alongRay step: Double = 0) -> Int64? {
    let step = step * simplex.rayDirection
    var total: Int64 = 0
    for row in stride(from: program.rowCount - 1, through: 0, by: -1) {
      let scaled = (simplex.price(row, alongRay: step) * priceScale).rounded()
      // Comparisons with a number that is none fail: the price is then 0.
      let price: Int64 = scaled > 0 ? (scaled < 0x1p60 ? Int64(scaled) : 1 << 60) : 0
      let (cost, isTooDear) = price.multipliedReportingOverflow(by: program.capacity[row])
      let (next, isTooMuch) = total.addingReportingOverflow(cost)
      let behind = program.differs[row + 1] ? sums.base[row + 1] : 0
      let (sum, isTooLong) = price.addingReportingOverflow(behind)
      if isTooDear || isTooMuch || isTooLong || sum > ceiling { return nil }
      prices.base[row] = price
      sums.base[row] = sum
      total = next
    }
    simplex.addTicks(3 * program.rowCount + 2 * program.groupCount + 3 * program.columnCount)
    for group in 0..<program.groupCount {
      let gives = give(of: group)
      if gives == NodeCertificate.nothing { return gives }
      share.base[group] = gives
      let (next, isTooMuch) = total.addingReportingOverflow(gives)
      if isTooMuch { return nil }
      total = next
    }
    return max(total, NodeCertificate.nothing + 1)
  }

  @inline(__always) private func reducedValue(_ j: Int) -> Int64 {
    var result = program.value[j] << shift
    for index in program.entries(j) {
      result -= Int64(program.entryFactor[index]) * sums.base[Int(program.entryRow[index])]
    }
    return result
  }

  /// The most a group gives: 0 or more unless the node demands something of it.
  private func give(of group: Int) -> Int64 {
    let range = program.columns(group)
    if program.most[group] > 0 {
      let j = range.lowerBound
      let unit = reducedValue(j)
      reduced.base[j] = unit
      let times = Int64(unit > 0 ? simplex.most.base[group] : simplex.least.base[group])
      let (all, overflow) = unit.multipliedReportingOverflow(by: times)
      return overflow ? (unit > 0 ? .max : 0) : all
    }
    var best = simplex.barred.base[simplex.slack(ofGroup: group)] ? NodeCertificate.nothing : 0
    for j in range where !simplex.barred.base[j] {
      let value = reducedValue(j)
      reduced.base[j] = value
      best = max(best, value)
    }
    return best
  }

  /// Bars what cannot be part of a solution worth `target`, and demands what must be, given the scaled bound just
  /// computed (reduced-cost fixing, Dantzig, Fulkerson and Johnson 1954).
  /// - Returns: whether anything changed.
  func fix(bound: Int64, target: Int64, _ trail: inout ExactTrail) -> Bool {
    let slack = bound - target << shift
    let before = trail.count
    for group in 0..<program.groupCount {
      if program.most[group] > 0 {
        narrow(group, slack, &trail)
        continue
      }
      let best = share.base[group]
      if best > slack { trail.bar(simplex.slack(ofGroup: group), simplex) }
      for j in program.columns(group) where !simplex.barred.base[j] && best - reduced.base[j] > slack {
        trail.bar(j, simplex)
      }
    }
    simplex.addTicks(2 * program.columnCount)
    return trail.count > before
  }

  /// Each GPU away from a quantity group's better end costs the unit's reduced value.
  private func narrow(_ group: Int, _ slack: Int64, _ trail: inout ExactTrail) {
    let unit = reduced[program.columns(group).lowerBound]
    let (least, most) = (simplex.least[group], simplex.most[group])
    guard unit != 0, least < most else { return }
    let spare = slack / abs(unit)
    guard spare < Int64(most - least) else { return }
    if unit > 0 {
      trail.narrow(group, least: most - Int32(spare), most: most, simplex)
    } else {
      trail.narrow(group, least: least, most: least + Int32(spare), simplex)
    }
  }
}

/// What a node has barred and narrowed, to be taken back.
struct ExactTrail {
  private var barred: [Int32] = []
  private var narrowed: [(group: Int32, least: Int32, most: Int32)] = []
  var count: Int { barred.count + narrowed.count }

  mutating func bar(_ variable: Int, _ simplex: Simplex) {
    guard !simplex.barred.base[variable] else { return }
    simplex.barred.base[variable] = true
    barred.append(Int32(variable))
  }

  mutating func narrow(_ group: Int, least: Int32, most: Int32, _ simplex: Simplex) {
    let (oldLeast, oldMost) = (simplex.least[group], simplex.most[group])
    guard least > oldLeast || most < oldMost else { return }
    narrowed.append((Int32(group), oldLeast, oldMost))
    simplex.least[group] = max(least, oldLeast)
    simplex.most[group] = min(most, oldMost)
    simplex.markStale()
  }

  mutating func undo(_ simplex: Simplex) {
    for variable in barred { simplex.barred.base[Int(variable)] = false }
    for (group, least, most) in narrowed.reversed() {
      simplex.least[Int(group)] = least
      simplex.most[Int(group)] = most
      simplex.markStale()
    }
    barred.removeAll(keepingCapacity: true)
    narrowed.removeAll(keepingCapacity: true)
  }
}
