/// A split of a node: a set of a group's columns and its complement, or a quantity group below and above a number.
struct Branch {
  let group: Int
  /// The set, for an exclusive group.
  var set: [Int32] = []
  /// The largest quantity of the lower side, for a quantity group.
  var floor: Int32 = 0
  /// How much of the set the relaxation takes, between 0 and 1.
  let fraction: Double
  var score = 0.0
  /// Certified bounds of the two sides.
  var upBound = Int64.max
  var downBound = Int64.max
}

/// What has been forbidden or demanded since some point, to be taken back.
struct Trail {
  var forbidden: [Int32] = []
  var must: [Int32] = []
  var quantities: [(group: Int32, least: Int32, most: Int32)] = []

  mutating func forbid(_ j: Int, _ lp: Relaxation) {
    guard !lp.forbidden[j] else { return }
    lp.forbidden[j] = true
    forbidden.append(Int32(j))
  }

  mutating func demand(_ group: Int, _ lp: Relaxation) {
    guard !lp.must[group] else { return }
    lp.must[group] = true
    must.append(Int32(group))
  }

  mutating func narrow(_ group: Int, least: Int32, most: Int32, _ lp: Relaxation) {
    quantities.append((Int32(group), lp.least[group], lp.most[group]))
    lp.least[group] = max(least, lp.least[group])
    lp.most[group] = min(most, lp.most[group])
    lp.markStale()
  }

  /// One side of a branch: up takes one of the set (or more than the floor), down none of it.
  mutating func apply(_ branch: Branch, up: Bool, _ lp: Relaxation) {
    if lp.columns.most[branch.group] > 0 {
      if up {
        narrow(branch.group, least: branch.floor + 1, most: .max, lp)
      } else {
        narrow(branch.group, least: 0, most: branch.floor, lp)
      }
    } else if up {
      var member = 0
      for j in lp.columns.columns(branch.group) {
        if member < branch.set.count, Int(branch.set[member]) == j { member += 1 } else { forbid(j, lp) }
      }
      demand(branch.group, lp)
    } else {
      for j in branch.set { forbid(Int(j), lp) }
    }
  }

  /// Fixes a group to what a solution holds: a column or -1, or a quantity.
  mutating func fix(_ group: Int, to choice: Int32, _ lp: Relaxation) {
    if lp.columns.most[group] > 0 {
      narrow(group, least: choice, most: choice, lp)
      return
    }
    for j in lp.columns.columns(group) where Int32(j) != choice { forbid(j, lp) }
    if choice >= 0 { demand(group, lp) }
  }

  mutating func undo(_ lp: Relaxation) {
    for j in forbidden { lp.forbidden[Int(j)] = false }
    for group in must { lp.must[Int(group)] = false }
    for (group, least, most) in quantities.reversed() {
      lp.least[Int(group)] = least
      lp.most[Int(group)] = most
      lp.markStale()
    }
    forbidden.removeAll(keepingCapacity: true)
    must.removeAll(keepingCapacity: true)
    quantities.removeAll(keepingCapacity: true)
  }
}

