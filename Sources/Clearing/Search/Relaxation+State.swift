extension Relaxation {
  /// A basis with its inverse and values: what a strong branching trial returns to.
  final class State {
    let basic, key, position: Buffer<Int32>
    let inverse, x, y, keyValue, weight, keyWeight: Buffer<Double>
    var objective = 0.0
    var sinceRefactor = 0

    init(_ lp: Relaxation) {
      basic = Buffer(lp.basic.count, 0)
      key = Buffer(lp.key.count, 0)
      position = Buffer(lp.position.count, 0)
      inverse = Buffer(lp.inverse.count, 0)
      x = Buffer(lp.x.count, 0)
      y = Buffer(lp.y.count, 0)
      keyValue = Buffer(lp.keyValue.count, 0)
      weight = Buffer(lp.weight.count, 0)
      keyWeight = Buffer(lp.keyWeight.count, 0)
    }
  }

  func save(to state: State) {
    state.basic.copy(from: basic)
    state.key.copy(from: key)
    state.position.copy(from: position)
    state.inverse.copy(from: inverse)
    state.x.copy(from: x)
    state.y.copy(from: y)
    state.keyValue.copy(from: keyValue)
    state.weight.copy(from: weight)
    state.keyWeight.copy(from: keyWeight)
    state.objective = objective
    state.sinceRefactor = sinceRefactor
    ticks += inverse.count / 4
  }

  /// Returns to a saved state. Bounds of quantity groups must be those it was saved under.
  func load(_ state: State) {
    inverse.copy(from: state.inverse)
    x.copy(from: state.x)
    y.copy(from: state.y)
    keyValue.copy(from: state.keyValue)
    weight.copy(from: state.weight)
    keyWeight.copy(from: state.keyWeight)
    loadBasis(state.basic.array, state.key.array)
    sinceRefactor = state.sinceRefactor
    ticks += inverse.count / 4
    if columns.hasQuantities { shiftRightHandSide() }
    afterDuals()
    markFresh()
  }

  /// Takes a basis as it stood in another node; inverse and values are computed anew.
  func adopt(basic: [Int32], key: [Int32]) {
    loadBasis(basic, key)
    refactor()
    recompute()
  }

  private func loadBasis(_ basic: [Int32], _ key: [Int32]) {
    self.basic.copy(from: basic)
    self.key.copy(from: key)
    position.fill(-1)
    nonkeys.fill(0)
    slackPosition.fill(-1)
    for group in 0..<columns.groupCount where key[group] >= 0 { position[Int(key[group])] = -2 }
    for i in 0..<rows {
      let member = Int(basic[i])
      if member < 0 {
        slackPosition[~member] = Int32(i)
      } else {
        position[member] = Int32(i)
        nonkeys[Int(columns.group[member])] += 1
      }
    }
    ticks += columns.columnCount / 4 + 4 * rows
  }
}
