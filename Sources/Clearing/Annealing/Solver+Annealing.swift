extension Solver {
  /// Improves the best allocation by annealing for so many ticks.
  ///
  /// Chains run side by side and independently; where there is work enough, two rounds of them begin from the same
  /// start: which large blocks stand together is settled while a chain is hot and hardly changes later, so once chains
  /// are long more of them find more than longer ones.
  ///
  /// - Parameter exchanging: where there is one round, after every stage the chain that is worth least goes on from where the
  ///   one worth most has come to ("go with the winners", Aldous and Vazirani 1994). Of many bids the sum tells early which
  ///   chain is better. Where there is time for two rounds, some large blocks decide, and chains that are kin find less.
  mutating func anneal(ticks: Int, exchanging: Bool = false) {
    guard ticks > 0, !isDone,
      let shortlist = Shortlist(certificate, prices: prices, tolerance: shortlistTolerance, keeping: best)
    else { return }
    let candidates = Candidates(shortlist)
    let gap = Double(bound - welfare) / Double(max(1, welfare))
    let plan = AnnealingPlan(book, ticks: ticks, gap: gap, isWarm: isWarm)
    let start = best
    let schedule = Schedule(heat: plan.heat, awardsOf: start, worth: welfare)
    for round in 0..<plan.rounds where !isDone {
      var chains = (0..<Solver.lanes).map { lane in
        AnnealingChain(candidates, from: start, seed: UInt64(round * Solver.lanes + lane + 1))
      }
      for stage in 0..<plan.stages where !isDone {
        let done = plan.ticksPerRound * stage / plan.stages
        let next = plan.ticksPerRound * (stage + 1) / plan.stages
        run(chains, from: start, schedule: schedule, done, next, of: plan.ticksPerRound)
        if exchanging, plan.rounds == 1, next - done >= book.itemCount * Solver.exchangeTicks * 10 {
          let ranked = chains.indices.sorted { (chains[$1].meanWelfare, $0) < (chains[$0].meanWelfare, $1) }
          chains[ranked.last!] = AnnealingChain(
            candidates, from: chains[ranked.first!].present(of: start),
            seed: UInt64(100 + round * plan.stages + stage))
          work.add(book.itemCount * Solver.exchangeTicks)
        }
        work.boundary()
      }
    }
  }

  /// Improves the best allocation by cold annealing for so many ticks, with more of each bid's options than `anneal`
  /// looks at: what is dear at the prices is tried in vain while a chain is hot, and fills gaps in the end.
  ///
  /// - Parameter round: another for every time that it is done, so that random numbers differ.
  mutating func cool(ticks: Int, round: Int = 0) {
    let preparation = book.optionCount * Shortlist.ticksPerOption
    guard mayBeCooled, ticks > 2 * preparation, !isDone,
      let shortlist = Shortlist(certificate, prices: prices, tolerance: book.coldTolerance, keeping: best)
    else { return }
    let candidates = Candidates(shortlist)
    let start = best
    let schedule = Schedule(coldFor: start, worth: welfare)
    let chains = (0..<Solver.lanes).map { lane in
      AnnealingChain(candidates, from: start, seed: UInt64(Solver.coldSeed + round * Solver.lanes + lane))
    }
    work.add(preparation)
    let ticks = ticks - preparation
    let stages = max(1, min(20, ticks / Work.ticksPerUnit / 100))
    for stage in 0..<stages where !isDone {
      run(chains, from: start, schedule: schedule, ticks * stage / stages, ticks * (stage + 1) / stages, of: ticks)
      work.boundary()
    }
  }

  /// Runs chains side by side from `done` ticks up to `next`, and takes what is better than the best.
  private mutating func run(
    _ chains: [AnnealingChain], from start: Selection, schedule: Schedule, _ done: Int, _ next: Int, of all: Int
  ) {
    let spent = parallelMap(chains.count) { chains[$0].run(next - done, schedule: schedule, done: done, of: all) }
    work.add(spent.max()!)
    for chain in chains where chain.bestWelfare > welfare {
      let better = chain.best(of: start)
      offer(better, better.welfare(book))
    }
  }

  /// Whether chains have nothing more to do: the best is proven, or the caller has stopped the search.
  private var isDone: Bool { welfare == bound || work.stoppedEarly }

  /// Whether cold annealing finds anything: of very many bids one fills every gap already.
  var mayBeCooled: Bool { book.optionCount < 200_000 }

  /// Apart from the seeds of `anneal`.
  private static let coldSeed = 200

  /// What it costs for an item that a chain goes on from where another has come to.
  private static let exchangeTicks = 200

  /// Large books have more choice than annealing can use.
  private var shortlistTolerance: Int64 {
    switch book.optionCount {
    case ..<20_000: 3
    case ..<200_000: 10
    default: 20
    }
  }
}

