extension Annealer {
  /// Puts an item where it is worth having, and ejects what stands in the way.
  /// - Returns: whether it was put there; if not, the move must be undone.
  mutating func insert(_ wanted: Int, losing threshold: Int64) -> Bool {
    let item = firstAllowed(wanted)
    guard item >= 0 else { return false }
    // The lesser of two draws: better candidates more often.
    let range = candidates.candidates(ofItem: item)
    let choice = range.lowerBound + min(random.below(range.count), random.below(range.count))
    let candidate = candidates.all[choice]
    let before = holdings.welfare
    if holdings.held[item] >= 0 {
      if holdings.held[item] == choice, holdings.quantity[item] == candidate.gpus { return false }
      holdings.remove(item)
    }
    ejected.removeAll(keepingCapacity: true)
    ejectedChoices.removeAll(keepingCapacity: true)
    let wantsAll = candidate.low == candidate.gpus || random.next() >> 63 == 0
    let height = wantsAll ? candidate.gpus : max(candidate.low, holdings.fitting(candidate))
    let most = 2 * candidate.value + threshold
    while let obstacle = worstRow(candidate, height) {
      guard eject(obstacle, candidate), before - holdings.welfare <= most else { return false }
    }
    guard holdings.held[item] < 0, holdings.mayWin(item) else { return false }
    holdings.take(choice, height)
    letChildrenIn(item)
    putBack(candidate)
    return true
  }

  /// The item itself, or the one of its ancestors' that must win first; -1 if that is out of reach.
  private mutating func firstAllowed(_ item: Int) -> Int {
    var item = item
    while !holdings.mayWin(item) {
      let book = holdings.book
      let parent = Int(book.parent[Int(book.itemBid[Int(candidates.item[item])])])
      let items = book.items(ofBid: parent)
      item = Int(holdings.itemHere[items.lowerBound + random.below(items.count)])
      if item < 0 { return -1 }
    }
    return item
  }

  /// A row that has too little left, and how much it lacks.
  struct Obstacle {
    let row, lack: Int32
  }

  /// The row that lacks most for a candidate at a height.
  private func worstRow(_ candidate: borrowing Candidates.Candidate, _ height: Int32) -> Obstacle? {
    var worst = worstRow(candidate.start, candidate.end, height)
    let option = Int(candidate.option)
    for index in holdings.book.extras(ofOption: option) {
      let rectangle = holdings.book.extra[index]
      let other = worstRow(
        rectangle.start, rectangle.end, height == candidate.gpus ? rectangle.gpus : height)
      if other.lack > worst.lack { worst = other }
    }
    return worst.lack > 0 ? worst : nil
  }

  @inline(__always)
  private func worstRow(_ start: Int32, _ end: Int32, _ height: Int32) -> Obstacle {
    let least = holdings.room(start, end)
    guard least < height else { return Obstacle(row: start, lack: 0) }
    let rows = holdings.residual.base
    var row = Int(start)
    while rows[row] != least { row += 1 }
    return Obstacle(row: Int32(truncatingIfNeeded: row), lack: height - least)
  }

  /// Frees the award that is worth least per GPU it frees in the worst row and near it, of some twenty that stand
  /// there.
  /// - Returns: false if none does.
  private mutating func eject(_ obstacle: Obstacle, _ candidate: borrowing Candidates.Candidate) -> Bool {
    let line = candidates.line(obstacle.row)
    let count = Int(holdings.lineCount[line])
    guard count > 0 else { return false }
    let first = Int(holdings.lineFirst[line])
    let standing = holdings.standing.base + first
    var place = random.below(count)
    var found = 0
    var best = -1
    var least = Double.infinity
    var looked = 0
    while looked < count, found < 20 {
      let there = standing[place]
      if there.start <= obstacle.row, there.end > obstacle.row {
        found += 1
        let overlap = min(there.end, candidate.end) - max(there.start, candidate.start)
        let frees = Double(min(there.height, obstacle.lack)) * Double(max(0, overlap) + 2)
        let score = there.weight / frees
        if score < least {
          least = score
          best = Int(there.item)
        }
      }
      looked += 1
      place += 1
      if place == count { place = 0 }
    }
    ticks += 5 * looked + 20 * found
    guard best >= 0 else { return false }
    ejected.append(Int32(best))
    ejectedChoices.append(holdings.held[best])
    holdings.free(best)
    return true
  }

  /// What was ejected goes where it still fits, the dearest first; then others fill what is left of the gap.
  private mutating func putBack(_ candidate: borrowing Candidates.Candidate) {
    guard !ejected.isEmpty else { return }
    var low = candidate.end
    var high = candidate.start
    for index in ejected.indices {
      let choice = ejectedChoices[index]
      let value = candidates.all[Int(choice)].value
      low = min(low, candidates.all[Int(choice)].start)
      high = max(high, candidates.all[Int(choice)].end)
      var place = index
      let item = ejected[index]
      while place > 0, candidates.all[Int(ejectedChoices[place - 1])].value < value {
        ejected[place] = ejected[place - 1]
        ejectedChoices[place] = ejectedChoices[place - 1]
        place -= 1
      }
      ejected[place] = item
      ejectedChoices[place] = choice
    }
    for item in ejected { putAnywhere(Int(item)) }
    let line = candidates.line(candidate.start)
    let rows = Int32(holdings.book.lineLength)
    let begin = max(low, Int32(line) * rows)
    refill(begin, min(high, Int32(line + 1) * rows, Int32(holdings.book.rowCount)), barring: -1, looking: reach / 4)
  }

  /// Lets an item hold its best candidate that fits, if any does.
  mutating func putAnywhere(_ item: Int) {
    guard holdings.held[item] < 0, holdings.mayWin(item) else { return }
    for choice in candidates.candidates(ofItem: item) {
      ticks += 24
      let candidate = candidates.all[choice]
      let quantity = holdings.fitting(candidate)
      if quantity > 0 {
        holdings.take(choice, quantity)
        letChildrenIn(item)
        return
      }
    }
  }

  /// An award may open the way for bids that hang on it.
  mutating func letChildrenIn(_ item: Int) {
    guard !holdings.children.isEmpty else { return }
    let book = holdings.book
    for child in holdings.children[Int(book.itemBid[Int(candidates.item[item])])] {
      for below in book.items(ofBid: Int(child)) where holdings.itemHere[below] >= 0 {
        putAnywhere(Int(holdings.itemHere[below]))
      }
    }
  }
}
