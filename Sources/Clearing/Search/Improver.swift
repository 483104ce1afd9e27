/// Looks for better allocations beside one member of a tree's team, by exact search in neighbourhoods of the best.
///
/// For half of the time the bids on which the member's relaxation and the best allocation disagree (relaxation-induced
/// neighbourhoods, Danna, Rothberg and Le Pape 2005), else bids that meet in a stretch of time (Shaw 1998).
final class Improver {
  private let book: Book
  private let draw: NeighbourhoodDraw?
  private var random: RandomWords
  private var mix = NeighbourhoodMix()
  private var round = 0
  /// What the two kinds have had so far.
  private var drawnTicks = 0
  private var disputedTicks = 0
  private var failures = 0
  /// Disputed bids that were searched to the end beside the best allocation, in vain.
  private var exhausted: [Int] = []
  private static let patience = 30

  init(_ book: Book, prices: [Double], lane: Int) {
    self.book = book
    random = RandomWords(seed: UInt64(lane + 1))
    let certificate = Certificate(book)
    let whole = certificate.whole(prices)
    draw = Shortlist(certificate, prices: whole, tolerance: 3, keeping: Selection(book)).map(NeighbourhoodDraw.init)
  }

  /// - Parameter most: ticks to spend at most, or about; less once nothing has been found for long.
  /// - Returns: the ticks spent.
  func improve(_ tree: TreeSearch, ticks most: Int) -> Int {
    guard tree.welfare >= 0, !tree.isComplete else { return 0 }
    let limit = failures < Improver.patience ? most : most / 3
    var spent = 0
    while spent < limit, tree.bound > tree.welfare {
      let held = tree.selection
      round += 1
      // The disputed bids are searched for long at a time, those that meet for a short while: turns would not be fair.
      // With more rows a drawn search costs many times what it counts, and turns leave it little enough.
      let isDrawnsTurn = tree.columns.rowCount <= Solver.quickRows ? drawnTicks <= disputedTicks : round % 2 != 0
      var isDrawn = draw != nil && isDrawnsTurn
      var free = Neighbourhood(bids: isDrawn ? [] : book.withKin(tree.disputedBids(), holding: held))
      if !isDrawn, free.bids.isEmpty || free.bids == exhausted {
        guard draw != nil else { return spent }
        isDrawn = true
      }
      let (shape, size) = mix.next()
      if isDrawn, let draw { free = draw.draw(held, shape, size: size, &random) }
      let left = limit - spent
      let found = book.improve(held, free, ticks: isDrawn ? min(left, NeighbourhoodSearch.ticks) : left)
      spent += found.ticks
      if isDrawn { drawnTicks += found.ticks } else { disputedTicks += found.ticks }
      if isDrawn { mix.learn(shape, gain: found.gain, ticks: found.ticks, isComplete: found.isComplete) }
      if let better = found.better {
        tree.offer(better)
        failures = 0
        exhausted = []
      } else {
        failures += 1
        if !isDrawn, found.isComplete { exhausted = free.bids }
      }
    }
    return spent
  }
}
