/// The options worth holding at given prices, each item's best first.
///
/// An option's reduced value is what it is worth above the prices of what it occupies. One far below its item's
/// best is hardly ever part of a good allocation.
struct Shortlist: Sendable {
  let book: Book
  /// Where each item's entries begin; one entry more than items.
  private(set) var first: [Int32]
  private(set) var option: [Int32] = []
  /// What losing the option costs, as ejection sees it: a little more than its reduced value.
  private(set) var weight: [Double] = []
  /// Entries in order of value per price, dearest line by line: what refills a gap.
  private(set) var order: [Int32] = []
  /// Items whose best option is worth little more than its price: to hold them or not is the question.
  private(set) var isMarginal: [Bool]

  /// - Parameters:
  ///   - prices: whole, scaled as `certificate` wants them.
  ///   - tolerance: an option stays if it is below its item's best by at most 1/`tolerance` of its value.
  ///   - held: a selection whose options stay in any case.
  ///   - company: whose bids have no entries.
  init?(
    _ certificate: Certificate, prices: [Int64], tolerance: Int64, keeping held: Selection,
    without company: Int32 = -1
  ) {
    guard let prefix = certificate.prefix(prices)?.prefix else { return nil }
    let book = certificate.book
    self.book = book
    first = [0]
    first.reserveCapacity(book.itemCount + 1)
    isMarginal = [Bool](repeating: false, count: book.itemCount)
    let shift = Int64(certificate.shift)
    var ratio: [Double] = []
    var kept: [(reduced: Int64, option: Int32)] = []
    let parents = Set(book.parent)
    for item in 0..<book.itemCount {
      guard book.company[Int(book.itemBid[item])] != company else {
        first.append(Int32(self.option.count))
        continue
      }
      kept.removeAll(keepingCapacity: true)
      var best = Int64.min
      var dearest: Int64 = 1
      for option in book.options(ofItem: item) {
        let reduced = certificate.reduced(option, prefix)
        kept.append((reduced, Int32(option)))
        best = max(best, reduced)
        dearest = max(dearest, book.value[option])
      }
      isMarginal[item] = best <= (dearest << shift) / 20 * 7
      // A parent may be worth less than nothing for what it lets in.
      let floor = parents.contains(book.itemBid[item]) ? best : max(0, best)
      kept.removeAll {
        $0.option != held.option[item] && $0.reduced < floor - max(0, book.value[Int($0.option)] << shift) / tolerance
      }
      kept.sort { ($1.reduced, $0.option) < ($0.reduced, $1.option) }
      for (reduced, option) in kept {
        let value = Double(max(0, book.value[Int(option)] << shift))
        self.option.append(option)
        weight.append(max(0, Double(reduced)) + 0.1 * value)
        ratio.append(value / (max(0, value - Double(reduced)) + 1e-6 * value + 1))
      }
      first.append(Int32(self.option.count))
    }
    order = option.indices.map { Int32($0) }
    order.sort { (ratio[Int($1)], $0) < (ratio[Int($0)], $1) }
  }

  /// What an option costs on the way into a shortlist and candidates.
  static let ticksPerOption = 150

  func entries(ofItem item: Int) -> Range<Int> { Int(first[item])..<Int(first[item + 1]) }
}
