/// The inverse of a simplex basis over rows and groups.
///
/// The groups are eliminated before anything is factored: each has a key, a basic variable of its own, and every
/// other basic column counts as its difference from its group's key (generalised upper bounding, Dantzig and Van
/// Slyke 1967). What is left, one column per row, is factored sparsely; changes of basis since then are kept in
/// product form (Dantzig and Orchard-Hays 1954), so that going back to an earlier basis only cuts the list.
///
/// Variables: columns, then row slacks, then group slacks. Right after `factor` position `rows + g` holds group g's
/// key. Vectors over rows and groups list rows first.
final class BasisInverse {
  let program: Program
  private let rows, groups, columns: Int
  private let lu: WorkingLU
  /// Key of each group when last factored.
  private let key: Buffer<Int32>
  /// Group of each position below `rows` when last factored, or -1 for a row's slack.
  private let groupOfStep: Buffer<Int32>

  private let first = Pile<Int32>(room: 256)
  private let entryRow = Pile<Int32>(room: 1024)
  private let entryFactor = Pile<Double>(room: 1024)
  private let rowWork, stepWork: Buffer<Double>

  private let etaPosition = Pile<Int32>()
  private let etaPivot = Pile<Double>()
  private let etaFirst = Pile<Int32>()
  private let etaIndex = Pile<Int32>(room: 4096)
  private let etaFactor = Pile<Double>(room: 4096)
  private(set) var ticks = 0
  /// How often `factor` has been called.
  private(set) var timesFactored = 0

  init(_ program: Program) {
    self.program = program
    rows = program.rowCount
    groups = program.groupCount
    columns = program.columnCount
    lu = WorkingLU(size: rows)
    key = Buffer(groups, 0)
    groupOfStep = Buffer(rows, -1)
    rowWork = Buffer(rows, 0)
    stepWork = Buffer(rows, 0)
    etaFirst.append(0)
  }

  /// Changes of basis since it was factored.
  var changes: Int { etaPivot.count }
  /// Whether solving has become dearer than factoring anew is worth.
  var isLong: Bool { changes >= 100 || etaIndex.count > 3 * (lu.entryCount + rows + groups) + 2000 }

  /// Forgets changes after the first `count`.
  func cut(to count: Int) {
    etaPosition.cut(to: count)
    etaPivot.cut(to: count)
    etaIndex.cut(to: Int(etaFirst[count]))
    etaFactor.cut(to: Int(etaFirst[count]))
    etaFirst.cut(to: count + 1)
  }

  /// Factors the basis whose variables are `basic`, and puts them into the order this class relies on.
  /// - Returns: false if the basis is singular.
  func factor(_ basic: Buffer<Int32>) -> Bool {
    timesFactored += 1
    cut(to: 0)
    key.fill(-1)
    // A slack is the best key, then the column with the fewest entries.
    for position in 0..<rows + groups {
      let variable = Int(basic[position])
      if variable >= columns + rows {
        key[variable - columns - rows] = Int32(variable)
      } else if variable < columns {
        let group = Int(program.group[variable])
        let held = Int(key[group])
        if held < 0 || (held < columns && program.entries(variable).count < program.entries(held).count) {
          key[group] = Int32(variable)
        }
      }
    }
    for group in 0..<groups where key[group] < 0 { return false }
    first.cut(to: 0)
    entryRow.cut(to: 0)
    entryFactor.cut(to: 0)
    first.append(0)
    var members: [Int32] = []
    for position in 0..<rows + groups {
      let variable = Int(basic[position])
      if variable < columns, Int(key[Int(program.group[variable])]) != variable {
        appendDifference(variable)
      } else if variable >= columns, variable < columns + rows {
        let row = variable - columns
        entryRow.append(Int32(row))
        entryFactor.append(1)
        if program.differs[row + 1] {
          entryRow.append(Int32(row + 1))
          entryFactor.append(-1)
        }
      } else {
        continue
      }
      members.append(Int32(variable))
      first.append(Int32(entryRow.count))
    }
    guard members.count == rows, lu.factor(first: first, rows: entryRow, factors: entryFactor) else { return false }
    for step in 0..<rows {
      let variable = members[Int(lu.columnOfStep[step])]
      basic[step] = variable
      groupOfStep[step] = variable < columns ? program.group[Int(variable)] : -1
    }
    for group in 0..<groups { basic[rows + group] = key[group] }
    ticks += 6 * (rows + groups) + lu.lastTicks
    return true
  }

