/// Finds the best allocation of a book that the work allows, and a bound on all of them.
struct Solver {
  let book: Book
  var work: Work
  let certificate: Certificate
  private(set) var best: Selection
  private(set) var welfare: Int64
  private(set) var bound: Int64
  /// The bound's prices, whole and scaled by the certificate's shift.
  private(set) var prices: [Int64]
  var tiesRuled = false
  /// Whether the allocation matters, or only its welfare.
  var rulesTies = true
  /// Rows of the largest part that trees have not proven; `Int.max` if one has more columns than a tree may have.
  var hardestRows = 0
  /// Whether a part of at most `quickRows` rows is unproven.
  var hasEasyPart = false
  /// Whether trees reach all of the book, which may be proven, or an unproven part of it quickly.
  var hasTrees: Bool { hardestRows <= Solver.quickRows || hasEasyPart }
  let report: (@Sendable (Improvement) -> Void)?
  /// Whether the search began from the allocation of a similar book, which great heat would only destroy.
  private(set) var isWarm = false

  init(_ book: Book, work: Work, report: (@Sendable (Improvement) -> Void)? = nil) {
    self.book = book
    self.work = work
    self.report = report
    certificate = Certificate(book)
    best = Selection(book)
    welfare = 0
    prices = [Int64](repeating: 0, count: book.rowCount)
    // With free capacity every bid gets its best: no sum of the door's checks overflows here.
    bound = certificate.bound(prices) ?? .max
  }

  /// Prices with less than a micro-dollar of rounding, as whole micro-dollars.
  var wholePrices: [Int64] { prices.map { $0 >> Int64(certificate.shift) } }

  /// - Parameters:
  ///   - start: prices to begin with, micro-dollars per GPU and row; nil if none are known.
  ///   - held: an allocation to improve on.
  mutating func run(from start: [Double]? = nil, held: Selection? = nil) {
    isWarm = held != nil
    var volume: Volume
    if let start {
      volume = Volume(book, from: start)
      volume.run(iterations: min(100, work.left / 4 / DualOracle(book).cost), boldness: 0.004)
    } else {
      volume = Volume.converged(book, ticks: work.budget / 4)
    }
    work.add(volume.ticks)
    offer(volume.prices)
    let greedy = Greedy(book, prices: volume.prices)
    for begin in [nil, held] where begin != nil || held == nil || book.optionCount < 20_000 {
      var allocation = Allocation(book)
      if let begin { allocation.take(begin) }
      greedy.fill(&allocation)
      offer(allocation.selection, allocation.welfare)
    }
    floatPrices = volume.prices
    work.boundary()
    // A small book is proven at once; for the others a better allocation makes the tree smaller.
    // From a good allocation the tree may begin in earnest.
    searchTrees(ticks: isWarm ? work.left : min(work.left / 10, Solver.firstTicks), rows: Solver.quickRows)
    guard welfare < bound, !work.isOver else { return }
    if hardestRows <= Solver.quickRows {
      // A tree finds allocations that annealing does not: it gets nearly everything.
      anneal(ticks: min(work.left / 5, book.itemCount * Solver.annealingTicks))
      searchTrees(ticks: work.left, rows: Solver.quickRows)
      return
    }
    polish(volume)
    let all = work.left
    let cooling = min(all / 10, book.itemCount * Solver.coolingTicks)
    if let parts = partSearches(ticks: all / 4) {
      anneal(ticks: min(all / 4 * 3, max(all / 2, book.itemCount * Solver.fullAnnealingTicks)), exchanging: true)
      cool(ticks: min(work.left, cooling))
      searchParts(parts, ticks: min(work.left, all / 4))
      let isNearProof = bound - welfare < welfare / Solver.nearProof && mayBeBounded
      if welfare < bound, hasEasyPart || isNearProof {
        searchTrees(ticks: work.left / 2, rows: isNearProof ? Solver.rowLimit : Solver.quickRows)
      }
    } else if mayBeBounded || hasEasyPart {
      anneal(ticks: all / 5 * 3)
      searchTrees(ticks: work.left, rows: mayBeBounded ? Solver.rowLimit : Solver.quickRows)
    } else {
      // Neighbourhoods soon find nothing more; how good that is annealing decides.
      anneal(ticks: all / 4 * 3, exchanging: true)
      cool(ticks: min(work.left, cooling))
    }
    searchNeighbourhoods(ticks: work.left)
  }

  /// What a first attempt at a proof may cost.
  private static let firstTicks = 400 * Work.ticksPerUnit
  /// Annealing for an item before a tree: more finds little that the tree would not.
  private static let annealingTicks = 300_000
  /// Annealing for an item, beyond which neighbourhoods find more than it does.
  private static let fullAnnealingTicks = 10_000_000
  /// Cold annealing for an item, beyond which it finds nothing more.
  private static let coolingTicks = 100_000
  /// A gap smaller than this part of the welfare is worth a tree of the whole book.
  private static let nearProof: Int64 = 500

  /// Lowers the bound by more iterations where the volume algorithm ended, if there is time for many: only after the
  /// greedy allocation, which is worse at their prices.
  private mutating func polish(_ volume: Volume) {
    let cost = DualOracle(book).cost
    let iterations = min(5000, min(work.left, work.budget / 30) / max(1, cost))
    guard welfare < bound, iterations >= 1000, !work.stoppedEarly else { return }
    var volume = volume
    volume.ticks = 0
    volume.run(iterations: iterations, boldness: 0.001)
    work.add(volume.ticks)
    offer(volume.prices)
    work.boundary()
  }

  /// Whether there is work enough for trees of larger parts, which lower the bound at least: ten times what a first
  /// relaxation costs, some thirty pivots a row of rows × rows each.
  private var mayBeBounded: Bool {
    hardestRows <= Solver.rowLimit && hardestRows * hardestRows * hardestRows * 300 <= work.budget
  }

  /// The prices last found, micro-dollars per GPU and row: where a similar book may start.
  private(set) var floatPrices: [Double] = []

  mutating func offer(_ prices: [Double]) {
    let whole = certificate.whole(prices)
    guard let found = certificate.bound(whole), found < bound else { return }
    bound = max(found, welfare)
    self.prices = whole
    tell()
  }

  mutating func offer(_ selection: Selection, _ welfare: Int64) {
    guard welfare > self.welfare else { return }
    best = selection
    best.settleCurves(book)
    self.welfare = best.welfare(book)
    tell()
  }

  /// Takes an allocation at least as good, and a bound that may be lower.
  mutating func replace(_ selection: Selection, bound: Int64) {
    var selection = selection
    selection.settleCurves(book)
    let value = selection.welfare(book)
    assert(value >= welfare, "a search begins with the best so far")
    let isNews = value > welfare || bound < self.bound
    best = selection
    welfare = value
    self.bound = max(min(bound, self.bound), value)
    if isNews { tell() }
  }

  /// Takes a bound that may be lower.
  mutating func lower(_ found: Int64) {
    guard found < bound else { return }
    assert(found >= welfare, "a bound below an allocation is none")
    bound = max(found, welfare)
    tell()
  }

  private func tell() {
    report?(Improvement(welfare: welfare, bound: bound, work: work.units))
  }
}
