extension Solver {
  /// Improves the best allocation by annealing for so many ticks, in stages after each of which a caller may stop it.
  mutating func anneal(ticks: Int) {
    guard ticks > 0, welfare < bound,
      let shortlist = Shortlist(certificate, prices: prices, tolerance: shortlistTolerance, keeping: best)
    else { return }
    let awards = best.option.reduce(0) { $0 + ($1 >= 0 ? 1 : 0) }
    let mean = welfare / Int64(max(1, awards))
    var annealer = Annealer(Candidates(shortlist, holding: best), holding: best, seed: 1)
    let schedule = Schedule(hot: mean / (isWarm ? 150 : 12), cold: mean / 1000)
    let stages = max(1, min(20, ticks / Work.ticksPerUnit))
    for stage in 0..<stages where !work.stoppedEarly {
      let done = annealer.ticks
      annealer.run(ticks * (stage + 1) / stages - done, schedule: schedule, done: done, of: ticks)
      work.add(annealer.ticks - done)
      if annealer.holdings.bestWelfare > welfare {
        var better = best
        annealer.holdings.write(best: true, into: &better)
        offer(better, better.welfare(book))
      }
      work.boundary()
    }
  }

  /// What annealing gets of the work: all that is left, or where a proof may be in reach, what prepares it.
  var annealingTicks: Int {
    book.rowCount > 400 || book.optionCount > 100_000 ? work.left : min(work.left / 2, book.itemCount * 3_000_000)
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
