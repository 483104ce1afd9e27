extension Solver {
  /// The most columns and rows a book may have to be searched exactly.
  static let columnLimit = 100_000
  static let rowLimit = 1000
  /// Rows up to which a relaxation is solved in some milliseconds.
  static let quickRows = 400
  /// What ties may cost beyond the cost of the proof.
  private static let tieTicks = 200 * Work.ticksPerUnit

  /// Searches the book's components exactly, smallest first, each with an equal share of the ticks that are left.
  /// - Parameter limit: components with more rows are passed by.
  mutating func searchTrees(ticks: Int, rows limit: Int) {
    hardestRows = 0
    hasEasyPart = false
    guard book.optionCount <= Solver.columnLimit else {
      hardestRows = .max
      return
    }
    let parts = book.components().map { $0.count == book.bidCount ? nil : book.subset($0) }
    var bounds: [Int64] = []
    var areRuled = rulesTies
    for part in parts {
      let subset = part?.book ?? book
      bounds.append(part == nil ? bound : min(bound, ownBound(subset) ?? bound))
    }
    let begun = work.ticks
    for (index, part) in parts.enumerated() {
      let share = max(0, ticks - (work.ticks - begun)) / (parts.count - index)
      let subset = part?.book ?? book
      let rows = Columns.rowCount(of: subset)
      guard rows <= limit, !work.stoppedEarly, let columns = Columns(subset, limit: Solver.columnLimit) else {
        areRuled = false
        hardestRows = max(hardestRows, rows <= limit && !work.stoppedEarly ? .max : rows)
        continue
      }
      let tree = TreeTeam(columns, rulesTies: rulesTies, prices: floatPrices)
      tree.offer(part?.part(of: best) ?? best)
      var left = share
      var isProven = false
      repeat {
        let before = tree.ticks
        tree.run(ticks: min(max(left, 1), tree.sliceTicks))
        left -= tree.ticks - before
        work.add(tree.ticks - before)
        bounds[index] = min(bounds[index], tree.bound)
        take(tree, part, bound: Solver.sum(bounds))
        work.boundary()
        if !isProven, tree.bound == tree.welfare {
          // What is left open concerns ties alone, of which there may be very many.
          isProven = true
          left = min(work.left, tree.ticks + Solver.tieTicks)
        }
      } while !tree.isComplete && left > 0 && !work.isOver
      if !tree.isComplete || tree.bound > tree.welfare {
        areRuled = false
        if tree.bound > tree.welfare {
          hardestRows = max(hardestRows, columns.rowCount)
          hasEasyPart = hasEasyPart || columns.rowCount <= Solver.quickRows
        }
      }
    }
    tiesRuled = areRuled && bound == welfare
  }

  /// At most as much as can be written: a part may have no bound of its own.
  static func sum(_ bounds: [Int64]) -> Int64 {
    bounds.reduce(0) { total, bound in
      let (sum, overflow) = total.addingReportingOverflow(bound)
      return overflow ? .max : sum
    }
  }

  /// A bound for some of the bids alone: prices count only on rows that these bids touch.
  private func ownBound(_ part: Book) -> Int64? {
    var touched = [Bool](repeating: false, count: part.rowCount)
    for option in 0..<part.optionCount {
      part.forEachRectangle(option) { rectangle in
        for row in Int(rectangle.start)..<Int(rectangle.end) { touched[row] = true }
      }
    }
    let certificate = Certificate(part)
    return certificate.bound(certificate.whole(floatPrices.indices.map { touched[$0] ? floatPrices[$0] : 0 }))
  }

  private mutating func take(_ tree: TreeTeam, _ part: Subset?, bound: Int64) {
    var selection = best
    if let part { part.merge(tree.selection, into: &selection) } else { selection = tree.selection }
    replace(selection, bound: bound)
  }
}
