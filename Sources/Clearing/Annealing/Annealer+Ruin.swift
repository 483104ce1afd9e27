extension Annealer {
  /// How long a stretch of the scan a refill goes through, what is awarded included.
  var reach: Int { 120 }

  /// Frees an award, half of the time with one that overlaps it, and refills the gap with others.
  mutating func ruin(_ item: Int) -> Bool {
    let first = candidates.all[Int(holdings.held[item])]
    holdings.free(item)
    if random.next() >> 63 == 0, let other = overlapping(first.start, first.end) {
      let second = candidates.all[Int(holdings.held[other])]
      holdings.free(other)
      refill(first.start, first.end, barring: random.next() >> 63 == 0 ? item : -1, looking: reach)
      refill(second.start, second.end, barring: -1, looking: reach)
      putAnywhere(other)
    } else {
      refill(first.start, first.end, barring: item, looking: reach)
    }
    putAnywhere(item)
    return true
  }

  /// An item that holds some of the rows `start` up to `end`; nil if eight tries meet none.
  private mutating func overlapping(_ start: Int32, _ end: Int32) -> Int? {
    let line = candidates.line(start)
    let count = Int(holdings.lineCount[line])
    guard count > 0 else { return nil }
    for _ in 0..<8 {
      let there = holdings.standing[Int(holdings.lineFirst[line]) + random.below(count)]
      if there.start < end, there.end > start { return Int(there.item) }
    }
    return nil
  }

  /// Fills rows `start` up to `end` of a line with some of the candidates that touch them, dearest per price first.
  ///
  /// It looks at a stretch of the line's candidates that begins anywhere, and now and then passes one by: the same
  /// gap is filled in many ways.
  mutating func refill(_ start: Int32, _ end: Int32, barring barred: Int, looking limit: Int) {
    let line = candidates.line(start)
    var first = Int(candidates.lineFirst[line])
    var last = Int(candidates.lineFirst[line + 1])
    var room = mostRoom(start, end)
    let limit = limit * max(1, min(20, Int(room) * Int(end - start) / smallArea))
    if last - first > limit {
      first += random.below(last - first - limit)
      last = first + limit
    }
    let list = candidates.scan
    let scan = list.span
    let free = holdings.isFree.base
    var looked = 10
    var place = first
    while place < last, room > 0 {
      // The free ones of this word that have not been passed yet; read anew, since awards change it.
      let word = free[place >> 6] & (.max << UInt64(place & 63))
      if word == 0 {
        place = (place >> 6 &+ 1) << 6
        looked &+= 1
        continue
      }
      place = (place & ~63) &+ word.trailingZeroBitCount
      guard place < last else { break }
      let scanned = scan[unchecked: place]
      place &+= 1
      looked &+= 2
      // Negative if it asks for more than there is or does not touch the gap: one branch, for which of the three
      // it is nobody could guess.
      if (room &- scanned.low) | (end &- 1 &- scanned.start) | (scanned.end &- 1 &- start) < 0 { continue }
      looked &+= 2
      // Few fit; only for these does it look further.
      guard holdings.room(scanned.start, scanned.end) >= scanned.low else { continue }
      let choice = Int(scanned.candidate)
      let item = Int(candidates.all[choice].item)
      guard item != barred, random.next() >> 60 != 0 else { continue }
      looked &+= 6
      let quantity = holdings.fitting(candidates.all[choice])
      guard quantity > 0, holdings.mayWin(item) else { continue }
      holdings.take(choice, quantity)
      letChildrenIn(item)
      room = mostRoom(start, end)
    }
    ticks += 6 * looked
  }

  private func mostRoom(_ start: Int32, _ end: Int32) -> Int32 {
    let rows = holdings.residual.base
    var most: Int32 = 0
    for row in Int(start)..<Int(end) { most = max(most, rows[row]) }
    return most
  }
}
