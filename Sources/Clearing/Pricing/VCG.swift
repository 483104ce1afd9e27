/// Vickrey–Clarke–Groves payments (Vickrey 1961, Clarke 1971, Groves 1973): what others lose through a winner.
///
/// Each company pays the reserve cost of what it wins, plus L − (W − v): the best welfare L without its bids, less
/// what the others get now. With L ≥ W − v a payment is at least the reserve cost; with W ≥ L it is at most the bid.
/// Both hold because a counterfactual that beats W replaces the base allocation, and because what the others hold
/// now is one of the allocations without the company.
struct Counterfactual: Sendable {
  /// The best welfare found without the company, and a bound on it.
  var welfare: Int64
  var bound: Int64

  /// The better of two searches, on both sides.
  func joined(_ other: Counterfactual?) -> Counterfactual {
    guard let other else { return self }
    return Counterfactual(welfare: max(welfare, other.welfare), bound: min(bound, other.bound))
  }
}

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
    var budget = Draft.share * solver.work.budget
    var waiting = winners
    var least = Int.max
    while true {
      while !waiting.isEmpty {
        // Small batches pass on what quick companies leave over; they also let a caller stop in between.
        let batch = Array(waiting.prefix(8))
        let share = solver.work.stoppedEarly ? 0 : budget / waiting.count
        least = min(least, share)
        let results = solve(batch, ticks: share)
        for (company, result) in zip(batch, results) {
          budget -= min(budget, result.ticks)
          solver.work.add(result.ticks)
          found[company] = result.counterfactual.joined(found[company])
          if let better = result.better { adopt(better) }
        }
        solver.work.boundary()
        let isNew = winners.filter { found[$0] == nil }
        waiting = isNew.isEmpty ? Array(waiting.dropFirst(batch.count)) : isNew
      }
      let open = winners.filter { found[$0]!.welfare < found[$0]!.bound }
      guard !open.isEmpty, !solver.work.stoppedEarly, budget / open.count >= 2 * max(1, least) else { return found }
      (waiting, least) = (open, .max)
    }
  }

  /// Payments rest on the counterfactuals: all of them together get so many times the effort of the allocation.
  static let share = 2

  private struct Outcome: Sendable {
    let counterfactual: Counterfactual
    let ticks: Int
    /// An allocation worth more than the base, in the base book.
    let better: Selection?
  }

  private func solve(_ companies: [Int], ticks: Int) -> [Outcome] {
    let (instance, base, best) = (instance, book, solver.best)
    let (welfare, prices, whole) = (solver.welfare, solver.floatPrices, solver.prices)
    let certificate = solver.certificate
    let isLight = base.optionCount > Draft.lightLimit
    let refill = isLight ? Greedy(base, prices: prices) : nil
    return parallelMap(companies.count) { index in
      let company = Int32(companies[index])
      let plain = certificate.bound(whole, without: company) ?? .max
      guard ticks > 0 else {
        return Outcome(counterfactual: Counterfactual(welfare: 0, bound: plain), ticks: 0, better: nil)
      }
      if let refill {
        var rest = Allocation(base)
        rest.take(base.without(company, best))
        refill.fill(&rest, without: company)
        return Outcome(
          counterfactual: Counterfactual(welfare: rest.welfare, bound: plain), ticks: base.optionCount * 8,
          better: rest.welfare > welfare ? rest.selection : nil)
      }
      let other = Book(instance, without: Int(company))
      var solver = Solver(other, work: Work(ticks: ticks))
      solver.rulesTies = false
      solver.work.add(other.optionCount * 100)
      solver.run(from: prices, held: other.adapted(best, from: base))
      return Outcome(
        counterfactual: Counterfactual(welfare: solver.welfare, bound: min(plain, solver.bound)),
        ticks: solver.work.ticks,
        better: solver.welfare > welfare ? base.adapted(solver.best, from: other) : nil)
    }
  }

  /// Options above which a counterfactual is only refilled greedily: a book of its own would cost too much.
  private static let lightLimit = 300_000

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
