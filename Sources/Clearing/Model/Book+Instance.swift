extension Book {
  /// The book of an instance.
  /// - Parameter without: a company whose bids stay out.
  convenience init(_ instance: Instance, without company: Int? = nil) {
    var reader = InstanceReader(instance)
    self.init(reader.read(without: company))
  }
}

/// Turns bids into items and options, leaving out what can never be awarded.
private struct InstanceReader {
  let instance: Instance
  let slots: Int
  /// First row of a company's cap on a pool.
  var capRow: [Int64: Int32] = [:]
  var draft: BookDraft
  private var rectangles: [Book.Rectangle] = []

  init(_ instance: Instance) {
    self.instance = instance
    slots = instance.slotCount
    var capacity = instance.capacities
    for cap in instance.caps {
      let pool = Int(cap.pool) * slots..<Int(cap.pool + 1) * slots
      // A cap above what the pool has binds nothing.
      guard instance.capacities[pool].contains(where: { $0 > cap.gpus }) else { continue }
      capRow[InstanceReader.key(cap.company, cap.pool)] = Int32(capacity.count)
      capacity.append(contentsOf: repeatElement(cap.gpus, count: slots))
    }
    // With a single slot every pool is one row: bundles of neighbours may then be one rectangle.
    draft = BookDraft(capacity: capacity, lineLength: slots == 1 ? max(1, capacity.count) : slots)
  }

  static func key(_ company: Int32, _ pool: Int32) -> Int64 { Int64(company) << 32 | Int64(pool) }

  mutating func read(without company: Int?) -> BookDraft {
    var alive = [Int8](repeating: -1, count: instance.bidParent.contains { $0 >= 0 } ? instance.bidCount : 0)
    var position = [Int32](repeating: -1, count: alive.count)
    for bid in 0..<instance.bidCount where instance.company(ofBid: bid) != company {
      if !alive.isEmpty, !canWin(bid, &alive) { continue }
      let owner = instance.bidCompany[bid]
      if instance.isCurve(bid: bid) { addCurve(bid, owner) } else { addPlacements(bid, owner) }
      if draft.closeBid(index: bid, company: owner, parent: instance.bidParent[bid]), !position.isEmpty {
        position[bid] = Int32(draft.bidIndex.count - 1)
      }
    }
    for bid in draft.parent.indices where draft.parent[bid] >= 0 {
      draft.parent[bid] = position[Int(draft.parent[bid])]
    }
    return draft
  }

  /// Whether a bid and all above it have something that could be awarded; remembered in `alive`.
  private mutating func canWin(_ bid: Int, _ alive: inout [Int8]) -> Bool {
    var chain: [Int] = []
    var at = bid
    while alive[at] < 0 {
      chain.append(at)
      guard let parent = instance.parent(ofBid: at) else { break }
      at = parent
    }
    for member in chain.reversed() {
      let above = instance.parent(ofBid: member).map { alive[$0] == 1 } ?? true
      alive[member] = above && hasOption(member) ? 1 : 0
    }
    return alive[bid] == 1
  }

  private mutating func hasOption(_ bid: Int) -> Bool {
    var probe = self
    probe.draft = BookDraft(capacity: draft.capacity, lineLength: draft.lineLength)
    if instance.isCurve(bid: bid) {
      probe.addCurve(bid, instance.bidCompany[bid])
    } else {
      probe.addPlacements(bid, instance.bidCompany[bid])
    }
    return !probe.draft.value.isEmpty
  }