  /// A basic column less its group's key, rows in common joined.
  private func appendDifference(_ column: Int) {
    let begin = entryRow.count
    for index in program.entries(column) {
      entryRow.append(program.entryRow[index])
      entryFactor.append(Double(program.entryFactor[index]))
    }
    let other = Int(key[Int(program.group[column])])
    guard other < columns else { return }
    let own = entryRow.count
    for index in program.entries(other) {
      let row = program.entryRow[index]
      let factor = Double(program.entryFactor[index])
      if let known = (begin..<own).first(where: { entryRow[$0] == row }) {
        entryFactor[known] -= factor
      } else {
        entryRow.append(row)
        entryFactor.append(-factor)
      }
    }
    // Entries that cancel would count as pivots.
    var kept = begin
    for index in begin..<entryRow.count where entryFactor[index] != 0 {
      entryRow[kept] = entryRow[index]
      entryFactor[kept] = entryFactor[index]
      kept += 1
    }
    entryRow.cut(to: kept)
    entryFactor.cut(to: kept)
  }

  /// Solves B·z = `vector`, in place: rows and groups before, positions after.
  func solve(_ vector: Buffer<Double>) {
    let v = vector.base
    let work = rowWork.base
    for row in 0..<rows { work[row] = v[row] }
    for group in 0..<groups where v[rows + group] != 0 && Int(key.base[group]) < columns {
      let value = v[rows + group]
      for index in program.entries(Int(key.base[group])) {
        work[Int(program.entryRow[index])] -= value * Double(program.entryFactor[index])
      }
    }
    lu.solve(work, into: v)
    for step in 0..<rows where v[step] != 0 && groupOfStep.base[step] >= 0 {
      v[rows + Int(groupOfStep.base[step])] -= v[step]
    }
    for eta in 0..<etaPivot.count {
      let position = Int(etaPosition.base[eta])
      guard v[position] != 0 else { continue }
      let value = v[position] / etaPivot.base[eta]
      v[position] = value
      for index in Int(etaFirst.base[eta])..<Int(etaFirst.base[eta + 1]) {
        v[Int(etaIndex.base[index])] -= value * etaFactor.base[index]
      }
    }
    ticks += 2 * (rows + groups) + 2 * lu.entryCount + etaIndex.count / 2 + 2 * changes
  }

  /// Solves Bᵀ·y = `vector`, in place: positions before, rows and groups after.
  func solveTransposed(_ vector: Buffer<Double>) {
    let v = vector.base
    for eta in stride(from: etaPivot.count - 1, through: 0, by: -1) {
      let position = Int(etaPosition.base[eta])
      var sum = v[position]
      for index in Int(etaFirst.base[eta])..<Int(etaFirst.base[eta + 1]) {
        sum -= etaFactor.base[index] * v[Int(etaIndex.base[index])]
      }
      v[position] = sum == 0 ? 0 : sum / etaPivot.base[eta]
    }
    let steps = stepWork.base
    for step in 0..<rows {
      let group = Int(groupOfStep.base[step])
      steps[step] = group >= 0 ? v[step] - v[rows + group] : v[step]
    }
    lu.solveTransposed(steps, into: v)
    for group in 0..<groups where Int(key.base[group]) < columns {
      var sum = v[rows + group]
      for index in program.entries(Int(key.base[group])) {
        sum -= Double(program.entryFactor[index]) * v[Int(program.entryRow[index])]
      }
      v[rows + group] = sum
    }
    ticks += 4 * (rows + groups) + 2 * lu.entryCount + etaIndex.count + 2 * changes
  }

  /// Records that a variable whose solved column is `column` takes `position`.
  func exchange(_ position: Int, column: Buffer<Double>) {
    let c = column.base
    for index in 0..<rows + groups where abs(c[index]) > 1e-13 && index != position {
      etaIndex.append(Int32(index))
      etaFactor.append(c[index])
    }
    etaPosition.append(Int32(position))
    etaPivot.append(c[position])
    etaFirst.append(Int32(etaIndex.count))
    ticks += rows + groups
  }
}
