/// An allocation as it is filled: what is held, and what is left of each row.
struct Allocation {
  let book: Book
  private(set) var option: [Int32]
  private(set) var quantity: [Int32]
  /// GPUs left in each row.
  private(set) var residual: [Int32]
  /// Micro-dollars net of reserve.
  private(set) var welfare: Int64 = 0
  /// Awarded items of each bid; kept only where links are.
  private var winning: [Int32]

  init(_ book: Book) {
    self.book = book
    option = [Int32](repeating: -1, count: book.itemCount)
    quantity = [Int32](repeating: 0, count: book.itemCount)
    residual = book.capacity
    winning = [Int32](repeating: 0, count: book.linked.isEmpty ? 0 : book.bidCount)
  }

  var selection: Selection {
    var result = Selection(book)
    result.option = option
    result.quantity = quantity
    return result
  }

  /// The least that rows `start` up to `end` have left.
  @inline(__always)
  func room(_ start: Int32, _ end: Int32) -> Int32 {
    var least = Int32.max
    let rows = residual.span
    for row in Int(start)..<Int(end) { least = min(least, rows[unchecked: row]) }
    return least
  }

  /// GPUs of an option that fit what is left: 0 if not even its smallest quantity.
  @inline(__always)
  func fitting(_ option: Int) -> Int32 {
    let full = book.gpus[option]
    var room = room(book.start[option], book.end[option])
    if book.isRanged, book.low[option] < full {
      for index in book.extras(ofOption: option) {
        room = min(room, self.room(book.extra[index].start, book.extra[index].end))
      }
      return room >= book.low[option] ? min(room, full) : 0
    }
    guard room >= full else { return 0 }
    for index in book.extras(ofOption: option) {
      let rectangle = book.extra[index]
      if self.room(rectangle.start, rectangle.end) < rectangle.gpus { return 0 }
    }
    return full
  }

  /// Whether a bid's parent, if it has one, wins something.
  @inline(__always)
  func mayWin(_ bid: Int) -> Bool {
    guard !winning.isEmpty else { return true }
    let parent = book.parent[bid]
    return parent < 0 || winning[Int(parent)] > 0
  }

  /// Lets an item hold an option; it must hold none, and the quantity must fit.
  mutating func take(_ item: Int, _ option: Int, _ quantity: Int32) {
    occupy(option, quantity)
    self.option[item] = Int32(option)
    self.quantity[item] = quantity
    welfare += book.value(option, quantity)
    if !winning.isEmpty { winning[Int(book.itemBid[item])] += 1 }
  }

  @inline(__always)
  private mutating func occupy(_ option: Int, _ quantity: Int32) {
    for row in Int(book.start[option])..<Int(book.end[option]) { residual[row] -= quantity }
    guard !book.extraFirst.isEmpty else { return }
    let partial = quantity != book.gpus[option]
    for index in book.extras(ofOption: option) {
      let rectangle = book.extra[index]
      let height = partial ? quantity : rectangle.gpus
      for row in Int(rectangle.start)..<Int(rectangle.end) { residual[row] -= height }
    }
  }

  /// Takes all that a feasible selection holds; nothing may be held yet.
  mutating func take(_ selection: Selection) {
    for item in 0..<book.itemCount where selection.option[item] >= 0 {
      take(item, Int(selection.option[item]), selection.quantity[item])
    }
  }
}