extension TreeSearch {
  /// The ways to split each group that the relaxation takes in part: the whole bid, a pool, a prefix of starts.
  func branches(_ x: Buffer<Double>) -> [Branch] {
    var result: [Branch] = []
    for group in 0..<columns.groupCount {
      let range = columns.columns(group)
      if columns.most[group] > 0 {
        let value = x[range.lowerBound]
        let floor = value.rounded(.down)
        if value - floor > 1e-6, value - floor < 1 - 1e-6 {
          result.append(Branch(group: group, floor: Int32(floor), fraction: value - floor))
        }
        continue
      }
      guard range.contains(where: { x[$0] > 1e-6 && x[$0] < 1 - 1e-6 }) else { continue }
      let free = range.filter { !lp.forbidden[$0] }.map { Int32($0) }
      var seen: Set<[Int32]> = []
      func add(_ set: [Int32]) {
        let fraction = set.reduce(0.0) { $0 + x[Int($1)] }
        guard fraction >= 1e-5, fraction <= 1 - 1e-5, seen.insert(set).inserted else { return }
        result.append(Branch(group: group, set: set, fraction: fraction))
      }
      add(free)
      var lines: [[Int32]] = []
      var lineOf: [Int: Int] = [:]
      for j in free {
        let line = Int(book.start[Int(columns.option[Int(j)])]) / book.lineLength
        if let known = lineOf[line] {
          lines[known].append(j)
        } else {
          lineOf[line] = lines.count
          lines.append([j])
        }
      }
      for line in lines {
        add(line)
        let mass = line.reduce(0.0) { $0 + x[Int($1)] }
        guard mass > 1e-6 else { continue }
        var sum = 0.0
        var cut = 0
        var closest = Double.infinity
        for (index, j) in line.enumerated() {
          sum += x[Int(j)]
          if abs(sum - mass / 2) < closest {
            closest = abs(sum - mass / 2)
            cut = index + 1
          }
        }
        add(Array(line[..<cut]))
        add(Array(line[cut...]))
      }
    }
    return result
  }

  /// Solves both sides of the most promising branches a little and picks the one whose bounds fall most.
  /// - Returns: nil if a side was closed: the node has been tightened and must be solved again.
  func strongBranch(_ candidates: [Branch], depth: Int, bound: inout Int64, kept: inout Trail) -> Branch? {
    let base = lp.objective
    let gap = max(1e-9, base - Double(target) / lp.scale)
    let tries = depth < 8 ? settings.triesHigh : settings.triesLow
    let patience = depth < 8 ? settings.patienceHigh : settings.patienceLow
    lp.save(to: scratchState)
    var best: Branch?
    var disappointments = 0
    for var branch in candidates.prefix(tries) {
      let up = trial(branch, up: true, base: base, gap: gap, bound: bound)
      let down = trial(branch, up: false, base: base, gap: gap, bound: bound)
      pseudo[branch.group].add(up: up.loss / (1 - branch.fraction), down: down.loss / branch.fraction)
      branch.upBound = up.bound
      branch.downBound = down.bound
      if up.isClosed || down.isClosed {
        if up.isClosed, down.isClosed {
          bound = .min
        } else {
          kept.apply(branch, up: down.isClosed, lp)
          bound = min(bound, up.isClosed ? down.bound : up.bound)
        }
        return nil
      }
      branch.score = 0.83 * min(up.loss, down.loss) + 0.17 * max(up.loss, down.loss)
      if branch.score > best?.score ?? -1 {
        best = branch
        disappointments = 0
      } else {
        disappointments += 1
        if disappointments >= patience { break }
      }
    }
    return best
  }

  private func trial(_ branch: Branch, up: Bool, base: Double, gap: Double, bound: Int64)
    -> (loss: Double, bound: Int64, isClosed: Bool)
  {
    var trail = Trail()
    trail.apply(branch, up: up, lp)
    let outcome = lp.solve(cutoff: cutoff, limit: settings.trialPivots)
    var result = (loss: min(gap, max(0, base - lp.objective)), bound: bound, isClosed: false)
    switch outcome {
    case .infeasible:
      result.loss = gap
      result.isClosed = isProvenInfeasible()
    default:
      if outcome == .cutoff { result.loss = gap }
      if let found = bounds.compute() {
        result.bound = min(bound, found == NodeBound.nothing ? .min : found >> bounds.shift)
        result.isClosed = result.bound < target
      }
    }
    trail.undo(lp)
    lp.load(scratchState)
    return result
  }
}

/// What splitting a group has cost the relaxation so far, per unit of fraction.
struct PseudoCost {
  private(set) var up = 0.0
  private(set) var down = 0.0
  private(set) var count = 0

  mutating func add(up: Double, down: Double) {
    self.up += up
    self.down += down
    count += 1
  }
}
