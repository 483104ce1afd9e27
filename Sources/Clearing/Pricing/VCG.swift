/// Vickrey–Clarke–Groves payments (Vickrey 1961, Clarke 1971, Groves 1973): what others lose through a winner.
///
/// Each company pays the reserve cost of what it wins, plus L − (W − v): the best welfare L without its bids, less
/// what the others get now. With L ≥ W − v a payment is at least the reserve cost; with W ≥ L it is at most the bid.
/// Both hold because a counterfactual that beats W replaces the base allocation, or in the end counts for no more
/// than W, and because what the others hold now is one of the allocations without the company.
extension Draft {
  mutating func payVCG() {
    let found = solveCounterfactuals()
    rule = .vcg
    payments = []
    for company in winners {
      let net = netValue(of: company)
      let rest = solver.welfare - net
      let other = found[company]!
      let low = max(other.welfare, rest) - rest
      let high = min(max(other.bound - rest, low), net)
      charge(company, low: low, high: high, exact: low == high && solver.bound == solver.welfare)
    }
  }

  /// Welfare of what a company wins.
  func netValue(of company: Int) -> Int64 {
    awards.reduce(0) { $0 + (instance.company(ofBid: $1.bid) == company ? $1.net : 0) }
  }

  /// The welfare without each winner; a better allocation found on the way becomes the base.
  ///
  /// Work that easy companies leave over goes to those that are still open: once more, where each can have at least
  /// twice of what it had.
  private mutating func solveCounterfactuals() -> [Int: Counterfactual] {
    var found: [Int: Counterfactual] = [:]
    guard !winners.isEmpty else { return found }
    var budget = Draft.share * solver.work.budget
    // A batch cannot be stopped: no company has more than half of the allocation's effort at a time.
    let most = max(1, solver.work.budget / 2)
    budget -= min(budget, coolBase(min(most / 4, budget / winners.count)))
    // The base's welfare when each company was last left out of it.
    var seen: [Int: Int64] = [:]
    let search = CounterfactualSearch(instance, solver)
    var waiting = winners
    var least = Int.max
    while true {
      while !waiting.isEmpty {
        let share = solver.work.stoppedEarly ? 0 : min(most, budget / waiting.count)
        least = min(least, share)
        // Small batches pass on what quick companies leave over; they also let a caller stop in between.
        let size = max(Solver.lanes, min(8, 4000 * Work.ticksPerUnit / max(1, share)))
        let batch = Array(waiting.prefix(size))
        let (best, welfare, known) = (solver.best, solver.welfare, found)
        let results = parallelMap(batch.count) { index in
          search.search(
            without: Int32(batch[index]), from: best, worth: welfare, known: known[batch[index]], ticks: share)
        }
        for (company, result) in zip(batch, results) {
          budget -= min(budget, result.ticks)
          solver.work.add(result.ticks)
          found[company] = result.counterfactual.joined(found[company])
          if share > 0 { seen[company] = welfare }
          if let better = result.better { adopt(better, search.greedy) }
        }
        solver.work.boundary()
        let isNew = winners.filter { found[$0] == nil }
        waiting = isNew.isEmpty ? Array(waiting.dropFirst(batch.count)) : isNew
      }
      let open = winners.filter { found[$0]!.welfare < found[$0]!.bound }
      let next = open.isEmpty ? 0 : min(most, budget / open.count)
      guard next > 0, !solver.work.stoppedEarly, next / 2 >= least else { break }
      (waiting, least) = (open, .max)
    }
    if !solver.work.stoppedEarly { refill(&found, seen, search) }
    return found
  }

  /// Improves the base as the counterfactuals will be, as long as that finds much: what one of them finds far from its
  /// company's awards, the base and all others would lack.
  /// - Parameter ticks: of one round.
  /// - Returns: the ticks spent.
  private mutating func coolBase(_ ticks: Int) -> Int {
    guard solver.isCooledForPricing else { return 0 }
    let begin = solver.work.ticks
    for round in 1...4 {
      let before = solver.welfare
      solver.cool(ticks: ticks, round: round)
      if solver.welfare - before <= before / 20_000 { break }
    }
    awards = book.awards(solver.best, instance)
    return solver.work.ticks - begin
  }

  /// Fills up the base without each company that was left out of a worse base, or of none.
  private mutating func refill(
    _ found: inout [Int: Counterfactual], _ seen: [Int: Int64], _ search: CounterfactualSearch
  ) {
    let stale = winners.filter { seen[$0] ?? -1 < solver.welfare && found[$0]!.welfare < found[$0]!.bound }
    let best = solver.best
    let refilled = parallelMap(stale.count) { search.refilled(without: Int32(stale[$0]), from: best).welfare }
    for (company, welfare) in zip(stale, refilled) {
      // One that beats the base shows that without the company at least the base's welfare can be had.
      found[company]!.welfare = max(found[company]!.welfare, min(welfare, solver.welfare))
    }
    solver.work.add(stale.count * book.optionCount * CounterfactualSearch.refillTicks / Solver.lanes)
    solver.work.boundary()
  }

  /// Payments rest on the counterfactuals: all of them together get so many times the effort of the allocation.
  private static let share = 6

  /// A better allocation becomes the base, filled up with what still fits.
  private mutating func adopt(_ selection: Selection, _ greedy: Greedy) {
    var allocation = Allocation(book)
    allocation.take(selection)
    greedy.fill(&allocation)
    solver.offer(allocation.selection, allocation.welfare)
    awards = book.awards(solver.best, instance)
  }

  /// Records what a company pays above reserve, and splits it over its awards.
  mutating func charge(_ company: Int, low: Int64, high: Int64, exact: Bool) {
    let mine = awards.indices.filter { instance.company(ofBid: awards[$0].bid) == company }
    let cost = mine.reduce(Int64(0)) { $0 + awards[$1].reserveCost }
    let parts = split(low, inProportionTo: mine.map { awards[$0].net })
    for (index, part) in zip(mine, parts) { awards[index].payment = awards[index].reserveCost + part }
    payments.append(
      CompanyPayment(
        company: instance.companyName(company), payment: cost + low, low: cost + low, high: cost + high, exact: exact))
  }
}

extension Book {
  /// A selection less what one company holds.
  func without(_ company: Int32, _ selection: Selection) -> Selection {
    var result = selection
    for item in 0..<itemCount where self.company[Int(itemBid[item])] == company {
      result.option[item] = -1
      result.quantity[item] = 0
    }
    return result
  }

  /// A selection of another book of the same instance, as far as its bids are here.
  func adapted(_ selection: Selection, from other: Book) -> Selection {
    var result = Selection(self)
    var there = 0
    for bid in 0..<bidCount {
      while there < other.bidCount, other.bidIndex[there] < bidIndex[bid] { there += 1 }
      guard there < other.bidCount, other.bidIndex[there] == bidIndex[bid] else { continue }
      // The same bid has the same items and options in every book of an instance.
      let shift = Int(itemFirst[bid]) - Int(other.itemFirst[there])
      for item in other.items(ofBid: there) where selection.option[item] >= 0 {
        result.option[item + shift] =
          selection.option[item] - other.optionFirst[item] + optionFirst[item + shift]
        result.quantity[item + shift] = selection.quantity[item]
      }
    }
    return result
  }
}

extension Solver {
  /// Whether a base is cooled once more before it is priced: trees find more where they reach.
  var isCooledForPricing: Bool { mayBeCooled && !hasTrees }
}
