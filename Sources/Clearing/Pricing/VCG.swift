/// Vickrey–Clarke–Groves payments (Vickrey 1961, Clarke 1971, Groves 1973): what others lose through a winner.
///
/// Each company pays the reserve cost of what it wins, plus L − (W − v): the best welfare L without its bids, less
/// what the others get now. With L ≥ W − v a payment is at least the reserve cost; with W ≥ L it is at most the bid.
/// Both hold because a counterfactual that beats W replaces the base allocation, and because what the others hold
/// now is one of the allocations without the company.
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
    // The base's welfare when each company was left out.
    var seen: [Int: Int64] = [:]
    let search = CounterfactualSearch(instance, solver)
    var budget = Draft.share * solver.work.budget
    var waiting = winners
    var least = Int.max
    while true {
      while !waiting.isEmpty {
        // Small batches pass on what quick companies leave over; they also let a caller stop in between.
        let batch = Array(waiting.prefix(8))
        let share = solver.work.stoppedEarly ? 0 : budget / waiting.count
        least = min(least, share)
        let (best, welfare) = (solver.best, solver.welfare)
        let results = parallelMap(batch.count) { index in
          search.search(without: Int32(batch[index]), from: best, worth: welfare, ticks: share)
        }
        for (company, result) in zip(batch, results) {
          budget -= min(budget, result.ticks)
          solver.work.add(result.ticks)
          found[company] = result.counterfactual.joined(found[company])
          seen[company] = welfare
          if let better = result.better { adopt(better) }
        }
        solver.work.boundary()
        let isNew = winners.filter { found[$0] == nil }
        waiting = isNew.isEmpty ? Array(waiting.dropFirst(batch.count)) : isNew
      }
      let open = winners.filter { found[$0]!.welfare < found[$0]!.bound }
      guard !open.isEmpty, !solver.work.stoppedEarly, budget / open.count >= 2 * max(1, least) else { break }
      (waiting, least) = (open, .max)
    }
    // A base found later may be the better one to start from.
    let stale = winners.filter { seen[$0]! < solver.welfare && found[$0]!.welfare < found[$0]!.bound }
    let best = solver.best
    let refilled = parallelMap(stale.count) { search.refilled(without: Int32(stale[$0]), from: best).welfare }
    // Should one beat the base, its worth without the company is still at least the base's.
    for (company, welfare) in zip(stale, refilled) {
      found[company]!.welfare = max(found[company]!.welfare, min(welfare, solver.welfare))
    }
    return found
  }

  /// Payments rest on the counterfactuals: all of them together get so many times the effort of the allocation.
  static let share = 4

  /// A better allocation becomes the base, filled up with what still fits.
  private mutating func adopt(_ selection: Selection) {
    var allocation = Allocation(book)
    allocation.take(selection)
    Greedy(book, prices: solver.floatPrices).fill(&allocation)
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
