extension Solver {
  /// Improves the best allocation by exact search in neighbourhoods, two at a time, for so many ticks.
  mutating func searchNeighbourhoods(ticks: Int) {
    guard ticks > 0, welfare < bound,
      let shortlist = Shortlist(certificate, prices: prices, tolerance: 3, keeping: best)
    else { return }
    let draw = NeighbourhoodDraw(shortlist)
    var spent = 0
    while spent < ticks, welfare < bound, !work.stoppedEarly {
      neighbourhoods.round += 1
      let (book, best, seed, size) = (book, best, neighbourhoods.round, neighbourhoods.size)
      let found = parallelMap(Solver.lanes) { lane in
        var random = RandomWords(seed: UInt64(seed * Solver.lanes + lane))
        let free = draw.draw(best, size: size, &random)
        return book.improve(best, free, ticks: Solver.neighbourhoodTicks)
      }
      let slowest = found.map(\.ticks).max()!
      spent += slowest
      work.add(slowest)
      for result in found {
        neighbourhoods.adapt(result.isComplete)
        guard let better = result.better else { continue }
        take(better, of: result.neighbourhood)
      }
      if neighbourhoods.round % 16 == 0 { work.boundary() }
    }
    work.boundary()
  }

  /// What one neighbourhood may cost.
  private static let neighbourhoodTicks = 20 * Work.ticksPerUnit

  /// Takes what a neighbourhood's bids should hold, unless an earlier result of the round stands in the way.
  private mutating func take(_ better: Selection, of neighbourhood: Neighbourhood) {
    var merged = best
    for bid in neighbourhood.bids {
      for item in book.items(ofBid: bid) {
        merged.option[item] = better.option[item]
        merged.quantity[item] = better.quantity[item]
      }
    }
    let value = merged.welfare(book)
    guard value > welfare, merged.isFeasible(book) else { return }
    offer(merged, value)
  }
}

/// How large neighbourhoods should be, learnt from those searched so far.
struct NeighbourhoodSize {
  /// Bids.
  private(set) var size = 40
  private var completed = 0
  var round = 0

  /// Grows while searches end in time, and shrinks where they do not.
  mutating func adapt(_ isComplete: Bool) {
    if isComplete {
      completed += 1
      if completed % 3 == 0 { size = min(size + 1, 400) }
    } else {
      size = max(10, size - max(1, size / 30))
    }
  }
}

/// What an exact search of a neighbourhood gave.
struct NeighbourhoodResult: Sendable {
  let neighbourhood: Neighbourhood
  /// A better allocation of the whole book, if one was found.
  let better: Selection?
  let isComplete: Bool
  let ticks: Int
}

extension Book {
  /// Searches the best joint choice of some bids while all others keep what they hold.
  ///
  /// Where the first relaxation alone would cost more than the ticks, nothing is searched.
  func improve(_ held: Selection, _ free: Neighbourhood, ticks: Int) -> NeighbourhoodResult {
    let cost = optionCount * 2 + 100_000
    let part = subset(free.bids, capacity: room(held, freeing: free.bids))
    guard part.book.optionCount > 0, let columns = Columns(part.book, limit: 20_000),
      columns.rowCount <= 300 || columns.rowCount * columns.rowCount * columns.rowCount * 2 <= ticks
    else {
      return NeighbourhoodResult(neighbourhood: free, better: nil, isComplete: false, ticks: cost)
    }
    var settings = TreeSearch.Settings()
    settings.triesHigh = 6
    settings.triesLow = 3
    settings.patienceHigh = 3
    settings.patienceLow = 2
    settings.trialPivots = 15
    settings.rootRoundings = 4
    let tree = TreeSearch(columns, rulesTies: false, settings: settings)
    let before = part.part(of: held)
    tree.offer(before)
    let value = tree.welfare
    tree.run(until: ticks)
    var better: Selection?
    if tree.welfare > value {
      better = held
      part.merge(tree.selection, into: &better!)
    }
    return NeighbourhoodResult(
      neighbourhood: free, better: better, isComplete: tree.isComplete, ticks: cost + tree.ticks)
  }
}
