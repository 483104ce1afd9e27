extension Holdings {
  /// What is wrong with the bookkeeping, in words; nil if nothing is. For tests and assertions.
  /// - Parameter start: what the items held that take no part.
  func broken(holding start: Selection) -> String? {
    var now = start
    write(best: false, into: &now)
    if !now.isFeasible(book) { return "what is held is not feasible" }
    var fresh = Holdings(candidates, holding: now)
    if welfare != fresh.welfare { return "welfare \(welfare) is not \(fresh.welfare)" }
    for row in 0..<residual.count where residual[row] != fresh.residual[row] {
      return "row \(row) has \(residual[row]) left, not \(fresh.residual[row])"
    }
    for line in 0..<lineCount.count {
      if rectangles(line) != fresh.rectangles(line) { return "line \(line) does not list what stands on it" }
    }
    for place in candidates.scan.indices {
      let item = Int(candidates.all[Int(candidates.scan[place].candidate)].item)
      let isFree = isFree[place >> 6] >> UInt64(place & 63) & 1 == 1
      if isFree != (held[item] < 0) { return "place \(place) of the scan is marked wrongly" }
    }
    var best = start
    write(best: true, into: &best)
    if !best.isFeasible(book) { return "the best is not feasible" }
    fresh = Holdings(candidates, holding: best)
    if bestWelfare != fresh.welfare { return "the best is worth \(fresh.welfare), not \(bestWelfare)" }
    return nil
  }

  /// What stands on a line, in order.
  func rectangles(_ line: Int) -> [[Int32]] {
    (0..<Int(lineCount[line])).map {
      let rectangle = standing[Int(lineFirst[line]) + $0]
      let weight = rectangle.weight.bitPattern
      return [
        rectangle.item, rectangle.start, rectangle.end, rectangle.height,
        Int32(truncatingIfNeeded: weight), Int32(truncatingIfNeeded: weight >> 32),
      ]
    }.sorted { $0.lexicographicallyPrecedes($1) }
  }
}
