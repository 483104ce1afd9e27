/// A sparse triangular factorisation L·U of a square matrix, column by column.
///
/// Source: Gilbert and Peierls 1988 for the columns, threshold pivoting for the rows; columns and rows that are
/// singletons go first, so that little is left to fill in (Markowitz 1957 in its simplest form). Steps number the
/// pivots in their order; a column is known by its step afterwards.
final class WorkingLU {
  let size: Int
  /// Row of each step's pivot, and step of each row.
  let pivotRow, stepOfRow: Buffer<Int32>
  /// Column, as the caller numbers them, of each step.
  let columnOfStep: Buffer<Int32>
  private let diagonal: Buffer<Double>
  private let lowerFirst, upperFirst: Buffer<Int32>
  private let lowerRow = Pile<Int32>()
  private let lowerFactor = Pile<Double>()
  private let upperStep = Pile<Int32>()
  private let upperFactor = Pile<Double>()
  /// First step whose column of L may not be empty.
  private var firstLower = 0

  private let work: Buffer<Double>
  private let mark: Buffer<Bool>
  private let rowCount: Buffer<Int32>
  private let columnCount: Buffer<Int32>
  private let rowFirst, rowNext: Buffer<Int32>
  private let rowList = Pile<Int32>()
  private var queue: [Int32] = []
  /// Work of the last factorisation, about nanoseconds.
  private(set) var lastTicks = 0

  init(size: Int) {
    self.size = size
    pivotRow = Buffer(size, -1)
    stepOfRow = Buffer(size, -1)
    columnOfStep = Buffer(size, -1)
    diagonal = Buffer(size, 1)
    lowerFirst = Buffer(size + 1, 0)
    upperFirst = Buffer(size + 1, 0)
    work = Buffer(size, 0)
    mark = Buffer(size, false)
    rowCount = Buffer(size, 0)
    columnCount = Buffer(size, 0)
    rowFirst = Buffer(size + 1, 0)
    rowNext = Buffer(size, 0)
  }

  /// Factors the matrix whose columns' entries are `rows` and `factors` from `first[c]` up to `first[c + 1]`.
  /// - Returns: false if it is singular, to working precision.
  func factor(first: Pile<Int32>, rows: Pile<Int32>, factors: Pile<Double>) -> Bool {
    reset(first: first, rows: rows)
    var step = 0
    peelColumns(&step, first: first, rows: rows, factors: factors)
    firstLower = step
    peelRows(&step, first: first, rows: rows, factors: factors)
    let kernel = step
    var rest: [(count: Int32, column: Int32)] = []
    for column in 0..<size where columnCount[column] >= 0 { rest.append((columnCount[column], Int32(column))) }
    rest.sort { $0 < $1 }
    for (_, column) in rest {
      guard eliminate(Int(column), kernel: kernel, &step, first: first, rows: rows, factors: factors) else {
        return false
      }
    }
    lastTicks = 12 * size + 6 * rows.count + 4 * (lowerRow.count + upperStep.count) + (size - kernel) * (size - kernel)
    return true
  }

  private func reset(first: Pile<Int32>, rows: Pile<Int32>) {
    lowerRow.cut(to: 0)
    lowerFactor.cut(to: 0)
    upperStep.cut(to: 0)
    upperFactor.cut(to: 0)
    stepOfRow.fill(-1)
    rowCount.fill(0)
    for index in 0..<rows.count { rowCount.base[Int(rows.base[index])] += 1 }
    var total: Int32 = 0
    for row in 0..<size {
      rowFirst[row] = total
      rowNext[row] = total
      total += rowCount[row]
    }
    rowFirst[size] = total
    rowList.cut(to: 0)
    for _ in 0..<rows.count { rowList.append(0) }
    for column in 0..<size {
      columnCount[column] = first[column + 1] - first[column]
      for index in Int(first[column])..<Int(first[column + 1]) {
        let row = Int(rows[index])
        rowList[Int(rowNext[row])] = Int32(column)
        rowNext[row] += 1
      }
    }
  }

