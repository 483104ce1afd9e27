/// The linear relaxation, solved by a bounded dual simplex in which the groups stay implicit.
///
/// Source: key variables of generalised upper bounding (Dantzig and Van Slyke 1967), dual pricing by Devex weights
/// (Forrest and Goldfarb 1992). One variable of each group, its key, takes what the others leave of the group's
/// width; the working basis then has one row per capacity row. All nonbasic variables sit at 0 and branching only
/// forbids columns, demands a group or narrows a quantity group, so any saved basis stays dual feasible.
/// Floats propose here; every conclusion is drawn by `NodeBound` in whole numbers.
final class Relaxation {
  enum Outcome { case optimal, infeasible, cutoff, limit }

  let columns: Columns
  let rows: Int
  /// Whether a column may not be taken; whether a group must take its whole width.
  let forbidden, must: Buffer<Bool>
  /// Bounds of quantity groups.
  let least, most: Buffer<Int32>

  // The basis: a structural column j, `columnCount + g` for group g's slack while it is no key, or ~row.
  let basic: Buffer<Int32>
  /// Key column of each group, or -1 for the group's slack.
  let key: Buffer<Int32>
  /// Position of a column in the basis, -2 for a key, -1 nonbasic.
  let position: Buffer<Int32>
  let slackPosition: Buffer<Int32>
  /// Basic columns of each group that are no key.
  let nonkeys: Buffer<Int32>

  /// The working inverse, transposed: `inverse[row * stride + position]`.
  let inverse: Buffer<Double>
  let stride: Int
  let x, y, rho, column, scratch: Buffer<Double>
  /// Running sums of `y` and `rho`: a rectangle's cost is one subtraction.
  let ySum, rhoSum: Buffer<Double>
  /// Value of each group's key, and the groups' duals.
  let keyValue, dual: Buffer<Double>
  let weight, keyWeight: Buffer<Double>
  let value: Buffer<Double>
  /// Where the columns' first rectangles are, side by side.
  let packed: Buffer<(start: Int32, end: Int32, height: Double)>
  let prices: ColumnPrices
  let rightHandSide: Buffer<Double>
  /// One unit of `value` in micro-dollars: a power of two.
  let scale: Double

  var objective = 0.0
  var constant = 0.0
  /// The sign in which `rho` proves infeasibility.
  var rayDirection = 1.0
  var pivots = 0
  var sinceRefactor = 0
  /// Work done, about nanoseconds.
  var ticks = 0
  private var isFresh = false

  init(_ columns: Columns) {
    self.columns = columns
    rows = columns.rowCount
    let (m, n, groups) = (rows, columns.columnCount, columns.groupCount)
    stride = (m + 7) / 8 * 8
    forbidden = Buffer(n, false)
    must = Buffer(groups, false)
    least = Buffer(groups, 0)
    most = Buffer(groups, 0)
    basic = Buffer(m, 0)
    key = Buffer(groups, -1)
    position = Buffer(n, -1)
    slackPosition = Buffer(m, -1)
    nonkeys = Buffer(groups, 0)
    inverse = Buffer(m * stride, 0)
    x = Buffer(m, 0)
    y = Buffer(m, 0)
    rho = Buffer(m, 0)
    column = Buffer(stride, 0)
    scratch = Buffer(max(m, stride) + 1, 0)
    ySum = Buffer(m + 1, 0)
    rhoSum = Buffer(m + 1, 0)
    keyValue = Buffer(groups, 0)
    dual = Buffer(groups, 0)
    weight = Buffer(m, 1)
    keyWeight = Buffer(groups, 1)
    value = Buffer(n, 0)
    packed = Buffer(n, (0, 0, 0))
    for j in 0..<n { packed[j] = (columns.start[j], columns.end[j], Double(columns.height[j])) }
    prices = ColumnPrices(columns)
    rightHandSide = Buffer(m, 0)
    let largest = max(1, columns.value.max() ?? 1)
    scale = Double(1 << max(0, 63 - largest.leadingZeroBitCount - 12))
    for j in 0..<n { value[j] = Double(columns.value[j]) / scale }
    for group in 0..<groups { most[group] = columns.most[group] }
    slackBasis()
  }

  @inline(__always) func width(_ group: Int) -> Double {
    columns.most[group] == 0 ? 1 : Double(most[group] - least[group])
  }

  /// All row slacks and group slacks basic, but the dearest column of each group its key: dual feasible.
  func slackBasis() {
    position.fill(-1)
    nonkeys.fill(0)
    inverse.fill(0)
    for row in 0..<rows {
      basic[row] = ~Int32(row)
      slackPosition[row] = Int32(row)
      inverse[row * stride + row] = 1
    }
    for group in 0..<columns.groupCount {
      key[group] = -1
      var best = 0.0
      for j in columns.columns(group) where !forbidden[j] && value[j] > best {
        best = value[j]
        key[group] = Int32(j)
      }
      if key[group] >= 0 { position[Int(key[group])] = -2 }
    }
    weight.fill(1)
    keyWeight.fill(1)
    sinceRefactor = 0
    recompute()
  }

