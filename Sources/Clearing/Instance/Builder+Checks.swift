extension Instance.Builder {
  /// The checked instance.
  /// - Throws: `InstanceError` naming the first bid or pool at fault, and the limit.
  public consuming func build() throws(InstanceError) -> Instance {
    if let problem { throw InstanceError(problem: problem) }
    try checkFrame()
    try resolveCaps()
    try resolveParents()
    for bid in 0..<instance.bidCount { try checkShape(bid) }
    try checkTotals()
    return instance
  }

  private func checkFrame() throws(InstanceError) {
    guard instance.slotMinutes >= 1 else { throw fault("a slot is \(instance.slotMinutes) minutes; give at least 1") }
    guard instance.slotCount >= 1, instance.slotCount <= Limits.slots else {
      throw fault("there are \(instance.slotCount) slots, outside 1 to \(Limits.slots); split the period")
    }
    guard instance.poolCount <= Limits.pools, instance.poolCount * instance.slotCount <= Limits.rows else {
      throw fault("pools × slots is above \(Limits.rows); split the round")
    }
    guard instance.placementValue.count + instance.stepGPUs.count <= Limits.placements,
      instance.uses.count <= Limits.placements
    else { throw fault("there are more than \(Limits.placements) placements and steps; split the round") }
    for pool in 0..<instance.poolCount {
      let reserve = instance.reserves[pool]
      guard reserve >= 0, reserve <= Limits.reserve else {
        throw fault(
          "the reserve of pool \(instance.poolName(pool)) is \(reserve), outside 0 to \(Limits.reserve) micro-dollars"
            + " per GPU and slot; correct it")
      }
    }
  }

  private mutating func resolveCaps() throws(InstanceError) {
    var tightest: [Int64: Int] = [:]
    for cap in capOwners {
      guard cap.pool >= 0, cap.pool < instance.poolCount else {
        throw fault("a cap of company \(cap.company) names pool \(cap.pool) of \(instance.poolCount); correct it")
      }
      guard cap.gpus >= 0, cap.gpus <= Limits.gpus else {
        throw fault("a cap of company \(cap.company) is \(cap.gpus), outside 0 to \(Limits.gpus); correct it")
      }
      // A company without bids cannot reach its cap.
      guard let company = companyIndex[cap.company] else { continue }
      let key = Int64(company) << 32 | Int64(cap.pool)
      if let at = tightest[key] {
        let gpus = min(instance.caps[at].gpus, Int32(cap.gpus))
        instance.caps[at] = Instance.Cap(company: company, pool: Int32(cap.pool), gpus: gpus)
      } else {
        tightest[key] = instance.caps.count
        instance.caps.append(Instance.Cap(company: company, pool: Int32(cap.pool), gpus: Int32(cap.gpus)))
      }
    }
    guard instance.caps.count * instance.slotCount <= Limits.rows else {
      throw fault("company caps × slots is above \(Limits.rows); split the round")
    }
  }

  private mutating func resolveParents() throws(InstanceError) {
    var indexOf: [String: Int32] = [:]
    indexOf.reserveCapacity(instance.bidCount)
    for bid in 0..<instance.bidCount {
      guard indexOf.updateValue(Int32(bid), forKey: instance.bidIDs[bid]) == nil else {
        throw fault("two bids have the id \(instance.bidIDs[bid]); give each its own")
      }
    }
    for (bid, id) in parents {
      guard let parent = indexOf[id] else {
        throw fault("bid \(instance.bidIDs[bid]) names parent \(id), which is not in the book; add it or drop the link")
      }
      guard instance.bidCompany[Int(parent)] == instance.bidCompany[bid] else {
        throw fault("bid \(instance.bidIDs[bid]) names parent \(id) of another company; link bids of one company only")
      }
      instance.bidParent[bid] = parent
    }
    // A walk up from each bid, marked with the bid it began at, meets its own mark only on a cycle.
    var mark = [Int32](repeating: -1, count: parents.isEmpty ? 0 : instance.bidCount)
    for (bid, _) in parents {
      var at = bid
      while at >= 0, mark[at] < 0 {
        mark[at] = Int32(bid)
        at = Int(instance.bidParent[at])
      }
      if at >= 0, mark[at] == Int32(bid) {
        throw fault("bid \(instance.bidIDs[at]) is, through its links, its own parent; break the cycle")
      }
    }
  }

  private func checkShape(_ bid: Int) throws(InstanceError) {
    let id = instance.bidIDs[bid]
    for flat in Int(instance.placementFirst[bid])..<Int(instance.placementFirst[bid + 1]) {
      let index = flat - Int(instance.placementFirst[bid])
      let value = instance.placementValue[flat]
      guard value >= 0, value <= Limits.totalValue else {
        throw fault("placement \(index) of bid \(id) is worth \(value), outside 0 to \(Limits.totalValue); correct it")
      }
      let range = Int(instance.useFirst[flat])..<Int(instance.useFirst[flat + 1])
      for use in instance.uses[range] {
        guard use.pool < instance.poolCount else {
          throw fault("placement \(index) of bid \(id) names pool \(use.pool) of \(instance.poolCount); correct it")
        }
        guard Int(use.firstSlot) + Int(use.slots) <= instance.slotCount else {
          throw fault(
            "placement \(index) of bid \(id) ends in slot \(use.firstSlot + use.slots) of \(instance.slotCount);"
              + " keep it within the period")
        }
      }
      let minimum = instance.placementMinimum[flat]
      if minimum > 0 {
        let gpus = instance.uses[range.lowerBound].gpus
        guard range.count == 1 else {
          throw fault("placement \(index) of bid \(id) has minimum GPUs and several uses; give it one use")
        }
        guard minimum <= gpus else {
          throw fault("placement \(index) of bid \(id) wants at least \(minimum) of \(gpus) GPUs; lower the minimum")
        }
        guard value % Int64(gpus) == 0 else {
          throw fault("the value of placement \(index) of bid \(id) is no multiple of its \(gpus) GPUs; round it")
        }
      }
    }
    try checkCurve(bid, id)
  }

  private func checkCurve(_ bid: Int, _ id: String) throws(InstanceError) {
    var seen: Set<Int> = []
    for point in Int(instance.pointFirst[bid])..<Int(instance.pointFirst[bid + 1]) {
      let index = point - Int(instance.pointFirst[bid])
      let stored = instance.points[point]
      guard stored.pool < instance.poolCount, stored.slot < instance.slotCount else {
        throw fault("curve \(index) of bid \(id) names pool \(stored.pool), slot \(stored.slot), which is not there")
      }
      guard seen.insert(Int(stored.pool) * instance.slotCount + Int(stored.slot)).inserted else {
        throw fault("bid \(id) has two curves for pool \(stored.pool), slot \(stored.slot); merge them")
      }
      var before = Limits.totalValue
      for step in Int(instance.stepFirst[point])..<Int(instance.stepFirst[point + 1]) {
        guard instance.stepPrice[step] >= 0, instance.stepPrice[step] < before else {
          throw fault(
            "prices of curve \(index) of bid \(id) do not fall strictly from step to step; sort and merge them")
        }
        before = instance.stepPrice[step]
      }
    }
  }

  /// Sums that the engine will form, tried once with overflow detected.
  private func checkTotals() throws(InstanceError) {
    var total: Int64 = 0
    for bid in 0..<instance.bidCount {
      var most: Int64 = 0
      for flat in Int(instance.placementFirst[bid])..<Int(instance.placementFirst[bid + 1]) {
        most = max(most, instance.placementValue[flat])
        // Reserve cost is formed even of a placement that it rules out.
        var cost: Int64? = 0
        for use in instance.uses[Int(instance.useFirst[flat])..<Int(instance.useFirst[flat + 1])] {
          cost = sum(cost, product(instance.reserves[Int(use.pool)], Int64(use.slots) * Int64(use.gpus)))
        }
        guard cost != nil else { throw tooMuch("the reserve cost of bid \(instance.bidIDs[bid])") }
      }
      var curve: Int64? = 0
      for step in Int(
        instance.stepFirst[Int(instance.pointFirst[bid])])..<Int(
          instance.stepFirst[Int(instance.pointFirst[bid + 1])])
      {
        curve = sum(curve, product(instance.stepPrice[step], Int64(instance.stepGPUs[step])))
      }
      guard let curve, let all = sum(sum(total, most), curve) else {
        throw tooMuch("the value of all bids up to \(instance.bidIDs[bid])")
      }
      total = all
    }
  }

  private func sum(_ a: Int64?, _ b: Int64?) -> Int64? {
    guard let a, let b, a <= Limits.totalValue, b <= Limits.totalValue, a + b <= Limits.totalValue else { return nil }
    return a + b
  }

  private func product(_ a: Int64, _ b: Int64) -> Int64? {
    let (value, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow ? nil : value
  }

  private func tooMuch(_ what: String) -> InstanceError {
    fault("\(what) exceeds \(Limits.totalValue) micro-dollars; check the unit of values")
  }

  private func fault(_ text: String) -> InstanceError { InstanceError(problem: text) }
}
