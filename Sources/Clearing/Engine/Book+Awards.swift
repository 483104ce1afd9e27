extension Book {
  /// What a selection awards, in order of acceptance.
  ///
  /// Steps of a curve are filled from the dearest down, whatever order the search took them in.
  func awards(_ selection: Selection, _ instance: Instance) -> [Award] {
    var result: [Award] = []
    for bid in 0..<bidCount {
      let held = items(ofBid: bid).filter { selection.option[$0] >= 0 }
      guard let first = held.first else { continue }
      let index = Int(bidIndex[bid])
      if instance.isCurve(bid: index) {
        var steps: [Int: Int] = [:]
        for item in held { steps[Int(tag[Int(selection.option[item])]), default: 0] += Int(selection.quantity[item]) }
        result.append(Book.curveAward(index, steps, instance))
      } else {
        result.append(
          Book.award(index, Int(tag[Int(selection.option[first])]), Int(selection.quantity[first]), instance))
      }
    }
    return result
  }

  private static func award(_ bid: Int, _ index: Int, _ quantity: Int, _ instance: Instance) -> Award {
    let placement = instance.placement(index, ofBid: bid)
    let full = placement.uses[0].gpus
    // Only a placement with one use is awarded in part.
    let partial = placement.minimumGPUs != nil && quantity != full
    let uses =
      partial
      ? placement.uses.map { Use(pool: $0.pool, firstSlot: $0.firstSlot, slots: $0.slots, gpus: quantity) }
      : placement.uses
    return Award(
      bid: bid, placement: index, gpus: uses[0].gpus, uses: uses,
      value: partial ? placement.value / Int64(full) * Int64(quantity) : placement.value,
      reserveCost: instance.reserveCost(uses))
  }

  private static func curveAward(_ bid: Int, _ steps: [Int: Int], _ instance: Instance) -> Award {
    var uses: [Use] = []
    var value: Int64 = 0
    for point in Int(instance.pointFirst[bid])..<Int(instance.pointFirst[bid + 1]) {
      let range = Int(instance.stepFirst[point])..<Int(instance.stepFirst[point + 1])
      let total = range.reduce(0) { $0 + (steps[$1] ?? 0) }
      guard total > 0 else { continue }
      var left = total
      for step in range {
        let part = min(left, Int(instance.stepGPUs[step]))
        value += Int64(part) * instance.stepPrice[step]
        left -= part
      }
      let stored = instance.points[point]
      uses.append(Use(pool: Int(stored.pool), firstSlot: Int(stored.slot), slots: 1, gpus: total))
    }
    return Award(
      bid: bid, placement: nil, gpus: uses[0].gpus, uses: uses, value: value, reserveCost: instance.reserveCost(uses))
  }
}

extension Instance {
  /// Reserve × GPU-slots, micro-dollars.
  func reserveCost(_ uses: [Use]) -> Int64 {
    uses.reduce(0) { $0 + reserves[$1.pool] * (Int64($1.slots) * Int64($1.gpus)) }
  }
}
