/// The whole-number upper bound on which every pruning, fixing and published gap rests.
///
/// For any prices y ≥ 0 of the rows, capacity · y + Σ over bids max(0, best option's value − y · usage) is at least
/// the welfare of every allocation (Lagrangian relaxation of the rows; Everett 1963, Geoffrion 1974). A linked bid
/// counts max(0, best + Σ of its children), since no child wins without it. It holds for any whole prices,
/// whatever arithmetic proposed them. Prices are scaled by 2^shift so that rounding them costs next to nothing.
struct Certificate {
  let book: Book
  /// Prices are in micro-dollars / 2^shift per GPU and row.
  let shift: Int
  /// The largest height over each row.
  private let tallest: [Int32]

  init(_ book: Book) {
    self.book = book
    var total: Int64 = 1
    for bid in 0..<book.bidCount {
      for item in book.items(ofBid: bid) { total += max(0, book.value[book.options(ofItem: item)].max() ?? 0) }
    }
    // The door keeps the total at 2^60 or less; 2^62 leaves room for capacity · y beside it.
    shift = max(0, min(20, total.leadingZeroBitCount - 4))
    var heights = RowHeights(rows: book.rowCount)
    for option in 0..<book.optionCount {
      book.forEachRectangle(option) { heights.cover($0.start, $0.end, height: $0.gpus) }
    }
    tallest = heights.tallest()
  }

  /// Whole prices from approximate ones in micro-dollars.
  func whole(_ prices: [Double]) -> [Int64] {
    let scale = Double(1 << shift)
    return prices.map { price in
      let scaled = (price * scale).rounded()
      return scaled > 0 ? (scaled < 0x1p60 ? Int64(scaled) : 1 << 60) : 0
    }
  }

  /// No allocation is worth more than this, in micro-dollars; nil if these prices are too high to add up.
  /// - Parameter company: whose bids are left out.
  func bound(_ prices: [Int64], without company: Int32 = -1) -> Int64? {
    guard let (prefix, capacityValue) = prefix(prices) else { return nil }
    let book = self.book
    let chunks = book.optionCount > 100_000 ? 16 : 1
    let sums = parallelMap(chunks) { chunk in
      let bids = book.bidCount * chunk / chunks..<book.bidCount * (chunk + 1) / chunks
      return loneBids(bids, prefix, company)
    }
    var total = capacityValue
    for sum in sums {
      let (next, overflow) = total.addingReportingOverflow(sum)
      if overflow { return nil }
      total = next
    }
    let (all, overflow) = total.addingReportingOverflow(linkedBids(prefix, company))
    return overflow ? nil : all >> Int64(shift)
  }

  /// Running sums of prices, and capacity · prices; nil on overflow, now or in any product to come.
  func prefix(_ prices: [Int64]) -> (prefix: [Int64], capacityValue: Int64)? {
    var prefix = [Int64](repeating: 0, count: prices.count + 1)
    var value: Int64 = 0
    var worst: Int64 = 0
    for row in prices.indices {
      let (cost, tooDear) = prices[row].multipliedReportingOverflow(by: Int64(book.capacity[row]))
      let (sum, tooMuch) = value.addingReportingOverflow(cost)
      let (next, tooLong) = prefix[row].addingReportingOverflow(prices[row])
      let (most, tooTall) = prices[row].multipliedReportingOverflow(by: Int64(tallest[row]))
      let (dearest, tooWide) = worst.addingReportingOverflow(most)
      if tooDear || tooMuch || tooLong || tooTall || tooWide { return nil }
      value = sum
      worst = dearest
      prefix[row + 1] = next
    }
    return worst > 1 << 61 ? nil : (prefix, value)
  }

  /// Value of an option at its full quantity less what it occupies, scaled.
  @inline(__always)
  func reduced(_ option: Int, _ prefix: [Int64]) -> Int64 {
    var result = book.value[option] << Int64(shift)
    result -= Int64(book.gpus[option]) * (prefix[Int(book.end[option])] - prefix[Int(book.start[option])])
    for index in book.extras(ofOption: option) {
      let rectangle = book.extra[index]
      result -= Int64(rectangle.gpus) * (prefix[Int(rectangle.end)] - prefix[Int(rectangle.start)])
    }
    return result
  }

  private func loneBids(_ bids: Range<Int>, _ prefix: [Int64], _ company: Int32) -> Int64 {
    var total: Int64 = 0
    for bid in bids where (book.isLinked.isEmpty || !book.isLinked[bid]) && book.company[bid] != company {
      for item in book.items(ofBid: bid) {
        var best: Int64 = 0
        for option in book.options(ofItem: item) { best = max(best, reduced(option, prefix)) }
        total += best
      }
    }
    return total
  }

  /// Children first, so that each bid finds the sum of its children's shares.
  private func linkedBids(_ prefix: [Int64], _ company: Int32) -> Int64 {
    guard !book.linked.isEmpty else { return 0 }
    var below = [Int64](repeating: 0, count: book.bidCount)
    var total: Int64 = 0
    for bid in book.linked.lazy.map(Int.init) where book.company[bid] != company {
      let share = max(0, winning(bid, prefix) + below[bid])
      let parent = Int(book.parent[bid])
      if parent >= 0 { below[parent] += share } else { total += share }
    }
    return total
  }

  /// The most a bid gives if it wins something, its children apart.
  private func winning(_ bid: Int, _ prefix: [Int64]) -> Int64 {
    var positive: Int64 = 0
    var best = Int64.min
    for item in book.items(ofBid: bid) {
      var most: Int64 = .min
      for option in book.options(ofItem: item) {
        var value = reduced(option, prefix)
        // A loss is least at the smallest quantity; both parts of it are in proportion.
        if value < 0, book.isRanged { value = value / Int64(book.gpus[option]) * Int64(book.low[option]) }
        most = max(most, value)
      }
      positive += max(0, most)
      best = max(best, most)
    }
    return best >= 0 ? positive : best
  }
}
