@testable import Clearing

/// A textbook linear program, solved slowly: a dense tableau in two phases with Bland's rule (Bland 1977).
struct TextbookLP {
  /// Rows of coefficients; each at most its right-hand side. Variables are at least 0.
  var rows: [[Double]] = []
  var sides: [Double] = []
  var goal: [Double]

  /// The largest goal, or nil if nothing satisfies the rows.
  func optimum() -> Double? {
    let n = goal.count
    let m = rows.count
    // Columns: variables, slacks, one artificial; last the right-hand side.
    var table = rows.indices.map { row in
      rows[row] + (0..<m).map { $0 == row ? 1.0 : 0 } + [-1, sides[row]]
    }
    var basis = (0..<m).map { n + $0 }
    if let worst = sides.indices.min(by: { sides[$0] < sides[$1] }), sides[worst] < -1e-9 {
      pivot(&table, &basis, worst, n + m)
      maximise(&table, &basis, (0...n + m).map { $0 == n + m ? -1 : 0 }, columns: n + m + 1)
      let left = basis.firstIndex(of: n + m).map { table[$0][n + m + 1] } ?? 0
      if left > 1e-7 { return nil }
      if let row = basis.firstIndex(of: n + m), let column = (0..<n + m).first(where: { abs(table[row][$0]) > 1e-9 }) {
        pivot(&table, &basis, row, column)
      }
    }
    return maximise(&table, &basis, goal + [Double](repeating: 0, count: m), columns: n + m)
  }

  @discardableResult
  private func maximise(_ table: inout [[Double]], _ basis: inout [Int], _ goal: [Double], columns: Int) -> Double {
    let last = table.first.map { $0.count - 1 } ?? 0
    while true {
      let entering = (0..<columns).first { column in
        let cost = basis.indices.reduce(0.0) { $0 + (basis[$1] < goal.count ? goal[basis[$1]] : 0) * table[$1][column] }
        return goal[column] - cost > 1e-9
      }
      guard let entering else { break }
      let blocking = basis.indices.filter { table[$0][entering] > 1e-9 }
      guard
        let row = blocking.min(by: {
          let (a, b) = (table[$0][last] / table[$0][entering], table[$1][last] / table[$1][entering])
          return a < b - 1e-12 || (abs(a - b) <= 1e-12 && basis[$0] < basis[$1])
        })
      else { return .infinity }
      pivot(&table, &basis, row, entering)
    }
    return basis.indices.reduce(0.0) { $0 + (basis[$1] < goal.count ? goal[basis[$1]] : 0) * table[$1][last] }
  }

  private func pivot(_ table: inout [[Double]], _ basis: inout [Int], _ row: Int, _ column: Int) {
    let factor = table[row][column]
    for index in table[row].indices { table[row][index] /= factor }
    for other in table.indices where other != row && table[other][column] != 0 {
      let factor = table[other][column]
      for index in table[other].indices { table[other][index] -= factor * table[row][index] }
    }
    basis[row] = column
  }
}

extension TextbookLP {
  /// The relaxation that a simplex stands at: its program with what it bars and narrows.
  init(_ simplex: Simplex) {
    let program = simplex.program
    goal = program.value.map { Double($0) }
    var uses = [[Double]](repeating: [Double](repeating: 0, count: program.columnCount), count: program.rowCount)
    for j in 0..<program.columnCount {
      for segment in program.segments(j) {
        for row in Int(segment.start)..<Int(segment.end) { uses[row][j] += Double(segment.height) }
      }
    }
    rows = uses
    sides = program.capacity.map { Double($0) }
    for group in 0..<program.groupCount {
      let isQuantity = program.most[group] > 0
      let members = program.columns(group).map { $0 }
      let line = (0..<program.columnCount).map { members.contains($0) ? 1.0 : 0 }
      rows.append(line)
      sides.append(isQuantity ? Double(simplex.most[group]) : 1)
      let needed = isQuantity ? Double(simplex.least[group]) : (simplex.barred[simplex.slack(ofGroup: group)] ? 1 : 0)
      if needed > 0 {
        rows.append(line.map { -$0 })
        sides.append(-needed)
      }
    }
    for j in 0..<program.columnCount where simplex.barred[j] {
      rows.append((0..<program.columnCount).map { $0 == j ? 1 : 0 })
      sides.append(0)
    }
  }
}

/// The best choice of a program under a simplex's bars, by trying all.
struct ExhaustiveProgram {
  let simplex: Simplex
  private(set) var best: Int64?
  private(set) var choice: [Int32] = []

  init(_ simplex: Simplex) {
    self.simplex = simplex
    var current = simplex.program.nothing
    tryAll(0, &current)
  }

  private mutating func tryAll(_ group: Int, _ current: inout [Int32]) {
    let program = simplex.program
    guard group < program.groupCount else {
      let value = program.value(of: current)
      if value > best ?? .min, program.isFeasible(current) {
        best = value
        choice = current
      }
      return
    }
    if program.most[group] > 0 {
      for times in simplex.least[group]...simplex.most[group] {
        current[group] = times
        tryAll(group + 1, &current)
      }
      current[group] = 0
      return
    }
    for j in program.columns(group) where !simplex.barred[j] {
      current[group] = Int32(j)
      tryAll(group + 1, &current)
    }
    current[group] = -1
    if !simplex.barred[simplex.slack(ofGroup: group)] { tryAll(group + 1, &current) }
  }
}
