/// Branch and bound, best-first with plunging.
///
/// A node is pruned only by the whole-number bound of `NodeBound`. With `rulesTies` nodes that could hold an equally
/// good allocation which precedes the best one stay open too, so that what is left in the end is the allocation the
/// tie rule picks (docs/mechanism.md).
final class TreeSearch {
  struct Settings {
    var triesHigh = 12
    var triesLow = 4
    var patienceHigh = 8
    var patienceLow = 3
    var trialPivots = 40
    var plungeNodes = 200
    /// A plunge goes on while its bound is within this part of the gap from the highest open bound.
    var plungeDepth = 0.6
    /// Whole solutions rounded from the root's relaxation.
    var rootRoundings = 20
    var memoryLimit = 300_000_000
  }

  let columns: Columns
  let book: Book
  let lp: Relaxation
  let bounds: NodeBound
  let rulesTies: Bool
  var settings: Settings
  /// Column of each exclusive group or -1; GPUs of each quantity group.
  private(set) var incumbent: [Int32]
  /// Micro-dollars; -1 while there is none.
  private(set) var welfare: Int64
  /// The lowest welfare still of interest.
  var target: Int64 { max(floor, rulesTies ? max(0, welfare) : welfare + 1) }
  /// Welfare below this is of no interest, whatever is known: such nodes are passed over, and the bound never says less than
  /// one below it. May be raised at any time, never lowered.
  var floor: Int64 = 0
  /// Relaxations at or below this are probably of no interest.
  var cutoff: Double { (Double(target) - 0.5) / lp.scale }

  var pseudo: [PseudoCost]
  let scratchState: Relaxation.State
  let x: Buffer<Double>
  private var heap = NodeHeap()
  /// Numbers nodes; searches that share a tree count in steps, so that no two nodes have the same.
  private var sequence: Int
  private let sequenceStep: Int
  private(set) var nodes = 0
  private var memory = 0
  /// Bound of nodes that could neither be closed nor split.
  private var stuck = Int64.min
  /// How many relaxations seemed empty without a proof.
  private var unproven = 0
  private(set) var rootBound = Int64.max
  /// Set once the search has left no node open.
  private(set) var isComplete = false

  /// - Parameters:
  ///   - lane: which of `lanes` searches of one tree this is.
  init(_ columns: Columns, rulesTies: Bool, settings: Settings = Settings(), lane: Int = 0, lanes: Int = 1) {
    self.columns = columns
    book = columns.book
    lp = Relaxation(columns)
    bounds = NodeBound(columns, lp)
    self.rulesTies = rulesTies
    self.settings = settings
    sequence = lane
    sequenceStep = lanes
    incumbent = TreeSearch.nothing(columns)
    welfare = -1
    pseudo = [PseudoCost](repeating: PseudoCost(), count: columns.groupCount)
    scratchState = Relaxation.State(lp)
    x = Buffer(columns.columnCount, 0)
  }

  private static func nothing(_ columns: Columns) -> [Int32] {
    columns.most.map { $0 > 0 ? 0 : -1 }
  }

  /// Nanoseconds or so spent: 7/4 of what the relaxation counts, which leaves out what is small.
  var ticks: Int { lp.ticks * 7 / 4 }

  /// No allocation of the book is worth more, micro-dollars.
  var bound: Int64 {
    let closed = max(max(welfare, stuck), floor - 1)
    return isComplete ? closed : max(closed, max(current?.bound ?? .min, heap.top?.bound ?? .min))
  }
  private var current: (bound: Int64, depth: Int)?

  // MARK: Search

  /// Searches until nothing is open or the ticks are used up; may be called again to go on.
  func run(until limit: Int) {
    if rootBound == .max { openRoot() }
    while !isComplete, ticks < limit {
      guard let node = nextOpen() else {
        isComplete = true
        break
      }
      memory -= node.size
      node.restore(to: lp)
      plunge(from: node, until: limit)
      if memory > settings.memoryLimit { break }
    }
  }

  // MARK: Sharing a tree

  /// Gives away all open nodes.
  func takeOpen() -> [TreeNode] {
    memory = 0
    return heap.removeAll()
  }

  /// Goes on from these open nodes, found by this search or another of the same columns.
  func give(_ nodes: [TreeNode]) {
    for node in nodes where node.bound >= target {
      memory += node.size
      heap.push(node)
    }
    isComplete = heap.isEmpty
    if rootBound == .max { rootBound = Int64.max - 1 }
  }

