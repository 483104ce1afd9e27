extension Solver {
  /// Searches of the book's parts, if it falls into several and there are ticks enough for them.
  func partSearches(ticks: Int) -> PartSearches? {
    // A large book is not taken apart in vain.
    guard book.optionCount * book.lineLength <= PartSearches.mostRootCells(ticks),
      let split = Decomposition(book, certificate, prices: prices)
    else { return nil }
    return PartSearches(split, ticks: ticks)
  }

  /// Lowers the bound by searching the parts of the book, for about so many ticks at most.
  ///
  /// Work goes to the parts whose bound has fallen most for what they had, and ends early where bounds fall so slowly that
  /// a better allocation is found sooner.
  mutating func searchParts(_ parts: PartSearches, ticks: Int) {
    let end = work.ticks + ticks
    /// By how much a tick has lately lowered the bound.
    var pace = 0.0
    var rounds = 0
    while work.ticks < end, welfare < bound, !work.isOver, !parts.isOver {
      let (isBegun, before) = (parts.areAllBegun, parts.bound)
      let spent = parts.run(worth: welfare, ticks: end - work.ticks)
      work.add(spent)
      lower(parts.bound)
      work.boundary()
      guard isBegun else { continue }
      let last = Double(before - parts.bound) / Double(max(1, spent))
      pace = rounds == 0 ? last : (pace + last) / 2
      rounds += 1
      guard rounds >= Solver.fewestPartRounds else { continue }
      // A tenth more time for an allocation closes about a hundredth of the gap.
      if pace * Double(work.budget) < Double(bound - welfare) / 10 { return }
      // Without the links between parts the sum may begin above the bound, and never fall below it.
      if pace * Double(end - work.ticks) < Double(parts.bound - bound) { return }
    }
  }

  /// A round or two may lower nothing though those after them do.
  private static let fewestPartRounds = 4
}

/// Tree searches of a decomposition's parts, of which nothing but bounds is wanted.
final class PartSearches {
  private let constant: Int64
  private let searches: [PartSearch]

  /// - Parameters:
  ///   - split: the parts.
  ///   - ticks: what the searches will have; solving their roots must not take half of it.
  /// - Returns: nil if a part is too large for a tree, or if all of them are for the ticks.
  init?(_ split: Decomposition, ticks: Int) {
    var columns: [Columns] = []
    var cells = 0
    for part in split.parts {
      guard Columns.rowCount(of: part) <= Solver.quickRows, let own = Columns(part, limit: Solver.columnLimit) else {
        return nil
      }
      columns.append(own)
      cells += own.columnCount * own.rowCount
    }
    guard cells <= PartSearches.mostRootCells(ticks) else { return nil }
    constant = split.constant
    searches = columns.map { PartSearch($0, memory: PartSearches.memoryLimit / columns.count) }
  }

  /// How many columns × rows all roots together may have where there are so many ticks.
  static func mostRootCells(_ ticks: Int) -> Int { ticks / 2 * Solver.lanes / rootTicks }

  /// What a column costs for each row until its part's root is solved.
  private static let rootTicks = 400

  /// Whether all parts have been searched below their roots, or need no more.
  var areAllBegun: Bool { searches.allSatisfy { $0.yield < PartSearch.untried } }

  /// Whether nothing is left to search.
  var isOver: Bool { searches.allSatisfy(\.isOver) }

  /// No allocation of the book is worth more, micro-dollars; `Int64.max` as long as that is not known.
  var bound: Int64 { Solver.sum([constant] + searches.map(\.bound)) }

  /// Goes on with as many parts as there are lanes.
  /// - Parameters:
  ///   - welfare: what is known to be reached, which must not fall from call to call: nodes that cannot lift the sum of
  ///     all bounds above it are passed over.
  ///   - most: about how many ticks, at most.
  /// - Returns: the ticks spent.
  func run(worth welfare: Int64, ticks most: Int) -> Int {
    let chosen = searches.indices.filter { !searches[$0].isOver }
      .sorted { (searches[$1].yield, $0) < (searches[$0].yield, $1) }.prefix(Solver.lanes)
    let whole = bound
    if whole < .max {
      for index in chosen { searches[index].raiseFloor(welfare + 1 - (whole - searches[index].bound)) }
    }
    // Slices grow, so that long searches are not all bookkeeping.
    let slice = max(PartSearches.firstSlice, searches.map(\.ticks).max()! / 10)
    // Each index is one search, and none is touched by two.
    nonisolated(unsafe) let running = chosen.map { searches[$0] }
    let spent = parallelMap(running.count) { running[$0].run(ticks: min(slice, most)) }
    return spent.max() ?? 0
  }

  private static let firstSlice = 60 * Work.ticksPerUnit
  /// What the open nodes of all parts may take, bytes.
  private static let memoryLimit = 600_000_000
}

/// The search of one part.
private final class PartSearch {
  private let tree: TreeSearch
  private var runs = 0
  /// Whether nothing is open, or there is no room for more nodes.
  private(set) var isOver = false

  init(_ columns: Columns, memory: Int) {
    var settings = TreeSearch.Settings()
    settings.memoryLimit = memory
    settings.rootRoundings = 0
    // Where no allocation is sought, only the nodes of the highest bounds matter.
    settings.plungeDepth = 0.02
    tree = TreeSearch(columns, rulesTies: false, settings: settings)
  }

  var ticks: Int { tree.ticks }
  /// No allocation of the part that matters is worth more, micro-dollars.
  var bound: Int64 { runs == 0 ? .max : tree.bound }

  /// By how much a tick has lowered the bound below the root's on average. What has no root comes first, then what has
  /// nothing else.
  var yield: Double {
    guard !isOver, runs < 2 else { return Double(tree.rootBound - bound) / Double(max(1, ticks)) }
    return runs == 0 ? .infinity : PartSearch.untried
  }

  static let untried = Double.greatestFiniteMagnitude

  /// A floor only rises: what a lower one would not have passed over is gone.
  func raiseFloor(_ floor: Int64) { tree.floor = max(tree.floor, floor) }

  /// - Parameter limit: about how many ticks; the first time only the root is solved.
  /// - Returns: the ticks spent.
  func run(ticks limit: Int) -> Int {
    let before = ticks
    tree.run(until: before + (runs == 0 ? 1 : limit))
    runs += 1
    // A search that ends before its time has no room for more nodes.
    isOver = tree.isComplete || (runs > 1 && ticks - before < limit / 2)
    return ticks - before
  }
}
