/// One lane's search of neighbourhoods.
final class NeighbourhoodSearch: @unchecked Sendable {
  private let draw: NeighbourhoodDraw
  private var random: RandomWords
  private var mix = NeighbourhoodMix()

  /// What some bids should hold.
  struct Better: Sendable {
    let bids: [Int]
    let selection: Selection
  }

  init(_ draw: NeighbourhoodDraw, seed: UInt64) {
    self.draw = draw
    random = RandomWords(seed: seed)
  }

  /// Searches from an allocation for about so many ticks.
  /// - Returns: its finds, each of which rests on those before it.
  func run(from start: Selection, ticks limit: Int) -> (better: [Better], ticks: Int) {
    var held = start
    var finds: [Better] = []
    var spent = 0
    while spent < limit {
      let (shape, size) = mix.next()
      let free = draw.draw(held, shape, size: size, &random)
      let found = draw.book.improve(held, free, ticks: NeighbourhoodSearch.ticks)
      // Drawing goes through the whole book, and trees as small as these leave a quarter uncounted.
      let ticks = found.ticks / 4 * 5 + draw.book.optionCount + 100_000
      spent += ticks
      mix.learn(shape, gain: found.gain, ticks: ticks, isComplete: found.isComplete)
      guard let better = found.better else { continue }
      held = better
      finds.append(Better(bids: free.bids, selection: better))
    }
    return (finds, spent)
  }

  /// What one neighbourhood may cost.
  static let ticks = 20 * Work.ticksPerUnit
}

/// What an exact search of a neighbourhood gave.
struct NeighbourhoodResult: Sendable {
  /// A better allocation of the whole book, if one was found.
  let better: Selection?
  /// By how much it is better, micro-dollars.
  let gain: Int64
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
      return NeighbourhoodResult(better: nil, gain: 0, isComplete: false, ticks: cost)
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
      better: better, gain: tree.welfare - value, isComplete: tree.isComplete, ticks: cost + tree.ticks)
  }
}