  private mutating func addPlacements(_ bid: Int, _ company: Int32) {
    let first = Int(instance.placementFirst[bid])
    for flat in first..<Int(instance.placementFirst[bid + 1]) {
      let range = Int(instance.useFirst[flat])..<Int(instance.useFirst[flat + 1])
      var cost: Int64 = 0
      for use in instance.uses[range] {
        cost += instance.reserves[Int(use.pool)] * (Int64(use.slots) * Int64(use.gpus))
      }
      let net = instance.placementValue[flat] - cost
      guard net >= 0 else { continue }
      collectRectangles(instance.uses[range], company)
      let minimum = instance.placementMinimum[flat]
      let full = instance.uses[range.lowerBound].gpus
      var most = full
      if range.count == 1 {
        for rectangle in rectangles { most = min(most, roomiest(rectangle)) }
      } else if !rectangles.allSatisfy({ roomiest($0) >= $0.gpus }) {
        continue
      }
      if minimum > 0, minimum < full {
        guard most >= minimum else { continue }
        let sized = rectangles.map { Book.Rectangle(start: $0.start, end: $0.end, gpus: most) }
        draft.addOption(
          value: net / Int64(full) * Int64(most), rectangles: sized, low: minimum, tag: Int32(flat - first))
      } else {
        guard most == full else { continue }
        draft.addOption(
          value: net, rectangles: rectangles, low: rectangles[0].gpus, tag: Int32(flat - first))
      }
    }
    draft.closeItem()
  }

  private mutating func addCurve(_ bid: Int, _ company: Int32) {
    for point in Int(instance.pointFirst[bid])..<Int(instance.pointFirst[bid + 1]) {
      let stored = instance.points[point]
      for step in Int(instance.stepFirst[point])..<Int(instance.stepFirst[point + 1]) {
        let net = instance.stepPrice[step] - instance.reserves[Int(stored.pool)]
        guard net >= 0 else { continue }
        let gpus = instance.stepGPUs[step]
        let use = Instance.StoredUse(pool: stored.pool, firstSlot: stored.slot, slots: 1, gpus: gpus)
        collectRectangles([use], company)
        var most = gpus
        for rectangle in rectangles { most = min(most, roomiest(rectangle)) }
        guard most > 0 else { continue }
        let sized = rectangles.map { Book.Rectangle(start: $0.start, end: $0.end, gpus: most) }
        draft.addOption(value: net * Int64(most), rectangles: sized, low: 1, tag: Int32(step))
        draft.closeItem()
      }
    }
  }

  /// The rows that uses occupy: pool rows, then cap rows, neighbours of equal height joined.
  private mutating func collectRectangles(_ uses: ArraySlice<Instance.StoredUse>, _ company: Int32) {
    rectangles.removeAll(keepingCapacity: true)
    for use in uses {
      let row = use.pool * Int32(slots) + use.firstSlot
      append(Book.Rectangle(start: row, end: row + use.slots, gpus: use.gpus))
    }
    if !capRow.isEmpty {
      for use in uses {
        guard let first = capRow[InstanceReader.key(company, use.pool)] else { continue }
        append(Book.Rectangle(start: first + use.firstSlot, end: first + use.firstSlot + use.slots, gpus: use.gpus))
      }
    }
    if uses.count > 1 { separate() }
  }

  /// Uses of one placement may overlap; rectangles of one option never do.
  private mutating func separate() {
    let sorted = rectangles.sorted { $0.start < $1.start }
    guard zip(sorted, sorted.dropFirst()).contains(where: { $0.end > $1.start }) else { return }
    var height: [Int32: Int32] = [:]
    for rectangle in rectangles {
      for row in rectangle.start..<rectangle.end {
        // Beyond any capacity, so that the sum cannot overflow.
        height[row] = min(height[row, default: 0], Int32(Limits.gpus)) + rectangle.gpus
        height[row] = min(height[row]!, Int32(Limits.gpus) + 1)
      }
    }
    rectangles.removeAll(keepingCapacity: true)
    for (row, gpus) in height.sorted(by: { $0.key < $1.key }) {
      append(Book.Rectangle(start: row, end: row + 1, gpus: gpus))
    }
  }

  private mutating func append(_ next: Book.Rectangle) {
    if let last = rectangles.last, last.end == next.start, last.gpus == next.gpus,
      Int(next.start) % draft.lineLength != 0
    {
      rectangles[rectangles.count - 1] = Book.Rectangle(start: last.start, end: next.end, gpus: last.gpus)
    } else {
      rectangles.append(next)
    }
  }

  /// The most GPUs the rectangle's rows all have.
  private func roomiest(_ rectangle: Book.Rectangle) -> Int32 {
    var least = Int32.max
    for row in Int(rectangle.start)..<Int(rectangle.end) { least = min(least, draft.capacity[row]) }
    return least
  }
}
