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
    guard ticks > 0, welfare < bound,
      let shortlist = Shortlist(certificate, prices: prices, tolerance: shortlistTolerance, keeping: best)
    else { return }
    let candidates = Candidates(shortlist)
    let gap = Double(bound - welfare) / Double(max(1, welfare))
    let plan = AnnealingPlan(book, ticks: ticks, gap: gap, isWarm: isWarm)
    let start = best
    let schedule = Schedule(heat: plan.heat, awardsOf: start, worth: welfare)
    for round in 0..<plan.rounds where !work.stoppedEarly {
      var chains = (0..<Solver.lanes).map { lane in
        AnnealingChain(candidates, from: start, seed: UInt64(round * Solver.lanes + lane + 1))
      }
      for stage in 0..<plan.stages where !work.stoppedEarly {
        let done = plan.ticksPerRound * stage / plan.stages
        let next = plan.ticksPerRound * (stage + 1) / plan.stages
        let running = chains
        let spent = parallelMap(running.count) { lane in
          running[lane].run(next - done, schedule: schedule, done: done, of: plan.ticksPerRound)
        }
        work.add(spent.max()!)
        for chain in chains where chain.bestWelfare > welfare {
          let better = chain.best(of: start)
          offer(better, better.welfare(book))
        }
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