  // MARK: Columns

  /// Adds `factor` × a column to a vector over rows.
  @inline(__always) func addColumn(_ j: Int, _ factor: Double, to vector: Buffer<Double>) {
    let height = factor * Double(columns.height[j])
    for row in Int(columns.start[j])..<Int(columns.end[j]) { vector.base[row] += height }
    for index in Int(columns.extraFirst[j])..<Int(columns.extraFirst[j + 1]) {
      let rectangle = columns.extra[index]
      for row in Int(rectangle.start)..<Int(rectangle.end) { vector.base[row] += factor * Double(rectangle.gpus) }
    }
  }

  /// A column's product with a vector over rows, given its running sums.
  @inline(__always) func product(_ j: Int, _ sums: UnsafeMutablePointer<Double>) -> Double {
    let first = packed.base[j]
    var result = first.height * (sums[Int(first.end)] - sums[Int(first.start)])
    if columns.extra.isEmpty { return result }
    for index in Int(columns.extraFirst[j])..<Int(columns.extraFirst[j + 1]) {
      let rectangle = columns.extra[index]
      result += Double(rectangle.gpus) * (sums[Int(rectangle.end)] - sums[Int(rectangle.start)])
    }
    return result
  }

  /// Adds `factor` × inverse × a column to `target`, indexed by position.
  @inline(__always) func addSolved(_ j: Int, _ factor: Double, to target: Buffer<Double>) {
    addSolvedRows(Int(columns.start[j])..<Int(columns.end[j]), factor * Double(columns.height[j]), target)
    for index in Int(columns.extraFirst[j])..<Int(columns.extraFirst[j + 1]) {
      let rectangle = columns.extra[index]
      addSolvedRows(Int(rectangle.start)..<Int(rectangle.end), factor * Double(rectangle.gpus), target)
    }
  }

  @inline(__always) private func addSolvedRows(_ range: Range<Int>, _ factor: Double, _ target: Buffer<Double>) {
    var row = range.lowerBound
    while row + 4 <= range.upperBound {
      addFourLines(row, (factor, factor, factor, factor), to: target)
      row += 4
    }
    while row < range.upperBound {
      addLine(row, factor, to: target)
      row += 1
    }
    ticks += range.count * (20 + stride / 3)
  }

  /// Adds `factor` × a row of the inverse.
  @inline(__always) private func addLine(_ row: Int, _ factor: Double, to target: Buffer<Double>) {
    let line = inverse.base + row * stride
    let out = target.base
    for i in 0..<stride { out[i] += factor * line[i] }
  }

  /// The same for four rows one after the other: the sum is the same to the bit, but read and written once.
  @inline(__always) private func addFourLines(
    _ row: Int, _ factors: (Double, Double, Double, Double), to target: Buffer<Double>
  ) {
    let out = UnsafeMutableRawPointer(target.base)
    let (a, b) = (UnsafeRawPointer(inverse.base + row * stride), UnsafeRawPointer(inverse.base + (row + 1) * stride))
    let (c, d) = (
      UnsafeRawPointer(inverse.base + (row + 2) * stride), UnsafeRawPointer(inverse.base + (row + 3) * stride)
    )
    typealias Lane = SIMD4<Double>
    for offset in Swift.stride(from: 0, to: stride * 8, by: 32) {
      var sum = out.load(fromByteOffset: offset, as: Lane.self)
      sum += factors.0 * a.load(fromByteOffset: offset, as: Lane.self)
      sum += factors.1 * b.load(fromByteOffset: offset, as: Lane.self)
      sum += factors.2 * c.load(fromByteOffset: offset, as: Lane.self)
      sum += factors.3 * d.load(fromByteOffset: offset, as: Lane.self)
      out.storeBytes(of: sum, toByteOffset: offset, as: Lane.self)
    }
  }

  // MARK: State from the basis

  /// Right-hand sides less what quantity groups must take.
  func shiftRightHandSide() {
    constant = 0
    for row in 0..<rows { rightHandSide[row] = Double(columns.capacity[row]) }
    for group in 0..<columns.groupCount where least[group] > 0 {
      let j = columns.columns(group).lowerBound
      addColumn(j, -Double(least[group]), to: rightHandSide)
      constant += Double(least[group]) * value[j]
    }
  }

