/// Searches that share one tree: open nodes are dealt out again after every slice of work.
///
/// Who gets which node rests on bounds and numbers alone, and a slice ends by counted work, so the tree is the same
/// on one thread and on many.
final class TreeTeam: @unchecked Sendable {
  private let members: [TreeSearch]
  /// The longest member's ticks, slice by slice.
  private(set) var ticks = 0
  private var isOpen = false
  /// Ticks spent on improving the best allocation.
  private var improving = 0

  init(_ columns: Columns, rulesTies: Bool) {
    members = (0..<Solver.lanes).map { TreeSearch(columns, rulesTies: rulesTies, lane: $0, lanes: Solver.lanes) }
  }

  var welfare: Int64 { members[0].welfare }
  var selection: Selection { members[0].selection }
  /// No allocation of the book is worth more, micro-dollars.
  var bound: Int64 { isOpen ? members.map(\.bound).max()! : .max }
  private(set) var isComplete = false
  var nodes: Int { members.reduce(0) { $0 + $1.nodes } }

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
      slice(min(end - ticks, TreeTeam.sliceTicks), members: members.count)
      if !isComplete, (ticks - improving) / 10 * 4 > improving { improve() }
    }
  }

  private static let sliceTicks = 20 * Work.ticksPerUnit

  /// Searches the bids on which a member's relaxation and the best allocation disagree, all others as they are:
  /// relaxation-induced neighbourhoods (Danna, Rothberg and Le Pape 2005).
  private func improve() {
    let (book, held) = (members[0].book, selection)
    let disputed = members.map { Neighbourhood(bids: book.withKin($0.disputedBids())) }
    let found = parallelMap(members.count) { book.improve(held, disputed[$0], ticks: TreeTeam.sliceTicks) }
    let spent = found.map(\.ticks).max()!
    ticks += spent
    improving += spent
    for better in found.compactMap(\.better) { offer(better) }
  }

  private func slice(_ limit: Int, members count: Int) {
    // Each index is one member, and no member is touched by two.
    nonisolated(unsafe) let members = members
    let spent = parallelMap(count) { index in
      let before = members[index].ticks
      members[index].run(until: before + limit)
      return members[index].ticks - before
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