  /// Columns with one entry in the rows left: their pivots need no elimination.
  private func peelColumns(_ step: inout Int, first: Pile<Int32>, rows: Pile<Int32>, factors: Pile<Double>) {
    queue.removeAll(keepingCapacity: true)
    for column in 0..<size where columnCount[column] == 1 { queue.append(Int32(column)) }
    var next = 0
    while next < queue.count {
      let column = Int(queue[next])
      next += 1
      guard columnCount[column] == 1 else { continue }
      var pivot = -1
      for index in Int(first[column])..<Int(first[column + 1]) where stepOfRow[Int(rows[index])] < 0 { pivot = index }
      guard abs(factors[pivot]) > 1e-9 else { continue }
      for index in Int(first[column])..<Int(first[column + 1]) where index != pivot {
        upperStep.append(stepOfRow[Int(rows[index])])
        upperFactor.append(factors[index])
      }
      let row = Int(rows[pivot])
      close(&step, column: column, row: row, diagonal: factors[pivot])
      for index in Int(rowFirst[row])..<Int(rowFirst[row + 1]) {
        let other = Int(rowList[index])
        guard columnCount[other] > 0 else { continue }
        columnCount[other] -= 1
        if columnCount[other] == 1 { queue.append(Int32(other)) }
      }
    }
  }

  /// Rows with one entry in the columns left: their pivots change no other column.
  private func peelRows(_ step: inout Int, first: Pile<Int32>, rows: Pile<Int32>, factors: Pile<Double>) {
    queue.removeAll(keepingCapacity: true)
    rowCount.fill(0)
    for column in 0..<size where columnCount[column] >= 0 {
      for index in Int(first[column])..<Int(first[column + 1]) { rowCount[Int(rows[index])] += 1 }
    }
    for row in 0..<size where stepOfRow[row] < 0 && rowCount[row] == 1 { queue.append(Int32(row)) }
    var next = 0
    while next < queue.count {
      let row = Int(queue[next])
      next += 1
      guard stepOfRow[row] < 0, rowCount[row] == 1 else { continue }
      var column = -1
      for index in Int(rowFirst[row])..<Int(rowFirst[row + 1]) where columnCount[Int(rowList[index])] >= 0 {
        column = Int(rowList[index])
      }
      var largest = 0.0
      var pivot = 0.0
      for index in Int(first[column])..<Int(first[column + 1]) {
        let at = Int(rows[index])
        if at == row { pivot = factors[index] }
        if stepOfRow[at] < 0 { largest = max(largest, abs(factors[index])) }
      }
      guard abs(pivot) > 1e-9, abs(pivot) >= 0.05 * largest else { continue }
      for index in Int(first[column])..<Int(first[column + 1]) {
        let at = Int(rows[index])
        rowCount[at] -= 1
        if at == row { continue }
        if stepOfRow[at] >= 0 {
          upperStep.append(stepOfRow[at])
          upperFactor.append(factors[index])
        } else {
          lowerRow.append(Int32(at))
          lowerFactor.append(factors[index] / pivot)
          if rowCount[at] == 1 { queue.append(Int32(at)) }
        }
      }
      close(&step, column: column, row: row, diagonal: pivot)
    }
  }

  private func close(_ step: inout Int, column: Int, row: Int, diagonal value: Double) {
    pivotRow[step] = Int32(row)
    stepOfRow[row] = Int32(step)
    columnOfStep[step] = Int32(column)
    columnCount[column] = -1
    diagonal[step] = value
    step += 1
    lowerFirst[step] = Int32(lowerRow.count)
    upperFirst[step] = Int32(upperStep.count)
  }

