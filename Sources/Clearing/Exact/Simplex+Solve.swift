extension Simplex {
  /// Pivots until optimal, infeasible, down to the cutoff, or out of pivots.
  /// - Parameter cutoff: in units of `scale`; a relaxation at or below it is of no interest.
  func solve(cutoff: Double, limit: Int = 50_000) -> Outcome {
    if needsRecompute { recompute() }
    var isSettled = false
    var refusals = 0
    for _ in 0..<limit {
      if objective <= cutoff { return .cutoff }
      guard let leaving = chooseLeaving() else {
        if isSettled { return .optimal }
        recompute()
        isSettled = true
        continue
      }
      isSettled = false
      pivots += 1
      rho.fill(0)
      rho[leaving.place] = 1
      inverse.solveTransposed(rho)
      guard let entering = chooseEntering(leaving.direction) else {
        if inverse.changes > 20 {
          refactor()
          continue
        }
        rayDirection = leaving.direction
        return .infeasible
      }
      loadColumn(entering.variable)
      inverse.solve(column)
      let pivot = column[leaving.place]
      let expected = leaving.direction * entering.alpha
      if abs(pivot - expected) > 1e-6 * (1 + abs(expected)) || abs(pivot) < 1e-8 {
        guard inverse.changes > 0, refusals < 5 else { return .limit }
        refusals += 1
        refactor()
        continue
      }
      exchange(leaving.place, entering.variable, reduced: entering.reduced)
      if inverse.isLong { refactor() }
    }
    return .limit
  }

  private struct Leaving {
    let place: Int
    /// -1 if the variable lies below 0 and rises, 1 if it must fall to 0.
    let direction: Double
  }

  private func chooseLeaving() -> Leaving? {
    var best = 0.0
    var place = -1
    var direction = 0.0
    for at in 0..<size {
      let x = self.x.base[at]
      if x >= -1e-9 && x <= 1e-9 { continue }
      let variable = Int(basic.base[at])
      if x < 0 {
        if variable >= columns, variable < columns + rows, x > -1e-7 { continue }
      } else if !barred.base[variable] {
        continue
      }
      let excess = x * unit.base[variable]
      let badness = excess * excess / weight.base[at]
      if badness > best {
        best = badness
        place = at
        direction = x < 0 ? -1 : 1
      }
    }
    addTicks(size)
    return place < 0 ? nil : Leaving(place: place, direction: direction)
  }

  private struct Entering {
    let variable: Int
    /// The pivot row's entry, signed so that it is positive.
    let alpha: Double
    let reduced: Double
  }

  /// Harris' two passes: the longest step that leaves no reduced value above a tolerance, then the largest pivot
  /// among those that block it.
  private func chooseEntering(_ direction: Double) -> Entering? {
    collect(direction)
    var longest = Double.infinity
    let tolerance = 1e-9
    let count = candidate.count
    guard count > 0 else { return nil }
    for index in 0..<count {
      let slack = max(0, -reduced(ofVariable: Int(candidate.base[index])))
      longest = min(longest, (slack + tolerance) / candidateAlpha.base[index])
    }
    var best = -1
    for index in 0..<count where best < 0 || candidateAlpha.base[index] > candidateAlpha.base[best] {
      let slack = max(0, -reduced(ofVariable: Int(candidate.base[index])))
      if slack <= longest * candidateAlpha.base[index] { best = index }
    }
    addTicks(6 * count)
    guard best >= 0 else { return nil }
    let variable = Int(candidate[best])
    return Entering(variable: variable, alpha: candidateAlpha[best], reduced: reduced(ofVariable: variable))
  }

  /// Nonbasic variables whose entry in the pivot row has the right sign.
  private func collect(_ direction: Double) {
    candidate.cut(to: 0)
    candidateAlpha.cut(to: 0)
    let rho = self.rho.base
    for row in 0..<rows where position.base[columns + row] < 0 {
      var alpha = rho[row]
      if program.differs[row + 1] { alpha -= rho[row + 1] }
      alpha *= direction
      if alpha > 1e-7 {
        candidate.append(Int32(columns + row))
        candidateAlpha.append(alpha)
      }
    }
    for group in 0..<groups {
      let alpha = direction * rho[rows + group]
      let variable = columns + rows + group
      if alpha > 1e-7, position.base[variable] < 0, !barred.base[variable] {
        candidate.append(Int32(variable))
        candidateAlpha.append(alpha)
      }
    }
    let factors = self.factors.base
    program.entryFirst.withUnsafeBufferPointer { first in
      program.entryRow.withUnsafeBufferPointer { rowOf in
        program.group.withUnsafeBufferPointer { groupOf in
          for index in 0..<active.count {
            let j = Int(active.base[index])
            var alpha = rho[rows + Int(groupOf[j])]
            for entry in Int(first[j])..<Int(first[j + 1]) { alpha += factors[entry] * rho[Int(rowOf[entry])] }
            alpha *= direction
            if alpha > 1e-7, position.base[j] < 0, !barred.base[j] {
              candidate.append(Int32(j))
              candidateAlpha.append(alpha)
            }
          }
        }
      }
    }
    addTicks(rows + groups + 4 * active.count)
  }

  @inline(__always) private func reduced(ofVariable variable: Int) -> Double {
    if variable < columns { return reducedValue(variable) }
    if variable < columns + rows { return -price(variable - columns) }
    return -dual.base[variable - columns]
  }

  private func loadColumn(_ variable: Int) {
    column.fill(0)
    if variable < columns {
      for index in program.entries(variable) { column[Int(program.entryRow[index])] = factors[index] }
      column[rows + Int(program.group[variable])] = 1
    } else {
      let index = variable - columns
      column[index] = 1
      if index < rows, program.differs[index + 1] { column[index + 1] = -1 }
    }
  }

  /// The entering variable takes a position: values, duals, weights, inverse and bookkeeping.
  private func exchange(_ place: Int, _ variable: Int, reduced: Double) {
    let pivot = column[place]
    let step = x[place] / pivot
    let dualStep = reduced / pivot
    objective += dualStep * x[place]
    for index in 0..<size { dual.base[index] += dualStep * rho.base[index] }
    let reference = max(weight[place], 1e-4)
    for at in 0..<size {
      let entry = column.base[at]
      if entry == 0 { continue }
      x.base[at] -= step * entry
      let ratio = entry / pivot
      weight.base[at] = max(weight.base[at], ratio * ratio * reference)
    }
    x[place] = step
    weight[place] = max(reference / (pivot * pivot), 1)
    inverse.exchange(place, column: column)
    position[Int(basic[place])] = -1
    basic[place] = Int32(variable)
    position[variable] = Int32(place)
    addTicks(3 * size)
  }
}
