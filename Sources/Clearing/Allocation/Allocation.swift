/// An allocation under change: what is held, what is left of each row, and which awards stand on each line.
///
/// Changes can be journaled and rolled back, so that a move is tried without copying anything.
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
  private var children: [[Int32]]

  private var journal: [Change] = []
  private var journaling = false

  private struct Change {
    let item, option, quantity: Int32
  }

  init(_ book: Book) {
    self.book = book
    option = [Int32](repeating: -1, count: book.itemCount)
    quantity = [Int32](repeating: 0, count: book.itemCount)
    residual = book.capacity
    winning = [Int32](repeating: 0, count: book.linked.isEmpty ? 0 : book.bidCount)
    children = [[Int32]](repeating: [], count: winning.count)
    for bid in book.linked where book.parent[Int(bid)] >= 0 { children[Int(book.parent[Int(bid)])].append(bid) }
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
    if journaling { journal.append(Change(item: Int32(item), option: -1, quantity: 0)) }
    occupy(option, quantity, 1)
    self.option[item] = Int32(option)
    self.quantity[item] = quantity
    welfare += book.value(option, quantity)
    if !winning.isEmpty { winning[Int(book.itemBid[item])] += 1 }
  }

  /// Frees what an item holds; bids that then have no parent go too.
  mutating func free(_ item: Int) {
    let held = Int(option[item])
    if journaling { journal.append(Change(item: Int32(item), option: option[item], quantity: quantity[item])) }
    occupy(held, quantity[item], -1)
    welfare -= book.value(held, quantity[item])
    option[item] = -1
    quantity[item] = 0
    guard !winning.isEmpty else { return }
    let bid = Int(book.itemBid[item])
    winning[bid] -= 1
    if winning[bid] == 0 {
      for child in children[bid] where winning[Int(child)] > 0 {
        for below in book.items(ofBid: Int(child)) where option[below] >= 0 { free(below) }
      }
    }
  }

  @inline(__always)
  private mutating func occupy(_ option: Int, _ quantity: Int32, _ sign: Int32) {
    let change = quantity * sign
    for row in Int(book.start[option])..<Int(book.end[option]) { residual[row] -= change }
    guard !book.extraFirst.isEmpty else { return }
    let partial = quantity != book.gpus[option]
    for index in book.extras(ofOption: option) {
      let rectangle = book.extra[index]
      let change = (partial ? quantity : rectangle.gpus) * sign
      for row in Int(rectangle.start)..<Int(rectangle.end) { residual[row] -= change }
    }
  }

  /// Takes all that a feasible selection holds; nothing may be held yet.
  mutating func take(_ selection: Selection) {
    for item in 0..<book.itemCount where selection.option[item] >= 0 {
      take(item, Int(selection.option[item]), selection.quantity[item])
    }
  }

  // MARK: Trying a move

  mutating func beginMove() {
    journal.removeAll(keepingCapacity: true)
    journaling = true
  }

  mutating func keepMove() { journaling = false }

  mutating func undoMove() {
    journaling = false
    for change in journal.reversed() {
      let item = Int(change.item)
      if option[item] >= 0 { freeAlone(item) }
      if change.option >= 0 { take(item, Int(change.option), change.quantity) }
    }
  }

  /// Frees an item but not its children: undoing restores them one by one.
  private mutating func freeAlone(_ item: Int) {
    occupy(Int(option[item]), quantity[item], -1)
    welfare -= book.value(Int(option[item]), quantity[item])
    option[item] = -1
    quantity[item] = 0
    if !winning.isEmpty { winning[Int(book.itemBid[item])] -= 1 }
  }
}
