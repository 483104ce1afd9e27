/// Evaluates the Lagrangian dual at floating-point prices: what every bid would take, and what that uses.
///
/// Usage is gathered in a difference array, so that a rectangle costs two additions whatever its length.
/// Sums are formed chunk by chunk in a fixed order: the same bits on any number of threads.
struct DualOracle {
  let book: Book
  private let chunks: Int

  init(_ book: Book) {
    self.book = book
    chunks = book.optionCount > 40_000 ? 16 : 1
  }

  /// About how many nanoseconds an evaluation takes.
  var cost: Int { book.optionCount * 5 / 2 + book.rowCount * 6 }

  /// The dual's value at prices `y`, micro-dollars; `usage` becomes what the best options occupy.
  func evaluate(_ y: [Double], usage: inout [Double]) -> Double {
    let prefix = prefixSums(y)
    var total = 0.0
    for row in y.indices { total += y[row] * Double(book.capacity[row]) }
    let book = self.book
    let chunks = self.chunks
    let parts = parallelMap(chunks) { chunk in
      let bids = book.bidCount * chunk / chunks..<book.bidCount * (chunk + 1) / chunks
      var part = Part(change: [Double](repeating: 0, count: y.count + 1), total: 0)
      part.addLoneBids(bids, book, prefix)
      if chunk == 0, !book.linked.isEmpty { part.addLinkedBids(book, prefix) }
      return part
    }
    for part in parts { total += part.total }
    var running = 0.0
    for row in y.indices {
      for part in parts { running += part.change[row] }
      usage[row] = running
    }
    return total
  }

  private struct Part: Sendable {
    /// Difference array of usage.
    var change: [Double]
    var total: Double

    mutating func addLoneBids(_ bids: Range<Int>, _ book: Book, _ prefix: [Double]) {
      let linked = book.isLinked
      let hasExtras = !book.extraFirst.isEmpty
      let (items, options, values) = (book.itemFirst, book.optionFirst, book.value)
      let (starts, ends, heights) = (book.start, book.end, book.gpus)
      let itemFirst = items.span
      let optionFirst = options.span
      let value = values.span
      let start = starts.span
      let end = ends.span
      let gpus = heights.span
      let y = prefix.span
      for bid in bids where linked.isEmpty || !linked[bid] {
        for item in Int(itemFirst[bid])..<Int(itemFirst[bid + 1]) {
          var best = 0.0
          var choice = -1
          for option in Int(optionFirst[item])..<Int(optionFirst[item + 1]) {
            var reduced =
              Double(value[option]) - Double(gpus[option]) * (y[Int(end[option])] - y[Int(start[option])])
            if hasExtras { reduced -= DualOracle.extraCost(option, book, prefix) }
            if reduced > best {
              best = reduced
              choice = option
            }
          }
          if choice >= 0 { take(choice, 1, book) }
          total += best
        }
      }
    }

    mutating func take(_ option: Int, _ fraction: Double, _ book: Book) {
      let height = Double(book.gpus[option]) * fraction
      change[Int(book.start[option])] += height
      change[Int(book.end[option])] -= height
      for index in book.extras(ofOption: option) {
        let rectangle = book.extra[index]
        change[Int(rectangle.start)] += Double(rectangle.gpus) * fraction
        change[Int(rectangle.end)] -= Double(rectangle.gpus) * fraction
      }
    }

    /// The forest of links: worth is found from the leaves up, usage from the roots down.
    mutating func addLinkedBids(_ book: Book, _ prefix: [Double]) {
      var below = [Double](repeating: 0, count: book.bidCount)
      var worth = below
      for bid in book.linked.map(Int.init) {
        worth[bid] = below[bid] + DualOracle.winning(bid, book, prefix) { _, _ in }
        let parent = Int(book.parent[bid])
        if parent >= 0 { below[parent] += max(0, worth[bid]) } else { total += max(0, worth[bid]) }
      }
      for bid in book.linked.map(Int.init).reversed() {
        let parent = Int(book.parent[bid])
        if parent >= 0, worth[parent] <= 0 { worth[bid] = 0 }
        guard worth[bid] > 0 else { continue }
        _ = DualOracle.winning(bid, book, prefix) { take($0, $1, book) }
      }
    }
  }

  static func extraCost(_ option: Int, _ book: Book, _ prefix: [Double]) -> Double {
    var cost = 0.0
    for index in book.extras(ofOption: option) {
      let rectangle = book.extra[index]
      cost += Double(rectangle.gpus) * (prefix[Int(rectangle.end)] - prefix[Int(rectangle.start)])
    }
    return cost
  }

  static func reduced(_ option: Int, _ book: Book, _ prefix: [Double]) -> Double {
    let rows = prefix[Int(book.end[option])] - prefix[Int(book.start[option])]
    return Double(book.value[option]) - Double(book.gpus[option]) * rows - extraCost(option, book, prefix)
  }

  /// The most a bid gives if it wins something, its children apart; `take` is told what it then holds.
  private static func winning(
    _ bid: Int, _ book: Book, _ prefix: [Double], take: (_ option: Int, _ fraction: Double) -> Void
  ) -> Double {
    var positive = 0.0
    var best = -Double.infinity
    var bestOption = -1
    var fraction = 1.0
    for item in book.items(ofBid: bid) {
      var most = -Double.infinity
      var choice = -1
      var part = 1.0
      for option in book.options(ofItem: item) {
        var value = reduced(option, book, prefix)
        var share = 1.0
        if value < 0, book.isRanged {
          share = Double(book.low[option]) / Double(book.gpus[option])
          value *= share
        }
        if value > most { (most, choice, part) = (value, option, share) }
      }
      if most > 0 {
        positive += most
        take(choice, 1)
      }
      if most > best { (best, bestOption, fraction) = (most, choice, part) }
    }
    if best > 0 { return positive }
    take(bestOption, fraction)
    return best
  }
}

/// Running sums, one entry more than terms: a range costs one subtraction.
func prefixSums(_ terms: [Double]) -> [Double] {
  var sums = [Double](repeating: 0, count: terms.count + 1)
  for index in terms.indices { sums[index + 1] = sums[index] + terms[index] }
  return sums
}
