extension Instance {
  /// Collects pools, caps and bids; `build()` checks them all.
  ///
  /// What cannot even be stored is noted when it is added and thrown by `build()`.
  public struct Builder {
    var instance: Instance
    var companyIndex: [String: Int32] = [:]
    /// Bids that named a parent, and its id.
    var parents: [(bid: Int, id: String)] = []
    var capOwners: [(company: String, pool: Int, gpus: Int)] = []
    var problem: String?

    /// - Parameters:
    ///   - slotMinutes: length of a slot, at least 1.
    ///   - slotCount: slots of the period, 1 to `Limits.slots`.
    public init(name: String, slotMinutes: Int, slotCount: Int) {
      instance = Instance(name: name, slotMinutes: slotMinutes, slotCount: slotCount)
    }

    /// Makes room beforehand, for books of a million bids.
    public mutating func reserve(bids: Int, placements: Int) {
      instance.bidIDs.reserveCapacity(bids)
      instance.bidCompany.reserveCapacity(bids)
      instance.bidParent.reserveCapacity(bids)
      instance.placementFirst.reserveCapacity(bids + 1)
      instance.pointFirst.reserveCapacity(bids + 1)
      instance.placementValue.reserveCapacity(placements)
      instance.placementMinimum.reserveCapacity(placements)
      instance.useFirst.reserveCapacity(placements + 1)
      instance.uses.reserveCapacity(placements)
    }

    /// Adds a pool and returns its index.
    /// - Parameters:
    ///   - capacity: GPUs in each slot, 0 or more.
    ///   - reserve: micro-dollars per GPU and slot, 0 if none.
    @discardableResult
    public mutating func addPool(name: String, capacity: [Int], reserve: Int64) -> Int {
      instance.poolNames.append(name)
      instance.reserves.append(reserve)
      if capacity.count != instance.slotCount {
        note("pool \(name) lists \(capacity.count) capacities for \(instance.slotCount) slots; give one for each slot")
      }
      for (slot, gpus) in capacity.enumerated() {
        instance.capacities.append(narrow(gpus, from: 0, "capacity of pool \(name) in slot \(slot)"))
      }
      return instance.poolNames.count - 1
    }

    /// Holds a company to at most `gpus` of a pool in any slot; the tightest of several caps counts.
    public mutating func addCap(company: String, pool: Int, gpus: Int) {
      capOwners.append((company, pool, gpus))
    }

    /// Adds a bid of alternatives, at most one of which is awarded, and returns its index.
    @discardableResult
    public mutating func addBid(id: String, company: String, parent: String? = nil, placements: [Placement]) -> Int {
      let bid = open(id, company, parent)
      if placements.isEmpty { note("bid \(id) has no placements; give it at least one") }
      for (index, placement) in placements.enumerated() {
        instance.placementValue.append(placement.value)
        let minimum = placement.minimumGPUs
        instance.placementMinimum.append(
          minimum.map { narrow($0, from: 1, "minimum GPUs of bid \(id), placement \(index)") } ?? 0)
        if placement.uses.isEmpty { note("placement \(index) of bid \(id) uses nothing; give it a use") }
        for use in placement.uses { add(use, id, index) }
        instance.useFirst.append(Int32(truncatingIfNeeded: instance.uses.count))
      }
      close()
      return bid
    }

    /// Adds a bid of curves, any part of which may be awarded, and returns its index.
    @discardableResult
    public mutating func addBid(id: String, company: String, parent: String? = nil, curve: [CurvePoint]) -> Int {
      let bid = open(id, company, parent)
      if curve.isEmpty { note("bid \(id) has an empty curve; give it at least one point") }
      for (index, point) in curve.enumerated() {
        instance.points.append(
          StoredPoint(
            pool: narrow(point.pool, from: 0, "pool of bid \(id), curve \(index)"),
            slot: narrow(point.slot, from: 0, "slot of bid \(id), curve \(index)")))
        if point.steps.isEmpty { note("curve \(index) of bid \(id) has no steps; give it at least one") }
        for step in point.steps {
          instance.stepGPUs.append(narrow(step.gpus, from: 1, "GPUs of a step of bid \(id), curve \(index)"))
          instance.stepPrice.append(step.price)
        }
        instance.stepFirst.append(Int32(truncatingIfNeeded: instance.stepGPUs.count))
      }
      close()
      return bid
    }

    private mutating func add(_ use: Use, _ id: String, _ index: Int) {
      instance.uses.append(
        StoredUse(
          pool: narrow(use.pool, from: 0, "pool of bid \(id), placement \(index)"),
          firstSlot: narrow(use.firstSlot, from: 0, "first slot of bid \(id), placement \(index)"),
          slots: narrow(use.slots, from: 1, "slots of bid \(id), placement \(index)"),
          gpus: narrow(use.gpus, from: 1, "GPUs of bid \(id), placement \(index)")))
    }

    private mutating func open(_ id: String, _ company: String, _ parent: String?) -> Int {
      let bid = instance.bidIDs.count
      instance.bidIDs.append(id)
      instance.bidCompany.append(index(ofCompany: company))
      instance.bidParent.append(-1)
      if let parent { parents.append((bid, parent)) }
      return bid
    }

    private mutating func close() {
      instance.placementFirst.append(Int32(truncatingIfNeeded: instance.placementValue.count))
      instance.pointFirst.append(Int32(truncatingIfNeeded: instance.points.count))
    }

    mutating func index(ofCompany name: String) -> Int32 {
      if let known = companyIndex[name] { return known }
      let index = Int32(truncatingIfNeeded: instance.companyNames.count)
      companyIndex[name] = index
      instance.companyNames.append(name)
      return index
    }

    private mutating func narrow(_ value: Int, from least: Int, _ what: @autoclosure () -> String) -> Int32 {
      guard value >= least, value <= Limits.gpus else {
        note("\(what()) is \(value), outside \(least) to \(Limits.gpus); correct it")
        return Int32(least)
      }
      return Int32(value)
    }

    mutating func note(_ text: String) {
      if problem == nil { problem = text }
    }
  }
}