  /// Takes over what another search of the same columns holds, if it is better.
  func adopt(from other: TreeSearch) { offer(other.incumbent, other.welfare) }

  /// Bids on which the relaxation last solved and the best allocation disagree.
  func disputedBids() -> [Int] {
    var result: [Int] = []
    for bid in 0..<book.bidCount where book.items(ofBid: bid).contains(where: isDisputed) { result.append(bid) }
    return result
  }

  private func isDisputed(_ group: Int) -> Bool {
    let range = columns.columns(group)
    let choice = incumbent[group]
    if columns.most[group] > 0 { return abs(x[range.lowerBound] - Double(choice)) > 1e-3 }
    if choice >= 0 { return x[Int(choice)] < 0.999 }
    return range.contains { x[$0] > 1e-3 }
  }

  private func openRoot() {
    _ = lp.solve(cutoff: -.infinity)
    lp.solution(into: x)
    var noise = Noise(seed: 1)
    for round in 0..<settings.rootRoundings { roundOff(noise: Double(round) * 0.05, &noise) }
    rootBound = (bounds.compute() ?? NodeBound.nothing) >> bounds.shift
    if rootBound < 0 { rootBound = Int64.max - 1 }
    push(bound: rootBound, depth: 0)
  }

  private func nextOpen() -> TreeNode? {
    while let node = heap.pop() {
      if node.bound >= target { return node }
      memory -= node.size
    }
    return nil
  }

  private func plunge(from node: TreeNode, until limit: Int) {
    var bound = node.bound
    var depth = node.depth
    var steps = 0
    while true {
      current = (bound, depth)
      defer { current = nil }
      let children = expand(depth: depth, bound: &bound)
      guard let (branch, upFirst) = children else { return }
      let (first, second) = upFirst ? (branch.upBound, branch.downBound) : (branch.downBound, branch.upBound)
      var trail = Trail()
      trail.apply(branch, up: !upFirst, lp)
      if min(bound, second) >= target { push(bound: min(bound, second), depth: depth + 1) }
      trail.undo(lp)
      trail.apply(branch, up: upFirst, lp)
      bound = min(bound, first)
      depth += 1
      steps += 1
      guard bound >= target else { return }
      let highest = heap.top?.bound ?? bound
      let reach = Double(highest - max(max(0, welfare), floor)) * settings.plungeDepth
      if steps >= settings.plungeNodes || Double(highest - bound) > reach || ticks >= limit {
        push(bound: bound, depth: depth)
        return
      }
    }
  }

  private func push(bound: Int64, depth: Int) {
    sequence += sequenceStep
    let node = TreeNode(lp, bound: bound, depth: depth, sequence: sequence)
    memory += node.size
    heap.push(node)
  }

  /// Solves the node that the relaxation stands at.
  /// - Returns: how to split it and which side to follow; nil if it is closed.
  private func expand(depth: Int, bound: inout Int64) -> (Branch, upFirst: Bool)? {
    nodes += 1
    var kept = Trail()
    var rounds = 0
    while true {
      let before = unproven
      guard tighten(&bound) else { return nil }
      if unproven > before {
        // Empty, it seems, but not provably: its halves may be.
        if let plain = anySplit(bound: bound, choice: incumbent) { return (plain, true) }
        stuck = max(stuck, bound)
        return nil
      }
      lp.solution(into: x)
      if depth < 6 || nodes % 16 == 0 {
        var noise = Noise(seed: UInt64(nodes))
        roundOff(noise: 0, &noise)
        roundOff(noise: 0.5, &noise)
        if bound < target { return nil }
      }
      var candidates = branches(x)
      if candidates.isEmpty {
        guard let forced = closeIntegral(bound: bound, depth: depth) else { return nil }
        return (forced, true)
      }
      for index in candidates.indices { candidates[index].score = estimate(candidates[index]) }
      candidates.sort { ($1.score, $0.group) < ($0.score, $1.group) }
      rounds += 1
      if rounds > 200 {
        // Tightening step by step has gone on long enough: split untried.
        var plain = candidates[0]
        (plain.upBound, plain.downBound) = (bound, bound)
        return (plain, true)
      }
      if let branch = strongBranch(candidates, depth: depth, bound: &bound, kept: &kept) {
        return (branch, upFirst: branch.upBound >= branch.downBound)
      }
      if bound < target { return nil }
    }
  }

