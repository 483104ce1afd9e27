import Testing

@testable import Clearing

@Suite("Counterfactuals of books that are not proven")
struct CounterfactualTests {
  /// Annealing and trees alike stay on their side of what the others are truly worth.
  @Test(arguments: [false, true])
  func encloseTheTrueWelfare(withTrees: Bool) throws {
    var searched = 0
    for seed in 0..<250 as Range<UInt64> {
      let instance = try SmallBook(bids: 5...7).instance(seed: seed)
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

  @Test func candidatesWithoutACompanyAreTheOthersInTheSameOrder() throws {
    for seed in 0..<100 as Range<UInt64> {
      guard let setting = try Setting(seed: seed) else { continue }
      let whole = Candidates(setting.shortlist)
      let book = setting.book
      for company in Set(book.company) {
        let part = Candidates(whole, without: company)
        func stays(_ candidate: Candidates.Candidate, _ list: Candidates) -> Bool {
          book.company[Int(book.itemBid[Int(list.item[Int(candidate.item)])])] != company
        }
        #expect(part.all.map(\.option) == whole.all.filter { stays($0, whole) }.map(\.option))
        for line in 0..<whole.lineFirst.count - 1 {
          func options(_ list: Candidates) -> [Int32] {
            list.scan[Int(list.lineFirst[line])..<Int(list.lineFirst[line + 1])]
              .map { list.all[Int($0.candidate)] }.filter { stays($0, list) }.map(\.option)
          }
          #expect(options(part) == options(whole), "seed \(seed), line \(line)")
        }
        for item in 0..<part.itemCount {
          #expect(part.candidates(ofItem: item).allSatisfy { Int(part.all[$0].item) == item })
        }
        guard part.itemCount > 0 else { continue }
        var annealer = Annealer(part, holding: book.without(company, setting.start), seed: seed)
        for _ in 0..<50 { annealer.step(3) }
        let held = annealer.selection(book.without(company, setting.start))
        #expect(held.isFeasible(book) && book.without(company, held) == held, "seed \(seed)")
      }
    }
  }
}
