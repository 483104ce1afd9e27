/// Clears a round: which bids win, at which payments, and how far that can be from the best.
///
/// The same instance, rule and effort give the same result on any machine and any number of threads, unless
/// `control` ends the work early; then `Effort.stopAt` set to `workDone` repeats it.
/// - Parameters:
///   - pricing: the rule by which winners pay.
///   - effort: how much work may be done; a book proven earlier ends earlier.
public func clear(
  _ instance: Instance, pricing: PricingRule, effort: Effort, control: ClearingControl = .init()
) -> Clearing {
  let book = Book(instance)
  var solver = Solver(book, work: Work(effort: effort, control: control), report: control.onImprovement)
  solver.run()
  var draft = Draft(instance: instance, book: book, solver: solver)
  pricing.price(&draft)
  return draft.clearing(effort: effort)
}

/// A clearing while it is priced.
struct Draft {
  let instance: Instance
  var book: Book
  var solver: Solver
  var awards: [Award]
  var payments: [CompanyPayment] = []
  /// The rule that the payments follow.
  var rule = PricingRule.none

  init(instance: Instance, book: Book, solver: Solver) {
    self.instance = instance
    self.book = book
    self.solver = solver
    awards = book.awards(solver.best, instance)
  }

  func clearing(effort: Effort) -> Clearing {
    let pools = instance.poolCount
    let slots = instance.slotCount
    let prices = solver.wholePrices
    return Clearing(
      engineVersion: engineVersion, effort: effort, workDone: solver.work.units,
      stoppedEarly: solver.work.stoppedEarly, welfare: solver.welfare, bound: solver.bound,
      ties: solver.tiesRuled ? .ruled : .notGuaranteed, awards: awards, rule: rule, payments: payments,
      prices: (0..<pools).map { pool in
        (0..<slots).map { prices[pool * slots + $0] + instance.reserve(pool: pool) }
      })
  }

  /// Indices of companies that won something, by name.
  var winners: [Int] {
    var seen = Set<Int>()
    for award in awards { seen.insert(instance.company(ofBid: award.bid)) }
    return seen.sorted { instance.companyName($0) < instance.companyName($1) }
  }
}
