/// What each item of a book holds: an option and a quantity, or nothing.
struct Selection: Sendable, Hashable {
  /// Option of each item, or -1.
  var option: [Int32]
  /// GPUs of each item's first rectangle; 0 where nothing is held.
  var quantity: [Int32]

  init(_ book: Book) {
    option = [Int32](repeating: -1, count: book.itemCount)
    quantity = [Int32](repeating: 0, count: book.itemCount)
  }

  /// Micro-dollars net of reserve.
  func welfare(_ book: Book) -> Int64 {
    var total: Int64 = 0
    for item in option.indices where option[item] >= 0 { total += book.value(Int(option[item]), quantity[item]) }
    return total
  }

  /// Fills the steps of each curve's slot from the dearest down: the same GPUs, worth at least as much.
  ///
  /// A search may hold a later step and not an earlier one; awards are always counted from the dearest.
  mutating func settleCurves(_ book: Book) {
    for bid in 0..<book.bidCount where book.items(ofBid: bid).count > 1 {
      var items = book.items(ofBid: bid)
      while let first = items.first {
        // The steps of one slot are items in a row over the same row of the book, prices falling.
        let row = book.start[Int(book.optionFirst[first])]
        let steps = items.prefix { book.start[Int(book.optionFirst[$0])] == row }
        var left = steps.reduce(Int32(0)) { $0 + quantity[$1] }
        for item in steps {
          let step = Int(book.optionFirst[item])
          quantity[item] = min(left, book.gpus[step])
          option[item] = quantity[item] > 0 ? Int32(step) : -1
          left -= quantity[item]
        }
        items = items.dropFirst(steps.count)
      }
    }
  }

  /// Whether every row, link and quantity is respected; for assertions and tests.
  func isFeasible(_ book: Book) -> Bool {
    var change = [Int64](repeating: 0, count: book.rowCount + 1)
    var wins = [Bool](repeating: false, count: book.bidCount)
    for item in option.indices where option[item] >= 0 {
      let held = Int(option[item])
      guard book.options(ofItem: item).contains(held), quantity[item] >= book.lowest(held),
        quantity[item] <= book.gpus[held]
      else { return false }
      wins[Int(book.itemBid[item])] = true
      let partial = quantity[item] != book.gpus[held]
      change[Int(book.start[held])] += Int64(quantity[item])
      change[Int(book.end[held])] -= Int64(quantity[item])
      for index in book.extras(ofOption: held) {
        let rectangle = book.extra[index]
        change[Int(rectangle.start)] += Int64(partial ? quantity[item] : rectangle.gpus)
        change[Int(rectangle.end)] -= Int64(partial ? quantity[item] : rectangle.gpus)
      }
    }
    var usage: Int64 = 0
    for row in 0..<book.rowCount {
      usage += change[row]
      if usage > Int64(book.capacity[row]) { return false }
    }
    return book.parent.indices.allSatisfy { !wins[$0] || book.parent[$0] < 0 || wins[Int(book.parent[$0])] }
  }
}
