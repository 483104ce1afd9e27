/// The best welfare found without a company, and a bound on it, micro-dollars.
struct Counterfactual: Sendable {
  var welfare: Int64
  var bound: Int64

  /// The better side of each of two searches.
  func joined(_ other: Counterfactual?) -> Counterfactual {
    guard let other else { return self }
    return Counterfactual(welfare: max(welfare, other.welfare), bound: min(bound, other.bound))
  }
}

/// Searches a book without one company, again and again, from what the book's own search knows.
///
/// A proven book's counterfactuals are searches of their own. Where the book is not proven, a tree that has little
/// time finds worse allocations than annealing from the base allocation does; it follows where there is time for both.
struct CounterfactualSearch: Sendable {
  private let instance: Instance
  private let base: Book
  private let certificate: Certificate
  /// Prices of the base: approximate, and whole as the certificate scales them.
  private let prices: [Double]
  private let scaledPrices: [Int64]
  private let freePrices: [Int64]
  let greedy: Greedy
  private let isProven: Bool
  /// Whether trees reach an unproven part of the book before annealing.
  private let hasTrees: Bool
  /// Whether the base was cooled before it was priced, so that no heat finds much.
  private let isCooled: Bool
  /// With fewer ticks a tree gives less than annealing.
  var treeTicks = 300 * Work.ticksPerUnit

  init(_ instance: Instance, _ solver: Solver) {
    self.instance = instance
    base = solver.book
    certificate = solver.certificate
    prices = solver.floatPrices
    scaledPrices = solver.prices
    freePrices = [Int64](repeating: 0, count: scaledPrices.count)
    greedy = Greedy(base, prices: prices)
    isProven = solver.welfare == solver.bound
    hasTrees = solver.hasTrees
    isCooled = solver.isCooledForPricing
  }

  struct Outcome: Sendable {
    var counterfactual: Counterfactual
    /// What it cost while a search runs on every lane. A tree counts for all lanes, since it uses them itself.
    var ticks = 0
    /// An allocation of the base that is worth more than the best.
    var better: Selection?
  }

  /// - Parameters:
  ///   - best: the base's best allocation, worth `welfare`.
  ///   - known: what an earlier search found.
  ///   - limit: ticks to spend at most, or about.
  func search(
    without company: Int32, from best: Selection, worth welfare: Int64, known: Counterfactual? = nil,
    ticks limit: Int
  ) -> Outcome {
    // If the company alone makes GPUs scarce, without it they are worth nothing.
    let plain = min(
      certificate.bound(scaledPrices, without: company) ?? .max,
      certificate.bound(freePrices, without: company) ?? .max)
    guard limit > 0 else { return Outcome(counterfactual: Counterfactual(welfare: 0, bound: plain).joined(known)) }
    guard !isProven else { return prove(company, from: best, worth: welfare, bound: plain, ticks: limit) }
    let rest = refilled(without: company, from: best)
    var outcome = Outcome(
      counterfactual: Counterfactual(welfare: rest.welfare, bound: plain).joined(known),
      ticks: base.optionCount * CounterfactualSearch.refillTicks / Solver.lanes)
    let isWorthTree = hasTrees && limit > treeTicks
    let found = anneal(rest, without: company, &outcome, until: isWorthTree ? limit * 3 / 10 : limit)
    if known == nil {
      let net = welfare - base.without(company, best).welfare(base)
      refine(&outcome, company, net: net, worth: welfare, until: limit)
    }
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
  /// - Returns: the best it knows, which is what it began with if nothing better was found.
  private func anneal(
    _ rest: Allocation, without company: Int32, _ outcome: inout Outcome, until limit: Int
  ) -> Selection {
    let start = rest.selection
    let preparation = base.optionCount * Shortlist.ticksPerOption
    let budget = (limit - outcome.ticks) * Solver.lanes - preparation
    // Every option that is held must be a candidate: what is not stands in the way of all others.
    guard budget > preparation,
      let shortlist = Shortlist(
        certificate, prices: scaledPrices, tolerance: isCooled ? base.coldTolerance : 1, keeping: start,
        without: company)
    else { return start }
    let schedule =
      isCooled
      ? Schedule(coldFor: start, worth: rest.welfare)
      : Schedule(heat: AnnealingPlan.warmth, awardsOf: start, worth: rest.welfare)
    let chain = AnnealingChain(Candidates(shortlist), from: start, seed: UInt64(company) + 1)
    let spent = chain.run(budget, schedule: schedule, done: 0, of: budget)
    outcome.ticks += (spent + preparation) / Solver.lanes
    var found = Allocation(base)
    found.take(chain.best(of: start))
    assert(found.selection.isFeasible(base))
    greedy.fill(&found, without: company)
    guard found.welfare > rest.welfare else { return start }
    outcome.counterfactual.welfare = max(outcome.counterfactual.welfare, found.welfare)
    return found.selection
  }

  /// What an option costs where an allocation is filled up and bounds are formed.
  static let refillTicks = 24

  /// Lowers the bound by prices of their own, if that may bring a payment's high end below the bid.
  private func refine(
    _ outcome: inout Outcome, _ company: Int32, net: Int64, worth welfare: Int64, until limit: Int
  ) {
    let left = (limit - outcome.ticks) * Solver.lanes
    guard outcome.counterfactual.bound < welfare + net / 4, left > base.optionCount * 500 else { return }
    let other = Book(instance, without: Int(company))
    var volume = Volume(other, from: prices)
    volume.run(iterations: min(100, left / 2 / max(1, DualOracle(other).cost)), boldness: 0.004)
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
