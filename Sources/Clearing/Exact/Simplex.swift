/// The linear relaxation of a program, by a bounded dual simplex.
///
/// All nonbasic variables are at 0; branching only bars variables (a barred one must be 0), so any basis that was
/// dual feasible stays so. Source: Lemke 1954; Devex weights after Forrest and Goldfarb 1992, ratio test after
/// Harris 1973. Floats propose here; every conclusion is drawn by `NodeCertificate` in whole numbers.
final class Simplex {
  enum Outcome { case optimal, infeasible, cutoff, limit }

  let program: Program
  let rows, groups, columns: Int
  /// Positions of the basis: rows and groups.
  let size: Int
  let inverse: BasisInverse

  /// Variables that must be 0: forbidden columns, and the slacks of groups that must take something.
  let barred: Buffer<Bool>
  /// Bounds of quantity groups.
  let least, most: Buffer<Int32>

  /// Variable of each position, and position of each variable or -1.
  let basic, position: Buffer<Int32>
  /// Value of each position.
  let x: Buffer<Double>
  /// Prices of the rows as stated, then the groups' duals.
  let dual: Buffer<Double>
  /// The pivot row's multipliers; after `infeasible` a ray.
  let rho: Buffer<Double>
  let weight: Buffer<Double>
  /// How much a unit of a variable weighs when it is out of bounds.
  let unit: Buffer<Double>
  let value: Buffer<Double>
  let factors: Buffer<Double>
  /// The right-hand sides as stated, less what quantity groups must take; then the groups' widths.
  let rightHandSide: Buffer<Double>
  /// One unit of `value` in micro-dollars: a power of two.
  let scale: Double

  let column, scratch: Buffer<Double>
  /// Columns that are not barred, group by group; some may have been barred since it was listed.
  let active: Pile<Int32>
  let candidate = Pile<Int32>(room: 256)
  let candidateAlpha = Pile<Double>(room: 256)

  var objective = 0.0
  var constant = 0.0
  var rayDirection = 1.0
  var pivots = 0
  private var ownTicks = 0
  private var isFresh = false

  /// Work done, about nanoseconds.
  var ticks: Int { ownTicks + inverse.ticks }
  func addTicks(_ count: Int) { ownTicks += count }

  init(_ program: Program) {
    self.program = program
    rows = program.rowCount
    groups = program.groupCount
    columns = program.columnCount
    size = rows + groups
    inverse = BasisInverse(program)
    barred = Buffer(columns + size, false)
    least = Buffer(groups, 0)
    most = Buffer(groups, 0)
    basic = Buffer(size, 0)
    position = Buffer(columns + size, -1)
    x = Buffer(size, 0)
    dual = Buffer(size, 0)
    rho = Buffer(size, 0)
    weight = Buffer(size, 1)
    unit = Buffer(columns + size, 1)
    value = Buffer(columns, 0)
    factors = Buffer(program.entryFactor.count, 0)
    rightHandSide = Buffer(size, 0)
    column = Buffer(size, 0)
    scratch = Buffer(size, 0)
    active = Pile(room: max(1, columns))
    let largest = max(1, program.value.max() ?? 1)
    scale = Double(sign: .plus, exponent: max(0, 63 - largest.leadingZeroBitCount - 12), significand: 1)
    for j in 0..<columns {
      value[j] = Double(program.value[j]) / scale
      unit[j] = Double(program.segments(j).reduce(Int32(1)) { max($0, abs($1.height)) })
    }
    for index in program.entryFactor.indices { factors[index] = Double(program.entryFactor[index]) }
    for group in 0..<groups { most[group] = program.most[group] }
    startAtSlacks()
  }

  @inline(__always) func slack(ofRow row: Int) -> Int { columns + row }
  @inline(__always) func slack(ofGroup group: Int) -> Int { columns + rows + group }
  @inline(__always) func width(_ group: Int) -> Double {
    program.most[group] == 0 ? 1 : Double(most[group] - least[group])
  }

  /// All row slacks basic, and of each group the dearest column or its slack: dual feasible whatever is barred.
  func startAtSlacks() {
    for row in 0..<rows { basic[row] = Int32(slack(ofRow: row)) }
    for group in 0..<groups {
      var best = -1
      for j in program.columns(group) where !barred[j] && (best < 0 || value[j] > value[best]) { best = j }
      basic[rows + group] = Int32(best >= 0 ? best : slack(ofGroup: group))
    }
    weight.fill(1)
    precondition(inverse.factor(basic), "slacks and one column a group are a basis")
    placeBasis()
  }

  /// Takes the variables in `basic`; starts from the slacks if they are no basis.
  func adoptBasis() {
    guard inverse.factor(basic) else { return startAtSlacks() }
    weight.fill(1)
    placeBasis()
  }

  private func placeBasis() {
    position.fill(-1)
    for place in 0..<size { position[Int(basic[place])] = Int32(place) }
    isFresh = false
  }

  /// Lists the columns that are not barred: to be called when many have been barred or freed.
  func listActive() {
    active.cut(to: 0)
    for j in 0..<columns where !barred[j] { active.append(Int32(j)) }
    ownTicks += columns
  }

  /// To be called when bounds of a quantity group have changed.
  func markStale() { isFresh = false }
  var needsRecompute: Bool { !isFresh }

  /// Factors anew; values, duals and weights follow.
  func refactor() {
    adoptBasis()
    recompute()
  }

  /// Values and duals anew from the basis.
  func recompute() {
    shiftRightHandSide()
    x.copy(from: rightHandSide)
    inverse.solve(x)
    for place in 0..<size {
      let variable = Int(basic[place])
      dual[place] = variable < columns ? value[variable] : 0
    }
    inverse.solveTransposed(dual)
    objective = constant
    for index in 0..<size { objective += dual.base[index] * rightHandSide.base[index] }
    ownTicks += 4 * size
    isFresh = true
  }

  private func shiftRightHandSide() {
    constant = 0
    for row in 0..<rows {
      let before = program.differs[row] ? program.capacity[row - 1] : 0
      rightHandSide[row] = Double(program.capacity[row] - before)
    }
    for group in 0..<groups {
      rightHandSide[rows + group] = width(group)
      guard least[group] > 0 else { continue }
      let j = program.columns(group).lowerBound
      for index in program.entries(j) {
        rightHandSide[Int(program.entryRow[index])] -= Double(least[group]) * factors[index]
      }
      constant += Double(least[group]) * value[j]
    }
  }

  /// Price of a row as it is, in units of `scale`, `step` along the ray.
  @inline(__always) func price(_ row: Int, alongRay step: Double = 0) -> Double {
    var price = dual.base[row]
    if program.differs[row + 1] { price -= dual.base[row + 1] }
    if step != 0 {
      var slope = rho.base[row]
      if program.differs[row + 1] { slope -= rho.base[row + 1] }
      price += step * slope
    }
    return price
  }

  @inline(__always) func reducedValue(_ j: Int) -> Double {
    var result = value.base[j] - dual.base[rows + Int(program.group[j])]
    for index in program.entries(j) { result -= factors.base[index] * dual.base[Int(program.entryRow[index])] }
    return result
  }

  /// The solution: how often each column is taken.
  func solution(into result: Buffer<Double>) {
    result.fill(0)
    for place in 0..<size where Int(basic[place]) < columns { result[Int(basic[place])] = x[place] }
    for group in 0..<groups where least[group] > 0 { result[program.columns(group).lowerBound] += Double(least[group]) }
  }
}
