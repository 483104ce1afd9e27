extension Solver {
  /// Improves the best allocation by exact search in neighbourhoods for so many ticks.
  ///
  /// Every lane searches one neighbourhood after another from the same allocation; what they find is put together
  /// after each slice of work, as far as one lane's finds do not stand in the way of the other's.
  mutating func searchNeighbourhoods(ticks: Int) {
    guard ticks > 0, welfare < bound,
      let shortlist = Shortlist(certificate, prices: prices, tolerance: 3, keeping: best)
    else { return }
    let draw = NeighbourhoodDraw(shortlist)
    let searches = (0..<Solver.lanes).map { NeighbourhoodSearch(draw, seed: UInt64($0 + 1)) }
    let end = work.ticks + ticks
    var round = 0
    while work.ticks < end, welfare < bound, !work.stoppedEarly {
      let (best, slice) = (best, min(end - work.ticks, Solver.sliceTicks))
      let found = parallelMap(searches.count) { searches[$0].run(from: best, ticks: slice) }
      work.add(found.map(\.ticks).max()!)
      // Each lane goes first in turn.
      for lane in found.indices { for better in found[(lane + round) % found.count].better { take(better) } }
      round += 1
      work.boundary()
    }
  }

  /// What a lane does before finds are put together.
  private static let sliceTicks = 40 * Work.ticksPerUnit

  /// Takes what a neighbourhood's bids should hold, unless something taken before stands in the way.
  private mutating func take(_ better: NeighbourhoodSearch.Better) {
    var merged = best
    for bid in better.bids {
      for item in book.items(ofBid: bid) {
        merged.option[item] = better.selection.option[item]
        merged.quantity[item] = better.selection.quantity[item]
      }
    }
    merged.settleCurves(book)
    let value = merged.welfare(book)
    guard value > welfare, merged.isFeasible(book) else { return }
    offer(merged, value)
  }
}
