/// Finds the best allocation of a book that the work allows, and a bound on all of them.
struct Solver {
  let book: Book
  var work: Work
  private let certificate: Certificate
  private(set) var best: Selection
  private(set) var welfare: Int64
  private(set) var bound: Int64
  /// The bound's prices, whole and scaled by the certificate's shift.
  private(set) var prices: [Int64]
  private(set) var tiesRuled = false
  let report: (@Sendable (Improvement) -> Void)?

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

  mutating func run() {
    var volume = Volume(book)
    volume.run(iterations: book.optionCount > 500_000 ? 100 : 800, boldness: 0.05)
    work.add(volume.ticks)
    offer(volume.prices)
    var allocation = Allocation(book)
    Greedy(book, prices: volume.prices).fill(&allocation, itemOf: book.itemOfOption)
    offer(allocation.selection, allocation.welfare)
    work.boundary()
  }

  private mutating func offer(_ prices: [Double]) {
    let whole = certificate.whole(prices)
    guard let found = certificate.bound(whole), found < bound else { return }
    bound = max(found, welfare)
    self.prices = whole
    tell()
  }

  private mutating func offer(_ selection: Selection, _ welfare: Int64) {
    guard welfare > self.welfare else { return }
    best = selection
    self.welfare = welfare
    tell()
  }

  private func tell() {
    report?(Improvement(welfare: welfare, bound: bound, work: work.units))
  }
}