  /// Solves the relaxation and fixes by reduced value until nothing changes; false once the node is closed.
  private func tighten(_ bound: inout Int64) -> Bool {
    for _ in 0..<6 {
      var outcome = lp.solve(cutoff: cutoff)
      if outcome == .infeasible {
        if isProvenInfeasible() { return false }
        // The floats may have drifted: once more from a basis without history.
        lp.slackBasis()
        outcome = lp.solve(cutoff: cutoff)
        if outcome == .infeasible {
          if isProvenInfeasible() { return false }
          unproven += 1
          return true
        }
      }
      guard var scaled = bounds.compute() else { return true }
      if outcome == .cutoff, scaled >= target << bounds.shift {
        outcome = lp.solve(cutoff: -.infinity)
        if outcome == .infeasible { continue }
        scaled = bounds.compute() ?? scaled
      }
      if scaled == NodeBound.nothing { return false }
      bound = min(bound, scaled >> bounds.shift)
      if bound < target || !mayPrecede(bound) { return false }
      if bounds.fix(bound: scaled, target: target).isEmpty { return true }
    }
    return true
  }

  /// Whether some prices along the simplex's infeasibility ray prove, in whole numbers, that the node holds nothing.
  func isProvenInfeasible() -> Bool {
    var highest = 0.0
    var longest = 1e-12
    for row in 0..<lp.rows {
      highest = max(highest, abs(lp.y[row]))
      longest = max(longest, abs(lp.rho[row]))
    }
    for factor in [1.0, 10, 100, 1000, 10_000] {
      guard let found = bounds.compute(alongRay: -factor * (1 + highest) / longest) else { return false }
      if found < target << bounds.shift { return true }
    }
    return false
  }

  private func estimate(_ branch: Branch) -> Double {
    let cost = pseudo[branch.group]
    let j = branch.set.first.map(Int.init) ?? columns.columns(branch.group).lowerBound
    let area = Double(columns.height[j]) * Double(columns.end[j] - columns.start[j])
    let up = cost.count > 0 ? cost.up / Double(cost.count) : area
    let down = cost.count > 0 ? cost.down / Double(cost.count) : area
    return max(up * (1 - branch.fraction), 1e-6) * max(down * branch.fraction, 1e-6)
  }

  // MARK: Whole solutions

  /// Offers an allocation of the book.
  func offer(_ selection: Selection) {
    var choice = TreeSearch.nothing(columns)
    for group in 0..<columns.groupCount where selection.option[group] >= 0 {
      if columns.most[group] > 0 {
        choice[group] = selection.quantity[group]
      } else {
        for j in columns.columns(group)
        where columns.option[j] == selection.option[group] && columns.quantity[j] == selection.quantity[group] {
          choice[group] = Int32(j)
        }
      }
    }
    offer(choice, selection.welfare(book))
  }

  private func offer(_ choice: [Int32], _ value: Int64) {
    guard value > welfare || (rulesTies && value == welfare && precedes(choice, incumbent)) else { return }
    incumbent = choice
    welfare = value
  }

  /// The best allocation found.
  var selection: Selection { selection(of: incumbent) }

  private func selection(of choice: [Int32]) -> Selection {
    var result = Selection(book)
    for group in 0..<columns.groupCount {
      if columns.most[group] > 0 {
        guard choice[group] > 0 else { continue }
        result.option[group] = columns.option[columns.columns(group).lowerBound]
        result.quantity[group] = choice[group]
      } else if choice[group] >= 0 {
        result.option[group] = columns.option[Int(choice[group])]
        result.quantity[group] = columns.quantity[Int(choice[group])]
      }
    }
    return result
  }

  /// A node whose relaxation is whole: takes the solution, and splits the node if it may hold a better one still,
  /// or one as good that precedes it.
  private func closeIntegral(bound: Int64, depth: Int) -> Branch? {
    var choice = TreeSearch.nothing(columns)
    for group in 0..<columns.groupCount {
      let range = columns.columns(group)
      if columns.most[group] > 0 {
        choice[group] = Int32(x[range.lowerBound].rounded())
      } else if let j = range.first(where: { x[$0] > 0.5 }) {
        choice[group] = Int32(j)
      }
    }
    let found = selection(of: choice)
    let isSound = found.isFeasible(book)
    let value = isSound ? found.welfare(book) : -1
    if isSound { offer(choice, value) }
    if bound < target { return nil }
    if isSound, bound == value {
      splitForTies(choice, bound: bound, depth: depth)
      return nil
    }
    // Rounding hides the best, or the floats were wrong.
    if let plain = anySplit(bound: bound, choice: choice) { return plain }
    // Everything is fixed: the node holds this one solution or none.
    let last = fixedChoice()
    let only = selection(of: last)
    if only.isFeasible(book) { offer(last, only.welfare(book)) }
    return nil
  }

