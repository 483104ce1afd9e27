extension Solver {
  /// Improves the best allocation by annealing for so many ticks.
  ///
  /// Chains run side by side and independently; where there is work enough, two rounds of them begin from the same
  /// start, since which large blocks stand together is settled while a chain is hot and hardly changes later. A third
  /// begins from the best of these, less hot: most large blocks stay, and the others are thought over again.
  mutating func anneal(ticks: Int) {
    guard ticks > 0, welfare < bound,
      let shortlist = Shortlist(certificate, prices: prices, tolerance: shortlistTolerance, keeping: best)
    else { return }
    let candidates = Candidates(shortlist)
    let plan = AnnealingPlan(book, ticks: ticks, isWarm: isWarm)
    let first = best
    let hot = Schedule(heat: plan.heat, awardsOf: first, worth: welfare)
    for round in 0..<plan.rounds where !work.stoppedEarly {
      let isReheat = round == AnnealingPlan.mostRounds - 1
      let start = isReheat ? best : first
      let schedule = isReheat ? Schedule(heat: AnnealingPlan.reheat, awardsOf: best, worth: welfare) : hot
      let chains = (0..<Solver.lanes).map { lane in
        AnnealingChain(candidates, from: start, seed: UInt64(round * Solver.lanes + lane + 1))
      }
      for stage in 0..<plan.stages where !work.stoppedEarly {
        let done = plan.ticksPerRound * stage / plan.stages
        let next = plan.ticksPerRound * (stage + 1) / plan.stages
        let spent = parallelMap(chains.count) { lane in
          chains[lane].run(next - done, schedule: schedule, done: done, of: plan.ticksPerRound)
        }
        work.add(spent.max()!)
        for chain in chains where chain.bestWelfare > welfare {
          let better = chain.best(of: start)
          offer(better, better.welfare(book))
        }
        work.boundary()
      }
    }
  }

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

  init(_ book: Book, ticks: Int, isWarm: Bool) {
    let items = max(1, book.itemCount)
    let most = isWarm ? 1 : AnnealingPlan.mostRounds
    rounds = max(1, min(most, ticks / (items * AnnealingPlan.roundTicksPerItem)))
    ticksPerRound = ticks / rounds
    stages = max(1, min(20, ticksPerRound / Work.ticksPerUnit))
    let movesPerItem = max(1, ticksPerRound / AnnealingChain.ticksPerMove / items)
    // A warm start is near a good allocation, which great heat would only destroy. A cold start is hot enough to
    // move the largest blocks, where there are moves enough to cool down from there.
    let part = min(1, Double(movesPerItem) / 1280)
    heat = isWarm ? AnnealingPlan.warmth : max(2, Int64(70 * part.squareRoot() * part.squareRoot().squareRoot()))
  }

  /// The first temperature, in hundredths of the mean award's value, near a good allocation.
  static let warmth: Int64 = 5

  /// Two that begin alike and one that goes on from the best.
  static let mostRounds = 3
  /// The first temperature of the last, in hundredths of the mean award's value.
  static let reheat: Int64 = 40
  /// A round of this length finds about what a longer one would.
  private static let roundTicksPerItem = 8_000_000
}

/// One annealing of a whole book, used by one lane at a time.
final class AnnealingChain: @unchecked Sendable {
  private var annealer: Annealer

  /// About how many ticks a move takes on a book of middling size.
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

  func best(of start: Selection) -> Selection {
    var result = start
    annealer.holdings.write(best: true, into: &result)
    return result
  }
}