extension Book {
  /// The tolerance of a shortlist for cold annealing, which can use more choice than a hot one.
  var coldTolerance: Int64 { optionCount < 50_000 ? 1 : 3 }
}

/// How a piece of work is divided over rounds of annealing.
struct AnnealingPlan {
  let rounds: Int
  let ticksPerRound: Int
  /// Pieces of a round after each of which a caller may stop it.
  let stages: Int
  /// The first temperature in hundredths of the mean award's value: the fewer moves a bid, the colder the start.
  let heat: Int64

  /// - Parameter gap: of the allocation to begin from, as a part of its welfare.
  init(_ book: Book, ticks: Int, gap: Double, isWarm: Bool) {
    let items = max(1, book.itemCount)
    let most = isWarm ? 1 : AnnealingPlan.mostRounds
    rounds = max(1, min(most, ticks / (items * AnnealingPlan.roundTicksPerItem)))
    ticksPerRound = ticks / rounds
    stages = max(1, min(20, ticksPerRound / Work.ticksPerUnit))
    let movesPerItem = max(1, ticksPerRound / AnnealingChain.ticksPerMove / items)
    // A warm start is near a good allocation, which great heat would only destroy. A cold start is hot enough to
    // move the largest blocks, where there are moves enough to cool down from there, and blocks so large that the
    // greedy allocation is several percent from the bound.
    let part = min(1, Double(movesPerItem) / 1280)
    let coarseness = min(1, gap / 0.06)
    let hottest = min(coarseness * coarseness, part.squareRoot() * part.squareRoot().squareRoot())
    heat = isWarm ? AnnealingPlan.warmth : max(2, Int64(70 * hottest))
  }

  /// The first temperature, in hundredths of the mean award's value, near a good allocation.
  static let warmth: Int64 = 5

  private static let mostRounds = 2
  /// A round of this length finds about what a longer one would.
  private static let roundTicksPerItem = 8_000_000
}

/// One annealing of a whole book, used by one lane at a time.
final class AnnealingChain: @unchecked Sendable {
  private var annealer: Annealer

  /// A nominal figure, by which moves are reckoned where the heat is chosen: the heat was tuned with it.
  static let ticksPerMove = 2500

  init(_ candidates: Candidates, from start: Selection, seed: UInt64) {
    annealer = Annealer(candidates, holding: start, seed: seed)
  }

  var bestWelfare: Int64 { annealer.holdings.bestWelfare }

  /// - Returns: the ticks spent.
  func run(_ ticks: Int, schedule: Schedule, done: Int, of all: Int) -> Int {
    let before = annealer.ticks
    annealer.run(ticks, schedule: schedule, done: done, of: all)
    return annealer.ticks - before
  }

  /// What it is worth at its heat, micro-dollars.
  var meanWelfare: Double { annealer.meanWelfare }

  func best(of start: Selection) -> Selection { selection(of: start, best: true) }

  /// What it holds now, which may be less than its best.
  func present(of start: Selection) -> Selection { selection(of: start, best: false) }

  private func selection(of start: Selection, best: Bool) -> Selection {
    var result = start
    annealer.holdings.write(best: best, into: &result)
    return result
  }
}
