extension Columns {
  /// Leaves out rows that cannot bind and rows that a neighbour implies, and lowers capacities to what sums of
  /// heights can reach.
  ///
  /// A slot that every rectangle leaves only together with the next, whose capacity is no larger, is implied by it;
  /// likewise backwards. Two slots in five go on a day's book.
  /// - Returns: how many rows are kept before each book row, with one entry more than rows; what the kept ones have.
  static func reducedRows(_ book: Book) -> (before: [Int32], capacity: [Int32]) {
    let drop = impliedRows(book)
    var before: [Int32] = [0]
    var position: [Int32] = []
    var capacity: [Int32] = []
    for row in 0..<book.rowCount {
      position.append(drop[row] ? -1 : Int32(capacity.count))
      if !drop[row] { capacity.append(book.capacity[row]) }
      before.append(Int32(capacity.count))
    }
    return (before, reachable(book, position, capacity))
  }

  /// How many rows a book's columns would have: those that nothing implies, and its links.
  static func rowCount(of book: Book) -> Int {
    impliedRows(book).count { !$0 } + book.parent.count { $0 >= 0 }
  }

  /// Which rows the others, or the bids themselves, imply.
  static func impliedRows(_ book: Book) -> [Bool] {
    let rows = book.rowCount
    var starts = [Bool](repeating: false, count: rows + 1)
    var ends = starts
    for option in 0..<book.optionCount {
      book.forEachRectangle(option) { rectangle in
        starts[Int(rectangle.start)] = true
        ends[Int(rectangle.end)] = true
      }
    }
    var drop = book.scarceRows().map { !$0 }
    for row in 0..<max(0, rows - 1) where (row + 1) % book.lineLength != 0 {
      if !ends[row + 1], book.capacity[row + 1] <= book.capacity[row] {
        drop[row] = true
      } else if !starts[row + 1], book.capacity[row] <= book.capacity[row + 1] {
        drop[row + 1] = true
      }
    }
    return drop
  }

  /// The largest sum of heights that each capacity admits, by dynamic programming over bids.
  private static func reachable(_ book: Book, _ position: [Int32], _ capacity: [Int32]) -> [Int32] {
    guard let largest = capacity.max(), largest <= 4096, book.optionCount <= 20_000 else { return capacity }
    // Each row's heights, bid by bid: those of one bid exclude each other.
    var heights = [[Int32]](repeating: [], count: capacity.count)
    var first = heights
    var owner = [Int](repeating: -1, count: capacity.count)
    for item in 0..<book.itemCount {
      for option in book.options(ofItem: item) {
        let low = book.lowest(option)
        book.forEachRectangle(option) { rectangle in
          let least = low == book.gpus[option] ? rectangle.gpus : low
          for row in Int(rectangle.start)..<Int(rectangle.end) where position[row] >= 0 {
            let row = Int(position[row])
            if owner[row] != item {
              owner[row] = item
              first[row].append(Int32(heights[row].count))
            }
            for height in least...rectangle.gpus {
              if !heights[row][Int(first[row].last!)...].contains(height) { heights[row].append(height) }
            }
          }
        }
      }
    }
    return capacity.indices.map { row in
      let limit = Int(capacity[row])
      var reached = [Bool](repeating: false, count: limit + 1)
      reached[0] = true
      for (group, start) in first[row].enumerated() where !reached[limit] {
        let end = group + 1 < first[row].count ? Int(first[row][group + 1]) : heights[row].count
        let set = heights[row][Int(start)..<end]
        for sum in stride(from: limit, through: 0, by: -1) where reached[sum] {
          for height in set where sum + Int(height) <= limit { reached[sum + Int(height)] = true }
        }
      }
      return Int32(reached.lastIndex(of: true) ?? 0)
    }
  }
}

extension Book {
  /// The rectangles of an option at full quantity.
  @inline(__always)
  func forEachRectangle(_ option: Int, _ body: (Rectangle) -> Void) {
    body(Rectangle(start: start[option], end: end[option], gpus: gpus[option]))
    for index in extras(ofOption: option) { body(extra[index]) }
  }
}
