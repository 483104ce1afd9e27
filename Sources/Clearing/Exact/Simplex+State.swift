extension Simplex {
  /// A basis with its values: what a strong-branching trial returns to. Valid until the basis is factored anew.
  final class State {
    fileprivate let basic: Buffer<Int32>
    fileprivate let x, dual, weight: Buffer<Double>
    fileprivate var objective = 0.0
    fileprivate var changes = 0
    fileprivate var factored = 0

    init(_ simplex: Simplex) {
      basic = Buffer(simplex.size, 0)
      x = Buffer(simplex.size, 0)
      dual = Buffer(simplex.size, 0)
      weight = Buffer(simplex.size, 1)
    }
  }

  func save(to state: State) {
    state.basic.copy(from: basic)
    state.x.copy(from: x)
    state.dual.copy(from: dual)
    state.weight.copy(from: weight)
    state.objective = objective
    state.changes = inverse.changes
    state.factored = inverse.timesFactored
    addTicks(2 * size)
  }

  /// Returns to a saved state; bounds must be those it was saved under.
  func load(_ state: State) {
    let isKept = inverse.timesFactored == state.factored
    for place in 0..<size { position[Int(basic[place])] = -1 }
    basic.copy(from: state.basic)
    if isKept {
      inverse.cut(to: state.changes)
      for place in 0..<size { position[Int(basic[place])] = Int32(place) }
      x.copy(from: state.x)
      dual.copy(from: state.dual)
      weight.copy(from: state.weight)
      objective = state.objective
      if program.hasQuantities { recompute() }
    } else {
      refactor()
    }
    addTicks(3 * size)
  }
}
