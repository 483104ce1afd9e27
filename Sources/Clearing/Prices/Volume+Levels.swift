extension Volume {
  /// Books of more bids or options than this are priced on samples first, of at least so many bids.
  private static let sampledAbove = (bids: 20_000, options: 300_000)
  private static let smallestSample = 3_000
  /// Each sample is this many times as large as the one before.
  private static let growth = 4
  /// Evaluations of a book priced from nothing; of a sample that follows a smaller one; the fewest of a whole book.
  private static let iterations = 800
  private static let levelIterations = 100
  private static let fewest = 200

  /// Prices of a book of any size, from nothing.
  ///
  /// A sample of the bids competing for a like share of the GPUs has nearly the same prices, and an evaluation of
  /// it costs as much less as it is smaller. Usage is carried over with the prices: at good prices many bids have
  /// several equally good options, of which one evaluation shows only one.
  static func converged(_ book: Book, ticks budget: Int) -> Volume {
    var ticks = 0
    var sizes: [Int] = []
    if book.bidCount > sampledAbove.bids || book.optionCount > sampledAbove.options {
      var size = book.bidCount / growth
      while size > smallestSample {
        sizes.append(size)
        size /= growth
      }
    }
    var last: Volume?
    for size in sizes.reversed() {
      let sample = book.sample(about: size)
      ticks += book.bidCount * 10 + sample.optionCount * 50
      // A few large families are all drawn or none: such a sample says nothing.
      guard sample.bidCount > size / 2, sample.bidCount < size * 2 else { continue }
      let volume = stage(sample, after: last, iterations: last == nil ? iterations : levelIterations)
      ticks += volume.ticks
      last = volume
    }
    let most = budget / max(1, DualOracle(book).cost)
    var volume = stage(book, after: last, iterations: max(fewest, min(most, Volume.iterations)))
    volume.ticks += ticks
    return volume
  }

  private static func stage(_ book: Book, after last: Volume?, iterations: Int) -> Volume {
    guard let last else {
      var volume = Volume(book)
      volume.run(iterations: iterations, boldness: 0.05)
      return volume
    }
    // In GPUs, an average usage grows with the capacity.
    let used = last.average.indices.map {
      last.average[$0] * Double(book.capacity[$0]) / Double(max(1, last.book.capacity[$0]))
    }
    var volume = Volume(book, from: last.prices, average: used)
    volume.run(iterations: iterations, boldness: 0.004)
    return volume
  }
}

extension Book {
  /// About so many of the bids, drawn by a hash of their place, competing for as large a part of the GPUs.
  ///
  /// Bids in link trees stay together. The smallest capacity is 1 where there is any; options that exceed it stay,
  /// since only prices are asked of a sample.
  func sample(about count: Int) -> Book {
    let threshold = UInt64(Double(count) / Double(max(1, bidCount)) * 0x1p53)
    var drawn: [Int] = []
    var (load, all) = (0.0, 0.0)
    for bid in 0..<bidCount {
      var root = bid
      while parent[root] >= 0 { root = Int(parent[root]) }
      let area = firstArea(ofBid: bid)
      all += area
      guard RandomWords.mixed(UInt64(root) &+ 1) >> 11 < threshold else { continue }
      drawn.append(bid)
      load += area
    }
    let share = all > 0 ? load / all : 1
    return subset(drawn, scaledTo: capacity.map { $0 > 0 ? max(1, Int32((Double($0) * share).rounded())) : 0 })
  }

  /// GPU-slots of the first option of a bid.
  private func firstArea(ofBid bid: Int) -> Double {
    let option = Int(optionFirst[Int(itemFirst[bid])])
    return Double(gpus[option]) * Double(end[option] - start[option])
  }
}