  /// One column of the kernel: solves with the L so far, then takes a pivot that is large and in a short row.
  private func eliminate(
    _ column: Int, kernel: Int, _ step: inout Int, first: Pile<Int32>, rows: Pile<Int32>, factors: Pile<Double>
  ) -> Bool {
    var touched: [Int32] = []
    for index in Int(first[column])..<Int(first[column + 1]) {
      let row = Int(rows[index])
      work[row] += factors[index]
      if !mark[row] {
        mark[row] = true
        touched.append(Int32(row))
      }
    }
    for earlier in kernel..<max(kernel, step) {
      let factor = work.base[Int(pivotRow.base[earlier])]
      guard factor != 0 else { continue }
      for index in Int(lowerFirst[earlier])..<Int(lowerFirst[earlier + 1]) {
        let row = Int(lowerRow.base[index])
        work.base[row] -= factor * lowerFactor.base[index]
        if !mark[row] {
          mark[row] = true
          touched.append(Int32(row))
        }
      }
    }
    var largest = 0.0
    for row in touched where stepOfRow[Int(row)] < 0 { largest = max(largest, abs(work[Int(row)])) }
    var pivot = -1
    for row in touched.lazy.map(Int.init) where stepOfRow[row] < 0 && abs(work[row]) >= max(0.1 * largest, 1e-9) {
      if pivot < 0 || rowCount[row] < rowCount[pivot] { pivot = row }
    }
    defer {
      for row in touched {
        work[Int(row)] = 0
        mark[Int(row)] = false
      }
    }
    guard pivot >= 0 else { return false }
    let value = work[pivot]
    for row in touched.lazy.map(Int.init) where row != pivot && work[row] != 0 {
      if stepOfRow[row] >= 0 {
        upperStep.append(stepOfRow[row])
        upperFactor.append(work[row])
      } else if abs(work[row]) > 1e-14 {
        lowerRow.append(Int32(row))
        lowerFactor.append(work[row] / value)
      }
    }
    close(&step, column: column, row: pivot, diagonal: value)
    return true
  }

  /// Solves W·z = r: `rows` holds r and is destroyed; `steps` receives z by step.
  func solve(_ rows: UnsafeMutablePointer<Double>, into steps: UnsafeMutablePointer<Double>) {
    for step in firstLower..<size {
      let factor = rows[Int(pivotRow.base[step])]
      guard factor != 0 else { continue }
      for index in Int(lowerFirst.base[step])..<Int(lowerFirst.base[step + 1]) {
        rows[Int(lowerRow.base[index])] -= factor * lowerFactor.base[index]
      }
    }
    for step in stride(from: size - 1, through: 0, by: -1) {
      let sum = rows[Int(pivotRow.base[step])]
      guard sum != 0 else {
        steps[step] = 0
        continue
      }
      let value = sum / diagonal.base[step]
      steps[step] = value
      for index in Int(upperFirst.base[step])..<Int(upperFirst.base[step + 1]) {
        rows[Int(pivotRow.base[Int(upperStep.base[index])])] -= value * upperFactor.base[index]
      }
    }
  }

  /// Solves Wᵀ·y = c: `steps` holds c by step and is destroyed; `rows` receives y.
  func solveTransposed(_ steps: UnsafeMutablePointer<Double>, into rows: UnsafeMutablePointer<Double>) {
    for step in 0..<size {
      var sum = steps[step]
      for index in Int(upperFirst.base[step])..<Int(upperFirst.base[step + 1]) {
        sum -= upperFactor.base[index] * steps[Int(upperStep.base[index])]
      }
      steps[step] = sum == 0 ? 0 : sum / diagonal.base[step]
    }
    for step in stride(from: size - 1, through: firstLower, by: -1) {
      var sum = steps[step]
      for index in Int(lowerFirst.base[step])..<Int(lowerFirst.base[step + 1]) {
        sum -= lowerFactor.base[index] * rows[Int(lowerRow.base[index])]
      }
      rows[Int(pivotRow.base[step])] = sum
    }
    for step in 0..<firstLower { rows[Int(pivotRow.base[step])] = steps[step] }
  }

  /// Entries of both factors.
  var entryCount: Int { lowerRow.count + upperStep.count + size }
}
