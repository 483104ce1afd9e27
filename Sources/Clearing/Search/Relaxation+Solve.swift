extension Relaxation {
  /// A variable out of bounds: at a position of the basis, or the key of a group.
  private struct Leaving {
    var position = -1
    var group = -1
    var badness = 0.0
    /// -1 if it lies below 0 and rises, 1 if it must fall to 0.
    var direction = 0.0

    @inline(__always) mutating func consider(position: Int, group: Int, _ badness: Double, _ direction: Double) {
      guard badness > self.badness else { return }
      self = Leaving(position: position, group: group, badness: badness, direction: direction)
    }
  }

  /// Pivots until optimal, infeasible, down to the cutoff, or out of iterations.
  /// - Parameter cutoff: in units of `value`; a relaxation at or below it is of no interest.
  func solve(cutoff: Double, limit: Int = 20_000) -> Outcome {
    if needsRecompute { recompute() }
    priceColumns()
    var fresh = sinceRefactor == 0
    var isPriced = true
    var refusals = 0
    for _ in 0..<limit {
      if objective <= cutoff { return .cutoff }
      let leaving = chooseLeaving()
      if leaving.badness == 0 {
        if fresh { return .optimal }
        recompute()
        // Hardly ever does a pivot follow, but the work counts here.
        ticks += pricingTicks
        (fresh, isPriced) = (true, false)
        continue
      }
      if !isPriced { priceColumns(counting: false) }
      (fresh, isPriced) = (false, true)
      pivots += 1
      loadPivotRow(leaving)
      let entering = chooseEntering(group: leaving.group, sign: leaving.direction)
      if entering.variable == Int.min {
        if sinceRefactor > 20 {
          refresh()
          continue
        }
        rayDirection = leaving.direction
        return .infeasible
      }
      let group = groupOf(entering.variable)
      let dualStep = entering.reduced / (leaving.direction * entering.pivot)
      var place = leaving.position
      if leaving.group >= 0 {
        if nonkeys[leaving.group] == 0 {
          replaceKey(leaving.group, with: entering.variable, dualStep)
          continue
        }
        place = swapKey(leaving.group)
      }
      loadEnteringColumn(entering.variable, group)
      let pivot = column[place]
      if abs(pivot) < 1e-8 || abs(abs(pivot) - entering.pivot) > 1e-5 * (1 + entering.pivot) {
        if sinceRefactor > 0, refusals < 5 {
          refusals += 1
          restoreSlackKey(place)
          refresh()
          continue
        }
        if abs(pivot) < 1e-9 {
          restoreSlackKey(place)
          return .limit
        }
      }
      exchange(place, entering.variable, group, dualStep)
      if sinceRefactor >= 200 {
        refresh()
        fresh = true
      } else {
        afterDuals()
      }
    }
    return .limit
  }

  /// Everything anew from the members of the basis.
  private func refresh() {
    refactor()
    recompute()
    priceColumns()
  }

  private func chooseLeaving() -> Leaving {
    var leaving = Leaving()
    let n = columns.columnCount
    for i in 0..<rows {
      let x = self.x.base[i]
      let j = Int(basic.base[i])
      if j < 0 {
        if x < -1e-7 { leaving.consider(position: i, group: -1, x * x / weight.base[i], -1) }
      } else if x < -1e-9 {
        let height = heightOf(j, n)
        leaving.consider(position: i, group: -1, x * x * height * height / weight.base[i], -1)
      } else if j < n, x > 1e-9, forbidden.base[j] {
        let height = heightOf(j, n)
        leaving.consider(position: i, group: -1, x * x * height * height / weight.base[i], 1)
      }
    }
    for group in 0..<columns.groupCount {
      let x = keyValue.base[group]
      if x >= -1e-9 && x <= 1e-9 { continue }
      let k = Int(key.base[group])
      let isBarred = k < 0 ? must.base[group] : forbidden.base[k]
      guard x < 0 || isBarred else { continue }
      let height = heightOf(k >= 0 ? k : columns.columns(group).lowerBound, n)
      leaving.consider(position: -1, group: group, x * x * height * height / keyWeight.base[group], x < 0 ? -1 : 1)
    }
    ticks += 2 * rows + 2 * columns.groupCount
    return leaving
  }

  @inline(__always) private func heightOf(_ j: Int, _ n: Int) -> Double {
    j < n ? Double(columns.height[j]) : 1
  }

  /// The leaving variable's row of the inverse: a working row, or for a key minus the sum of its group's.
  private func loadPivotRow(_ leaving: Leaving) {
    if leaving.position >= 0 {
      for row in 0..<rows { rho.base[row] = inverse.base[row * stride + leaving.position] }
    } else {
      rho.fill(0)
      if nonkeys[leaving.group] > 0 {
        for j in columns.columns(leaving.group) where position[j] >= 0 {
          let i = Int(position[j])
          for row in 0..<rows { rho.base[row] -= inverse.base[row * stride + i] }
        }
      }
    }
    var sum = 0.0
    rhoSum.base[0] = 0
    for row in 0..<rows {
      sum += rho.base[row]
      rhoSum.base[row + 1] = sum
    }
    ticks += 3 * rows
  }

  /// The group of an entering variable, or -1 for a row's slack.
  private func groupOf(_ variable: Int) -> Int {
    if variable < 0 { return -1 }
    return variable < columns.columnCount ? Int(columns.group[variable]) : variable - columns.columnCount
  }

  // MARK: Exchanges

  /// A key leaves and another variable of its group, alone in the basis, becomes key.
  private func replaceKey(_ group: Int, with variable: Int, _ dualStep: Double) {
    let old = Int(key[group])
    let new = variable < columns.columnCount ? variable : -1
    moveReduced(dualStep)
    if old >= 0 { setReduced(old, -dualStep) }
    if new >= 0 { setReduced(new, -.infinity) }
    column.fill(0)
    let width = width(group)
    if old >= 0 {
      position[old] = -1
      addSolved(old, width, to: column)
    }
    if new >= 0 {
      position[new] = -2
      addSolved(new, -width, to: column)
    }
    key[group] = Int32(new)
    keyWeight[group] = 1
    for i in 0..<rows {
      x[i] += column[i]
      if basic[i] >= 0 { keyValue[self.group(ofBasic: i)] -= column[i] }
    }
    afterDuals()
  }

  /// A leaving key changes places with the largest other basic column of its group.
  /// - Returns: the position from which the old key can leave.
  private func swapKey(_ group: Int) -> Int {
    var best = -1
    var largest = -1.0
    for j in columns.columns(group) where position[j] >= 0 && abs(x[Int(position[j])]) > largest {
      largest = abs(x[Int(position[j])])
      best = j
    }
    let place = Int(position[best])
    negateRow(place, group, except: best)
    let old = key[group]
    position[best] = -2
    key[group] = Int32(best)
    if old >= 0 {
      basic[place] = old
      position[Int(old)] = Int32(place)
    } else {
      basic[place] = Int32(columns.columnCount + group)
    }
    swapWithKey(place, group)
    return place
  }

  /// A group's slack that came into the basis becomes its key at once.
  private func restoreSlackKey(_ place: Int) {
    let member = Int(basic[place]) - columns.columnCount
    guard member >= 0 else { return }
    negateRow(place, member, except: -1)
    let old = key[member]
    key[member] = -1
    basic[place] = old
    position[Int(old)] = Int32(place)
    swapWithKey(place, member)
  }

  /// With another key, the position's row of the inverse is minus the sum of the group's rows.
  private func negateRow(_ place: Int, _ group: Int, except: Int) {
    for row in 0..<rows { inverse.base[row * stride + place] = -inverse.base[row * stride + place] }
    for j in columns.columns(group) where j != except && position[j] >= 0 && Int(position[j]) != place {
      let i = Int(position[j])
      for row in 0..<rows { inverse.base[row * stride + place] -= inverse.base[row * stride + i] }
    }
    ticks += 4 * rows
  }

  private func swapWithKey(_ place: Int, _ group: Int) {
    (x[place], keyValue[group]) = (keyValue[group], x[place])
    (weight[place], keyWeight[group]) = (keyWeight[group], weight[place])
  }

  private func loadEnteringColumn(_ variable: Int, _ group: Int) {
    column.fill(0)
    if group < 0 {
      let row = ~variable
      for i in 0..<stride { column.base[i] = inverse.base[row * stride + i] }
      return
    }
    if variable < columns.columnCount { addSolved(variable, 1, to: column) }
    if key[group] >= 0 { addSolved(Int(key[group]), -1, to: column) }
  }

  /// Position `p` passes to the entering variable: values, duals, weights, inverse and bookkeeping.
  private func exchange(_ p: Int, _ variable: Int, _ entered: Int, _ dualStep: Double) {
    let n = columns.columnCount
    let pivot = column[p]
    let reference = max(weight[p], 1e-4)
    let step = x[p] / pivot
    for row in 0..<rows { y.base[row] += dualStep * inverse.base[row * stride + p] }
    for i in 0..<rows where i != p {
      let d = column.base[i]
      guard abs(d) > 1e-12 else { continue }
      let ratio = d / pivot
      let grown = ratio * ratio * reference
      if grown > weight.base[i] { weight.base[i] = grown }
      x.base[i] -= step * d
      if basic.base[i] >= 0 {
        let g = group(ofBasic: i)
        keyValue.base[g] += step * d
        if grown > keyWeight.base[g] { keyWeight.base[g] = grown }
      }
    }
    let old = Int(basic[p])
    moveReduced(dualStep)
    if old >= 0, old < n { setReduced(old, -dualStep) }
    if variable >= 0, variable < n { setReduced(variable, -.infinity) }
    if old >= 0 { keyValue[group(ofBasic: p)] += x[p] }
    x[p] = step
    if entered >= 0 { keyValue[entered] -= step }
    weight[p] = max(reference / (pivot * pivot), 1)
    updateInverse(p)
    ticks += 6 * rows

    if old >= n {
      nonkeys[old - n] -= 1
    } else if old >= 0 {
      position[old] = -1
      nonkeys[Int(columns.group[old])] -= 1
    } else {
      slackPosition[~old] = -1
    }
    if entered < 0 {
      basic[p] = Int32(variable)
      slackPosition[~variable] = Int32(p)
    } else {
      basic[p] = Int32(variable)
      nonkeys[entered] += 1
      if variable < n { position[variable] = Int32(p) } else { restoreSlackKey(p) }
    }
    sinceRefactor += 1
  }
}
