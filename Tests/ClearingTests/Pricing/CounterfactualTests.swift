import Testing

@testable import Clearing

@Suite("Counterfactuals of books that are not proven")
struct CounterfactualTests {
  /// Annealing and trees alike stay on their side of what the others are truly worth.
  @Test(arguments: [false, true])
  func encloseTheTrueWelfare(withTrees: Bool) throws {
    var searched = 0
    for seed in 0..<250 as Range<UInt64> {
      let instance = try SmallBook(bids: 5...7, unit: 1000).instance(seed: seed)
      var solver = Solver(Book(instance), work: Work(ticks: 1))
      solver.run()
      guard solver.welfare < solver.bound else { continue }
      var search = CounterfactualSearch(instance, solver)
      if withTrees { search.treeTicks = 0 }
      for company in Set(solver.book.company) {
        let outcome = search.search(
          without: company, from: solver.best, worth: solver.welfare, ticks: 2 * Work.ticksPerUnit)
        let name = instance.companyName(Int(company))
        let truth = ReferenceClearing(instance, without: [name]).welfare
        let found = outcome.counterfactual
        let rest = search.refilled(without: company, from: solver.best)
        #expect(rest.welfare <= found.welfare, "seed \(seed), \(name)")
        #expect(found.welfare <= truth && truth <= found.bound, "seed \(seed), \(name)")
        if let better = outcome.better {
          #expect(better.isFeasible(solver.book), "seed \(seed), \(name)")
          #expect(better.welfare(solver.book) > solver.welfare, "seed \(seed), \(name)")
        }
        searched += 1
      }
    }
    #expect(searched > 50)
  }

  /// Every option that is held is a candidate, so that nothing is lost or left without its parent.
  @Test func annealingNeverLosesWhatItBeganWith() throws {
    for seed in 0..<150 as Range<UInt64> {
      let instance = try SmallBook(bids: 6...14, slots: 2...6, unit: 1000).instance(seed: seed)
      var solver = Solver(Book(instance), work: Work(ticks: 1))
      solver.run()
      let book = solver.book
      let search = CounterfactualSearch(instance, solver)
      for company in Set(book.company) {
        let rest = search.refilled(without: company, from: solver.best).selection
        guard
          let shortlist = Shortlist(
            solver.certificate, prices: solver.prices, tolerance: 1, keeping: rest, without: company)
        else { continue }
        let candidates = Candidates(shortlist)
        #expect(candidates.item.allSatisfy { book.company[Int(book.itemBid[Int($0)])] != company })
        var annealer = Annealer(candidates, holding: rest, seed: seed)
        #expect(annealer.selection(rest) == rest, "seed \(seed)")
        guard candidates.itemCount > 0 else { continue }
        for _ in 0..<60 { annealer.step(3000) }
        let held = annealer.selection(rest)
        #expect(held.isFeasible(book) && book.without(company, held) == held, "seed \(seed)")
      }
    }
  }
}
