import Units

extension RoundPrices {
  /// A bound on the welfare of every allocation, in micro-dollars. It holds whatever the prices are.
  ///
  /// Σ over pools and slots of lots offered × (price − reserve), plus Σ over bids of the bid's surplus at these prices, or
  /// 0. A linked bid counts with its parent. Caps only make less possible, so they are left out. Shares no code with the
  /// engine.
  func bound(of book: SealedBook) -> Int64 {
    let length = book.round.slotLength
    var total: Int128 = 0
    for (pool, line) in zip(book.pools, lines) {
      let reserve = pool.reserve.microdollarsPerGPUSlot(length) * Int64(pool.lotGPUs)
      for (gpus, price) in zip(pool.capacityGPUs, line.microdollarsPerLotSlot) {
        total += Int128(gpus / pool.lotGPUs) * max(0, Int128(price) - Int128(reserve))
      }
    }
    // Children come after their parents, except where an amendment moved the parent: so not by order, but by depth.
    var children: [String: [Int]] = [:]
    var roots: [Int] = []
    for (at, entry) in book.entries.enumerated() {
      if let parent = entry.parent {
        children["\(entry.company)/\(parent)", default: []].append(at)
      } else {
        roots.append(at)
      }
    }
    guard !children.isEmpty else {
      for entry in book.entries { total += max(0, entry.bid.kind.most(above: self, length)) }
      return Int64(clamping: total)
    }
    var order = roots
    var next = 0
    while next < order.count {
      let entry = book.entries[order[next]]
      order += children["\(entry.company)/\(entry.id)"] ?? []
      next += 1
    }
    var below: [String: Int128] = [:]
    for at in order.reversed() {
      let entry = book.entries[at]
      let share = max(0, entry.bid.kind.most(above: self, length) + (below["\(entry.company)/\(entry.id)"] ?? 0))
      if let parent = entry.parent { below["\(entry.company)/\(parent)", default: 0] += share } else { total += share }
    }
    return Int64(clamping: total)
  }
}