  /// A split that leaves both sides smaller, whatever the relaxation says; nil if everything is fixed.
  private func anySplit(bound: Int64, choice: [Int32]) -> Branch? {
    for group in 0..<columns.groupCount {
      let branch: Branch
      if columns.most[group] > 0 {
        guard lp.least[group] < lp.most[group] else { continue }
        let floor = max(lp.least[group], min(choice[group], lp.most[group] - 1))
        branch = Branch(group: group, floor: floor, fraction: 0.5, upBound: bound, downBound: bound)
      } else {
        let free = columns.columns(group).filter { !lp.forbidden[$0] }.map { Int32($0) }
        guard free.count > 1 || (free.count == 1 && !lp.must[group]) else { continue }
        branch = Branch(group: group, set: [free[0]], fraction: 0.5, upBound: bound, downBound: bound)
      }
      return branch
    }
    return nil
  }

  private func fixedChoice() -> [Int32] {
    (0..<columns.groupCount).map { group in
      if columns.most[group] > 0 { return lp.least[group] }
      return columns.columns(group).first { !lp.forbidden[$0] }.map { Int32($0) } ?? -1
    }
  }

  /// Opens the parts of a node that may hold an allocation as good as `choice` that precedes it: for each group, all
  /// earlier groups as in `choice` and this one preferred.
  private func splitForTies(_ choice: [Int32], bound: Int64, depth: Int) {
    let slack = (bounds.compute() ?? .max) - target << bounds.shift
    var fixed = Trail()
    var open: [TreeNode] = []
    for group in 0..<columns.groupCount {
      if mayImprove(group, choice[group], slack) {
        var trail = Trail()
        preferred(group, to: choice[group], &trail)
        if mayPrecede(bound) {
          sequence += sequenceStep
          open.append(TreeNode(lp, bound: bound, depth: depth + 1, sequence: sequence))
        }
        trail.undo(lp)
      }
      fixed.fix(group, to: choice[group], lp)
    }
    fixed.undo(lp)
    // The first group's part is looked at first: pushed last, with the highest sequence.
    for node in open.reversed() {
      lp.markStale()
      sequence += sequenceStep
      heap.push(TreeNode(copying: node, sequence: sequence))
      memory += node.size
    }
  }

  /// Whether a group could take something it prefers to `choice` without falling below the target.
  private func mayImprove(_ group: Int, _ choice: Int32, _ slack: Int64) -> Bool {
    let isLinked = !book.isLinked.isEmpty && book.isLinked[Int(book.itemBid[group])]
    let range = columns.columns(group)
    if columns.most[group] > 0 {
      guard choice < lp.most[group] else { return false }
      let unit = bounds.reduced[range.lowerBound]
      return isLinked || unit >= 0 || -unit * Int64(choice + 1 - lp.least[group]) <= slack
    }
    for j in range where !lp.forbidden[j] && (choice < 0 || j < Int(choice)) {
      if isLinked || bounds.share[group] - bounds.reduced[j] <= slack { return true }
    }
    return false
  }

  private func preferred(_ group: Int, to choice: Int32, _ trail: inout Trail) {
    if columns.most[group] > 0 {
      trail.narrow(group, least: choice + 1, most: .max, lp)
      return
    }
    for j in columns.columns(group) where choice >= 0 && j >= Int(choice) { trail.forbid(j, lp) }
    trail.demand(group, lp)
  }

  // MARK: Ties

  /// Whether one choice comes before another by the tie rule: the first group in which they differ decides.
  private func precedes(_ a: [Int32], _ b: [Int32]) -> Bool {
    for group in 0..<columns.groupCount where a[group] != b[group] { return isPreferred(group, a[group], b[group]) }
    return false
  }

  private func isPreferred(_ group: Int, _ a: Int32, _ b: Int32) -> Bool {
    if columns.most[group] > 0 { return a > b }
    return a >= 0 && (b < 0 || a < b)
  }

  /// Whether a node may hold what is still sought: something better, or something as good that comes earlier.
  private func mayPrecede(_ bound: Int64) -> Bool {
    guard rulesTies, bound == welfare else { return true }
    for group in 0..<columns.groupCount {
      var best: Int32 = -1
      if columns.most[group] > 0 {
        best = lp.most[group]
      } else if let first = columns.columns(group).first(where: { !lp.forbidden[$0] }) {
        best = Int32(first)
      }
      if best != incumbent[group] { return isPreferred(group, best, incumbent[group]) }
    }
    return false
  }
}
