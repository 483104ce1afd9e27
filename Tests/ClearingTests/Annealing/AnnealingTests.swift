import Testing

@testable import Clearing

@Suite("Annealing keeps its books, whatever the features")
struct AnnealingTests {
  @Test func everyStepKeepsTheInvariants() throws {
    for seed in 0..<150 as Range<UInt64> {
      guard let setting = try Setting(seed: seed) else { continue }
      var annealer = setting.annealer(seed: seed)
      for step in 0..<150 {
        annealer.step(Int64(step % 4) * 3)
        if let problem = annealer.holdings.broken(holding: setting.start) {
          Issue.record("seed \(seed), step \(step): \(problem)")
          return
        }
      }
    }
  }

  /// Books whose lines have more candidates than a refill looks at, most of them awarded or not in long runs.
  @Test func everyStepKeepsTheInvariantsOfLongLines() throws {
    for seed in 0..<3 as Range<UInt64> {
      let setting = try #require(try Setting(seed: seed, bids: 900...1000, slots: 12...16))
      var annealer = setting.annealer(seed: seed)
      let first = annealer.candidates.lineFirst
      #expect(zip(first, first.dropFirst()).contains { Int($1 - $0) > annealer.reach })
      for step in 0..<200 {
        annealer.step(Int64(step % 4) * 3)
        guard step % 20 == 0, let problem = annealer.holdings.broken(holding: setting.start) else { continue }
        Issue.record("seed \(seed), step \(step): \(problem)")
        return
      }
    }
  }

  @Test func undoRestoresWhatWasHeld() throws {
    for seed in 0..<150 as Range<UInt64> {
      guard let setting = try Setting(seed: seed) else { continue }
      var annealer = setting.annealer(seed: seed)
      for _ in 0..<40 {
        annealer.step(5)
        let before = annealer.selection(setting.start)
        annealer.holdings.begin()
        let item = annealer.random.below(annealer.candidates.itemCount)
        if annealer.holdings.held[item] < 0 || !annealer.ruin(item) { _ = annealer.insert(item, losing: 100) }
        annealer.holdings.undo()
        #expect(annealer.selection(setting.start) == before, "seed \(seed)")
      }
    }
  }

  /// One that goes on from where another has come to holds what that one holds, not its best.
  @Test func aChainGoesOnFromAnother() throws {
    var isElsewhere = false
    for seed in 0..<40 as Range<UInt64> {
      guard let setting = try Setting(seed: seed) else { continue }
      var annealer = setting.annealer(seed: seed)
      annealer.run(50_000, schedule: Schedule(hot: 10, cold: 10))
      let present = annealer.selection(setting.start)
      let other = Annealer(Candidates(setting.shortlist), holding: present, seed: seed + 1)
      #expect(other.holdings.welfare == annealer.holdings.welfare, "seed \(seed)")
      #expect(other.selection(setting.start) == present, "seed \(seed)")
      #expect(annealer.meanWelfare <= Double(annealer.holdings.bestWelfare), "seed \(seed)")
      if annealer.holdings.welfare < annealer.holdings.bestWelfare { isElsewhere = true }
    }
    #expect(isElsewhere)
  }

  /// Cold annealing loses nothing, stays feasible, gives the same on one thread, and finds what greedy awards left.
  @Test func coolingOnlyImproves() throws {
    var improved = 0
    for seed in 0..<40 as Range<UInt64> {
      guard let setting = try Setting(seed: seed, bids: 12...20) else { continue }
      var solver = Solver(setting.book, work: Work(ticks: 100 * Work.ticksPerUnit))
      solver.offer(setting.start, setting.start.welfare(setting.book))
      var other = solver
      let before = solver.welfare
      solver.cool(ticks: 2 * Work.ticksPerUnit)
      Threads.$single.withValue(true) { other.cool(ticks: 2 * Work.ticksPerUnit) }
      #expect(solver.welfare >= before && solver.welfare <= solver.bound, "seed \(seed)")
      #expect(solver.best.isFeasible(setting.book), "seed \(seed)")
      #expect(solver.best.welfare(setting.book) == solver.welfare, "seed \(seed)")
      #expect(other.best == solver.best && other.work.ticks == solver.work.ticks, "seed \(seed)")
      if solver.welfare > before { improved += 1 }
    }
    #expect(improved > 5, "\(improved)")
  }

  /// A gate of negative value stays a candidate for what it lets in, though nobody holds it yet.
  @Test func opensGatesThatNobodyHolds() throws {
    var entered = 0
    for seed in 0..<40 as Range<UInt64> {
      guard let setting = try Setting(seed: seed) else { continue }
      let companies = Set(setting.book.company.map { Int($0) })
      let charged = setting.book.charging(Dictionary(uniqueKeysWithValues: companies.map { ($0, 1) }))
      var solver = Solver(charged, work: Work(ticks: 100 * Work.ticksPerUnit))
      solver.cool(ticks: 2 * Work.ticksPerUnit)
      #expect(solver.best.isFeasible(charged), "seed \(seed)")
      #expect(solver.best.welfare(charged) == solver.welfare, "seed \(seed)")
      if solver.welfare > 0 { entered += 1 }
    }
    #expect(entered > 30, "\(entered)")
  }

  @Test func findsTheBestOfSmallBooks() throws {
    var missed = 0
    for seed in 0..<40 as Range<UInt64> {
      guard let setting = try Setting(seed: seed) else { continue }
      var annealer = setting.annealer(seed: seed)
      annealer.run(300_000, schedule: Schedule(hot: 10, cold: 1))
      let clearing = clear(setting.instance, pricing: .none, effort: Effort(units: 10))
      let best = annealer.holdings.bestWelfare
      #expect(best <= clearing.bound, "seed \(seed)")
      if best < clearing.welfare { missed += 1 }
    }
    #expect(missed <= 4)
  }
}

/// A small book, its prices and a greedy start.
struct Setting {
  let instance: Instance
  let book: Book
  let shortlist: Shortlist
  let start: Selection

  init?(seed: UInt64, bids: ClosedRange<Int> = 6...14, slots: ClosedRange<Int> = 2...6) throws {
    instance = try SmallBook(bids: bids, slots: slots).instance(seed: seed)
    book = Book(instance)
    let certificate = Certificate(book)
    let prices = certificate.whole([Double](repeating: 1, count: book.rowCount))
    var allocation = Allocation(book)
    Greedy(book, prices: prices.map { Double($0) }).fill(&allocation)
    start = allocation.selection
    // Books in which nothing can win have nothing to anneal.
    guard let list = Shortlist(certificate, prices: prices, tolerance: 1, keeping: start) else { return nil }
    shortlist = list
    if list.option.isEmpty { return nil }
  }

  func annealer(seed: UInt64) -> Annealer {
    Annealer(Candidates(shortlist), holding: start, seed: seed)
  }
}

extension Annealer {
  /// What all items of the book hold now.
  func selection(_ start: Selection) -> Selection {
    var result = start
    holdings.write(best: false, into: &result)
    return result
  }
}
