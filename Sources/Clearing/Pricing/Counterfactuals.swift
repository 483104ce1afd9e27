/// The best welfare found without a company, and a bound on it, micro-dollars.
struct Counterfactual: Sendable {
  var welfare: Int64
  var bound: Int64

  /// The better of two searches, on both sides.
  func joined(_ other: Counterfactual?) -> Counterfactual {
    guard let other else { return self }
    return Counterfactual(welfare: max(welfare, other.welfare), bound: min(bound, other.bound))
  }
}

/// Searches a book without one company, again and again, from what the book's own search knows.
///
/// A proven book's counterfactuals are trees of their own. Where the book is not proven, a tree that has little time
/// finds worse allocations than annealing from the base allocation does; it follows where there is time for both.
struct CounterfactualSearch: Sendable {
  let instance: Instance
  let base: Book
  let certificate: Certificate
  /// Prices of the base, approximate and whole.
  let prices: [Double]
  let wholePrices: [Int64]
  let greedy: Greedy
  /// What annealing moves; nil if the base is proven.
  let candidates: Candidates?
  /// Whether trees reach some part of the book.
  let hasTrees: Bool
  /// With fewer ticks a tree gives less than annealing.
  var treeTicks = 300 * Work.ticksPerUnit

  init(_ instance: Instance, _ solver: Solver) {
    self.instance = instance
    base = solver.book
    certificate = solver.certificate
    prices = solver.floatPrices
    wholePrices = solver.prices
    greedy = Greedy(base, prices: prices)
    hasTrees = solver.hardestRows <= Solver.quickRows || solver.hasEasyPart
    candidates =
      solver.welfare == solver.bound
      ? nil
      : Shortlist(certificate, prices: wholePrices, tolerance: 1, keeping: solver.best).map { Candidates($0) }
  }

  struct Outcome: Sendable {
    var counterfactual: Counterfactual
    /// What it cost, with a search on every lane.
    var ticks = 0
    /// An allocation of the base that is worth more than the best.
    var better: Selection?
  }

  /// - Parameters:
  ///   - best: the base's best allocation, worth `welfare`.
  ///   - limit: ticks to spend at most, or about.
  func search(without company: Int32, from best: Selection, worth welfare: Int64, ticks limit: Int) -> Outcome {
    let plain = certificate.bound(wholePrices, without: company) ?? .max
    guard limit > 0 else { return Outcome(counterfactual: Counterfactual(welfare: 0, bound: plain)) }
    guard let candidates else { return prove(company, from: best, worth: welfare, bound: plain, ticks: limit) }
    let others = base.without(company, best)
    let rest = refilled(without: company, from: best)
    var outcome = Outcome(
      counterfactual: Counterfactual(welfare: rest.welfare, bound: plain), ticks: base.optionCount * 8 / Solver.lanes)
    var found = rest.selection
    let isWorthTree = hasTrees && limit > treeTicks
    let share = isWorthTree ? limit * 3 / 10 : limit
    anneal(candidates, without: company, &found, &outcome, until: share)
    refine(&outcome, company, net: welfare - others.welfare(base), worth: welfare)
    // The company's bids may fit what was found as well as they fit the base.
    var all = Allocation(base)
    all.take(found)
    greedy.fill(&all)
    if all.welfare > welfare { outcome.better = all.selection }
    guard isWorthTree, limit > outcome.ticks else { return outcome }
    var proof = prove(
      company, from: found, worth: max(welfare, all.welfare), bound: outcome.counterfactual.bound,
      ticks: limit - outcome.ticks)
    proof.counterfactual = proof.counterfactual.joined(outcome.counterfactual)
    proof.ticks += outcome.ticks
    proof.better = proof.better ?? outcome.better
    return proof
  }

  /// What the others hold of an allocation, and what they can take of what the company held.
  func refilled(without company: Int32, from best: Selection) -> Allocation {
    var rest = Allocation(base)
    rest.take(base.without(company, best))
    greedy.fill(&rest, without: company)
    return rest
  }

  /// Improves an allocation without the company by annealing, if there are ticks enough for some moves.
  private func anneal(
    _ candidates: Candidates, without company: Int32, _ found: inout Selection, _ outcome: inout Outcome,
    until limit: Int
  ) {
    let preparation = base.optionCount * 20
    let budget = (limit - outcome.ticks) * Solver.lanes - preparation
    guard budget > preparation else { return }
    let schedule = Schedule(heat: AnnealingPlan.warmth, awardsOf: found, worth: outcome.counterfactual.welfare)
    let chain = AnnealingChain(Candidates(candidates, without: company), from: found, seed: UInt64(company) + 1)
    let spent = chain.run(budget, schedule: schedule, done: 0, of: budget)
    found = chain.best(of: found)
    outcome.counterfactual.welfare = found.welfare(base)
    outcome.ticks += (spent + preparation) / Solver.lanes
  }

  /// Lowers the bound by prices of their own, if that may bring a payment's high end below the bid.
  private func refine(_ outcome: inout Outcome, _ company: Int32, net: Int64, worth welfare: Int64) {
    guard outcome.counterfactual.bound < welfare + net / 4 else { return }
    let other = Book(instance, without: Int(company))
    var volume = Volume(other, from: prices)
    volume.run(iterations: 100, boldness: 0.004)
    outcome.ticks += (volume.ticks + other.optionCount * 100) / Solver.lanes
    let own = Certificate(other)
    if let bound = own.bound(own.whole(volume.prices)) {
      outcome.counterfactual.bound = min(outcome.counterfactual.bound, bound)
    }
  }

  private func prove(
    _ company: Int32, from held: Selection, worth welfare: Int64, bound: Int64, ticks: Int
  ) -> Outcome {
    let other = Book(instance, without: Int(company))
    var solver = Solver(other, work: Work(ticks: ticks))
    solver.rulesTies = false
    solver.work.add(other.optionCount * 100)
    solver.run(from: prices, held: other.adapted(held, from: base))
    return Outcome(
      counterfactual: Counterfactual(welfare: solver.welfare, bound: min(bound, solver.bound)),
      ticks: solver.work.ticks,
      better: solver.welfare > welfare ? base.adapted(solver.best, from: other) : nil)
  }
}