  /// Values and duals anew from the inverse.
  func recompute() {
    shiftRightHandSide()
    for row in 0..<rows { scratch[row] = rightHandSide[row] }
    for group in 0..<columns.groupCount where key[group] >= 0 {
      addColumn(Int(key[group]), -width(group), to: scratch)
    }
    column.fill(0)
    var first = 0
    while first + 4 <= rows {
      let factor = scratch.base + first
      addFourLines(first, (factor[0], factor[1], factor[2], factor[3]), to: column)
      first += 4
    }
    for row in first..<rows { addLine(row, scratch.base[row], to: column) }
    for i in 0..<rows { x[i] = column[i] }
    for group in 0..<columns.groupCount { keyValue[group] = width(group) }
    for i in 0..<rows where basic[i] >= 0 { keyValue[group(ofBasic: i)] -= x[i] }
    // Duals: prices that make every basic column's reduced value equal its key's.
    for i in 0..<rows {
      scratch[i] = 0
      guard basic[i] >= 0 else { continue }
      let k = key[group(ofBasic: i)]
      let own = Int(basic[i]) < columns.columnCount ? value[Int(basic[i])] : 0
      scratch[i] = own - (k >= 0 ? value[Int(k)] : 0)
    }
    // Four rows side by side: a sum waits for its last addition, not for the others'.
    first = 0
    while first + 4 <= rows {
      let (a, b) = (inverse.base + first * stride, inverse.base + (first + 1) * stride)
      let (c, d) = (inverse.base + (first + 2) * stride, inverse.base + (first + 3) * stride)
      var (sumA, sumB, sumC, sumD) = (0.0, 0.0, 0.0, 0.0)
      for i in 0..<rows {
        let factor = scratch.base[i]
        sumA += factor * a[i]
        sumB += factor * b[i]
        sumC += factor * c[i]
        sumD += factor * d[i]
      }
      (y[first], y[first + 1], y[first + 2], y[first + 3]) = (sumA, sumB, sumC, sumD)
      first += 4
    }
    for row in first..<rows {
      let line = inverse.base + row * stride
      var sum = 0.0
      for i in 0..<rows { sum += scratch.base[i] * line[i] }
      y[row] = sum
    }
    ticks += rows * rows + 8 * columns.groupCount
    afterDuals()
    isFresh = true
  }

  @inline(__always) func group(ofBasic i: Int) -> Int {
    let j = Int(basic[i])
    return j < columns.columnCount ? Int(columns.group[j]) : j - columns.columnCount
  }

  /// Running sums, group duals and objective from `y`.
  func afterDuals() {
    var sum = 0.0
    var total = constant
    ySum.base[0] = 0
    for row in 0..<rows {
      sum += y.base[row]
      ySum.base[row + 1] = sum
      total += y.base[row] * rightHandSide.base[row]
    }
    for group in 0..<columns.groupCount {
      let k = Int(key.base[group])
      var mu = 0.0
      if k >= 0 {
        mu = value.base[k] - product(k, ySum.base)
        total += mu * width(group)
      }
      dual.base[group] = mu
    }
    objective = total
    ticks += 2 * rows + 2 * columns.groupCount
  }

  /// The inverse anew from keys and basic columns; columns that have become dependent leave the basis.
  func refactor() {
    var members: [Int32] = []
    var slackIn = [Bool](repeating: false, count: rows)
    for i in 0..<rows {
      if basic[i] >= 0 { members.append(basic[i]) } else { slackIn[Int(~basic[i])] = true }
    }
    inverse.fill(0)
    for row in 0..<rows {
      inverse[row * stride + row] = 1
      basic[row] = ~Int32(row)
    }
    for member in members {
      let j = Int(member)
      let group = Int(columns.group[j])
      column.fill(0)
      addSolved(j, 1, to: column)
      if key[group] >= 0 { addSolved(Int(key[group]), -1, to: column) }
      var place = -1
      var largest = 1e-7
      for i in 0..<rows where basic[i] < 0 && !slackIn[Int(~basic[i])] && abs(column[i]) > largest {
        largest = abs(column[i])
        place = i
      }
      if place < 0 {
        position[j] = -1
        nonkeys[group] -= 1
        continue
      }
      updateInverse(place)
      basic[place] = member
      position[j] = Int32(place)
    }
    slackPosition.fill(-1)
    for i in 0..<rows where basic[i] < 0 { slackPosition[Int(~basic[i])] = Int32(i) }
    weight.fill(1)
    keyWeight.fill(1)
    sinceRefactor = 0
  }

  /// One elimination: `column` enters at position `p`.
  func updateInverse(_ p: Int) {
    let pivot = column[p]
    let d = column.base
    d[p] = 0
    var touched = 0
    for row in 0..<rows {
      let line = inverse.base + row * stride
      let entry = line[p]
      if entry == 0 { continue }
      touched += 1
      let factor = entry / pivot
      for i in 0..<stride { line[i] -= factor * d[i] }
      line[p] = factor
    }
    d[p] = pivot
    ticks += 2 * rows + touched * stride / 3
  }

  /// The solution: a value for each column in units of its group's width.
  func solution(into result: Buffer<Double>) {
    result.fill(0)
    for i in 0..<rows where basic[i] >= 0 && Int(basic[i]) < columns.columnCount { result[Int(basic[i])] = x[i] }
    for group in 0..<columns.groupCount {
      if key[group] >= 0 { result[Int(key[group])] = keyValue[group] }
      if least[group] > 0 { result[columns.columns(group).lowerBound] += Double(least[group]) }
    }
  }

  /// Whether values and duals are those of the basis and the bounds.
  var needsRecompute: Bool { !isFresh }
  /// To be called when bounds of a quantity group have changed.
  func markStale() { isFresh = false }
  func markFresh() { isFresh = true }
}
