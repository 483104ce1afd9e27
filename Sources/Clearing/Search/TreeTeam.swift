/// Searches that share one tree: open nodes are dealt out again after every slice of work.
///
/// Who gets which node rests on bounds and numbers alone, and a slice ends by counted work, so the tree is the same
/// on one thread and on many.
final class TreeTeam: @unchecked Sendable {
  private let members: [TreeSearch]
  private let improvers: [Improver]
  /// What a member does before nodes are dealt out again: some hundred pivots at least, whatever they cost, and more the
  /// longer the search lasts, since what the first neighbourhoods did not find takes larger ones, and those take time.
  var sliceTicks: Int { max(firstSlice, ticks / 30) }
  private let firstSlice: Int
  /// The longest member's ticks, slice by slice.
  private(set) var ticks = 0
  private var isOpen = false

  init(_ columns: Columns, rulesTies: Bool, prices: [Double]) {
    improvers = (0..<Solver.lanes).map { Improver(columns.book, prices: prices, lane: $0) }
    let rows = columns.rowCount
    firstSlice = max(30 * Work.ticksPerUnit, 6 * rows * rows * rows)
    members = (0..<Solver.lanes).map { TreeSearch(columns, rulesTies: rulesTies, lane: $0, lanes: Solver.lanes) }
  }

  var welfare: Int64 { members[0].welfare }
  var selection: Selection { members[0].selection }
  /// No allocation of the book is worth more, micro-dollars.
  var bound: Int64 { isOpen ? members.map(\.bound).max()! : .max }
  private(set) var isComplete = false

  /// Offers an allocation of the book.
  func offer(_ selection: Selection) {
    for member in members { member.offer(selection) }
  }

  /// Searches until nothing is open or about so many ticks are used up; may be called again to go on.
  func run(ticks limit: Int) {
    let end = ticks + limit
    if !isOpen {
      // The root and what hangs on it directly are one member's work.
      isOpen = true
      slice(min(limit, 2 * Work.ticksPerUnit), members: 1)
    }
    while !isComplete, ticks < end {
      deal()
      slice(min(end - ticks, sliceTicks), members: members.count)
    }
  }

  /// Each member searches for half of the time, then looks for better allocations for a third, then goes on.
  private func slice(_ limit: Int, members count: Int) {
    // Each index is one member, and no member is touched by two.
    nonisolated(unsafe) let members = members
    nonisolated(unsafe) let improvers = improvers
    let spent = parallelMap(count) { index in
      let begin = members[index].ticks
      members[index].run(until: begin + limit / 2)
      let improving = improvers[index].improve(members[index], ticks: limit / 3)
      members[index].run(until: begin + limit - improving)
      return members[index].ticks - begin + improving
    }
    ticks += max(1, spent.max()!)
    for member in members.dropFirst() { members[0].adopt(from: member) }
    for member in members.dropFirst() { member.adopt(from: members[0]) }
    isComplete = members.prefix(count).allSatisfy(\.isComplete)
  }

  /// Deals the open nodes out in turn, the most promising first.
  private func deal() {
    let open = members.flatMap { $0.takeOpen() }.sorted(by: NodeHeap.precedes)
    for (index, member) in members.enumerated() {
      member.give(stride(from: index, to: open.count, by: members.count).map { open[$0] })
    }
  }
}
