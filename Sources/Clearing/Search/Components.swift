extension Book {
  /// Bids that share no scarce row and no link, directly or through others, can be cleared apart.
  ///
  /// A row is scarce if all bids together could ask for more than it has. Welfare, bound and tie rule all split:
  /// the first bid in which two allocations differ lies in one component.
  /// - Returns: the bids of each component, smallest component first; bids that touch nothing scarce are one.
  func components() -> [[Int]] {
    let scarce = scarceRows()
    var group = Array(0...bidCount)  // The last one stands for all that touch nothing scarce.
    func root(_ bid: Int) -> Int {
      var at = bid
      while group[at] != at {
        group[at] = group[group[at]]
        at = group[at]
      }
      return at
    }
    var firstOnRow = [Int](repeating: -1, count: rowCount)
    for bid in 0..<bidCount {
      var isFree = true
      for item in items(ofBid: bid) {
        for option in options(ofItem: item) {
          forEachRectangle(option) { rectangle in
            for row in Int(rectangle.start)..<Int(rectangle.end) where scarce[row] {
              isFree = false
              if firstOnRow[row] < 0 { firstOnRow[row] = bid } else { group[root(bid)] = root(firstOnRow[row]) }
            }
          }
        }
      }
      if parent[bid] >= 0 { group[root(bid)] = root(Int(parent[bid])) }
      if isFree, isLinked.isEmpty || !isLinked[bid] { group[root(bid)] = root(bidCount) }
    }
    var members: [Int: [Int]] = [:]
    for bid in 0..<bidCount { members[root(bid), default: []].append(bid) }
    return members.values.sorted { ($0.count, $0[0]) < ($1.count, $1[0]) }
  }

  /// Rows for which all bids together could ask more than they have.
  func scarceRows() -> [Bool] {
    var busiest = [Int64](repeating: 0, count: rowCount)
    var seen = [Int32](repeating: 0, count: rowCount)
    var touched: [Int] = []
    for item in 0..<itemCount {
      for option in options(ofItem: item) {
        forEachRectangle(option) { rectangle in
          for row in Int(rectangle.start)..<Int(rectangle.end) {
            if seen[row] == 0 { touched.append(row) }
            seen[row] = max(seen[row], rectangle.gpus)
          }
        }
      }
      for row in touched {
        busiest[row] += Int64(seen[row])
        seen[row] = 0
      }
      touched.removeAll(keepingCapacity: true)
    }
    return (0..<rowCount).map { busiest[$0] > Int64(capacity[$0]) }
  }
}
