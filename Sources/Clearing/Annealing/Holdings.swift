/// What an annealing's items hold now, what is left of each row, and which awards stand on each line.
///
/// Every change goes into a journal, from which a move is undone; items changed since the best was found are
/// listed, so that keeping a new best costs no more than what changed. Nothing is ever copied whole.
struct Holdings: ~Copyable {
  let candidates: Candidates
  let book: Book
  /// GPUs left in each row.
  let residual: Buffer<Int32>
  /// Candidate that each item holds, or -1, and how many GPUs of it.
  let held: Buffer<Int32>
  let quantity: Buffer<Int32>
  /// A bit for each place of `candidates.scan`: whether its item holds nothing. Most hold something where GPUs are
  /// scarce, and a gap is filled without a look at them.
  let isFree: Buffer<UInt64>
  /// How many of these bits have been changed: an item of very many candidates is dear to move.
  private(set) var flips = 0
  /// Micro-dollars net of reserve, of these items alone.
  private(set) var welfare: Int64 = 0

  /// The best so far.
  private let bestHeld: Buffer<Int32>
  private let bestQuantity: Buffer<Int32>
  private(set) var bestWelfare: Int64 = 0
  private let isTouched: Buffer<Bool>
  private let touched: Buffer<Int32>
  private var touchedCount = 0

  /// The rectangles held on each line, in no order: line by line, `lineCount` of them from `lineFirst`.
  let standing: Buffer<Standing>
  let lineFirst: [Int32]
  let lineCount: Buffer<Int32>
  /// Where in `standing` each handle's rectangle is. A handle is an item's rectangle.
  private let position: Buffer<Int32>

  /// Awarded items of each bid, and each bid's children; empty without links.
  private let winning: Buffer<Int32>
  let children: [[Int32]]
  /// The item here of each item of the book, or -1; empty without links.
  let itemHere: [Int32]

  private(set) var journal: [Change] = []

  struct Standing {
    let start, end, height, item: Int32
    /// What losing the whole award costs, as ejection sees it.
    let weight: Double
  }

  struct Change {
    let item, candidate, quantity: Int32
  }

  /// - Parameter selection: what all items of the book hold; those not among the candidates' stay as they are.
  init(_ candidates: Candidates, holding selection: Selection) {
    self.candidates = candidates
    let book = candidates.book
    self.book = book
    let items = candidates.itemCount
    residual = Buffer(book.rowCount, 0)
    residual.copy(from: book.capacity)
    held = Buffer(items, -1)
    quantity = Buffer(items, 0)
    isFree = Buffer((candidates.scan.count + 63) / 64, .max)
    bestHeld = Buffer(items, -1)
    bestQuantity = Buffer(items, 0)
    isTouched = Buffer(items, false)
    touched = Buffer(items, 0)
    position = Buffer(candidates.handleFirst.last.map(Int.init) ?? items, -1)
    var lineFirst: [Int32] = [0]
    for room in candidates.lineRoom { lineFirst.append(lineFirst.last! + room) }
    self.lineFirst = lineFirst
    lineCount = Buffer(candidates.lineRoom.count, 0)
    standing = Buffer(Int(lineFirst.last!), Standing(start: 0, end: 0, height: 0, item: 0, weight: 0))
    winning = Buffer(book.linked.isEmpty ? 0 : book.bidCount, 0)
    (children, itemHere) = Holdings.links(candidates)
    place(selection)
  }

  private static func links(_ candidates: Candidates) -> ([[Int32]], [Int32]) {
    let book = candidates.book
    guard !book.linked.isEmpty else { return ([], []) }
    var children = [[Int32]](repeating: [], count: book.bidCount)
    for bid in book.linked where book.parent[Int(bid)] >= 0 { children[Int(book.parent[Int(bid)])].append(bid) }
    var itemHere = [Int32](repeating: -1, count: book.itemCount)
    for (here, item) in candidates.item.enumerated() { itemHere[Int(item)] = Int32(here) }
    return (children, itemHere)
  }

  private mutating func place(_ selection: Selection) {
    var next = 0
    for item in 0..<book.itemCount {
      let isHere = next < candidates.itemCount && candidates.item[next] == item
      if isHere { next += 1 }
      let option = selection.option[item]
      guard option >= 0 else { continue }
      let choice = isHere ? candidates.candidates(ofItem: next - 1).first { candidates.all[$0].option == option } : nil
      if let choice {
        take(choice, selection.quantity[item])
      } else {
        occupy(option, book.start[Int(option)], book.end[Int(option)], selection.quantity[item])
        if winning.count > 0 { winning[Int(book.itemBid[item])] += 1 }
      }
    }
    bestWelfare = welfare
    for item in 0..<candidates.itemCount {
      bestHeld[item] = held[item]
      bestQuantity[item] = quantity[item]
    }
    journal.removeAll(keepingCapacity: true)
  }

  /// Puts into a selection what these items hold now, or held at best.
  func write(best: Bool, into selection: inout Selection) {
    for item in 0..<candidates.itemCount {
      let choice = best ? bestHeld[item] : held[item]
      let here = Int(candidates.item[item])
      selection.option[here] = choice < 0 ? -1 : candidates.all[Int(choice)].option
      selection.quantity[here] = choice < 0 ? 0 : best ? bestQuantity[item] : quantity[item]
    }
  }

  // MARK: What fits

  /// The least that rows `start` up to `end` have left.
  @inline(__always)
  func room(_ start: Int32, _ end: Int32) -> Int32 {
    let rows = residual.base
    var least = Int32.max
    for row in Int(start)..<Int(end) { least = min(least, rows[row]) }
    return least
  }

  /// GPUs of a candidate that fit what is left: 0 if not even its smallest quantity.
  @inline(__always)
  func fitting(_ candidate: borrowing Candidates.Candidate) -> Int32 {
    var room = room(candidate.start, candidate.end)
    guard room >= candidate.low else { return 0 }
    let option = Int(candidate.option)
    for index in book.extras(ofOption: option) {
      let rectangle = book.extra[index]
      let there = self.room(rectangle.start, rectangle.end)
      if candidate.low < candidate.gpus { room = min(room, there) } else if there < rectangle.gpus { return 0 }
    }
    return room >= candidate.low ? min(room, candidate.gpus) : 0
  }

  /// Whether an item's bid has no parent, or one that wins something.
  @inline(__always)
  func mayWin(_ item: Int) -> Bool {
    guard winning.count > 0 else { return true }
    let parent = book.parent[Int(book.itemBid[Int(candidates.item[item])])]
    return parent < 0 || winning[Int(parent)] > 0
  }

  @inline(__always)
  func worth(_ candidate: borrowing Candidates.Candidate, _ quantity: Int32) -> Int64 {
    quantity == candidate.gpus ? candidate.value : candidate.value / Int64(candidate.gpus) * Int64(quantity)
  }

  // MARK: Changes

  /// Lets a candidate's item, which must hold nothing, hold it; the quantity must fit.
  mutating func take(_ choice: Int, _ quantity: Int32) {
    let item = Int(candidates.all[choice].item)
    journal.append(Change(item: Int32(item), candidate: -1, quantity: 0))
    put(choice, quantity)
  }

  /// Frees what an item holds, and what hangs on it.
  mutating func free(_ item: Int) {
    remove(item)
    guard winning.count > 0 else { return }
    let bid = Int(book.itemBid[Int(candidates.item[item])])
    guard winning[bid] == 0 else { return }
    for child in children[bid] where winning[Int(child)] > 0 {
      for below in book.items(ofBid: Int(child)) {
        let here = Int(itemHere[below])
        if here >= 0, held[here] >= 0 { free(here) }
      }
    }
  }

  /// Frees what an item holds, but nothing that hangs on it: the caller sees to that.
  mutating func remove(_ item: Int) {
    journal.append(Change(item: Int32(item), candidate: held[item], quantity: quantity[item]))
    lift(item)
  }

  mutating func begin() { journal.removeAll(keepingCapacity: true) }

  /// Makes the changes since `begin` final.
  mutating func keep() {
    for change in journal {
      let item = Int(change.item)
      guard !isTouched[item] else { continue }
      isTouched[item] = true
      touched[touchedCount] = change.item
      touchedCount += 1
    }
    guard welfare > bestWelfare else { return }
    bestWelfare = welfare
    for index in 0..<touchedCount {
      let item = Int(touched[index])
      bestHeld[item] = held[item]
      bestQuantity[item] = quantity[item]
      isTouched[item] = false
    }
    touchedCount = 0
  }

  /// Takes the changes since `begin` back.
  mutating func undo() {
    for change in journal.reversed() {
      let item = Int(change.item)
      if held[item] >= 0 { lift(item) }
      if change.candidate >= 0 { put(Int(change.candidate), change.quantity) }
    }
    journal.removeAll(keepingCapacity: true)
  }

  private mutating func put(_ choice: Int, _ quantity: Int32) {
    let candidate = candidates.all[choice]
    let item = Int(candidate.item)
    assert(held[item] < 0 && quantity >= candidate.low && quantity <= candidate.gpus)
    occupy(candidate.option, candidate.start, candidate.end, quantity)
    held[item] = Int32(choice)
    flipFree(item)
    self.quantity[item] = quantity
    welfare += worth(candidate, quantity)
    let weight = candidate.weight * (Double(quantity) / Double(candidate.gpus))
    var handle = handles(item)
    stand(
      Standing(start: candidate.start, end: candidate.end, height: quantity, item: candidate.item, weight: weight),
      handle)
    for index in book.extras(ofOption: Int(candidate.option)) {
      let rectangle = book.extra[index]
      handle += 1
      let height = quantity == candidate.gpus ? rectangle.gpus : quantity
      stand(
        Standing(start: rectangle.start, end: rectangle.end, height: height, item: candidate.item, weight: weight),
        handle)
    }
    countAward(item, 1)
  }

  private mutating func lift(_ item: Int) {
    let candidate = candidates.all[Int(held[item])]
    occupy(candidate.option, candidate.start, candidate.end, -quantity[item])
    welfare -= worth(candidate, quantity[item])
    held[item] = -1
    flipFree(item)
    quantity[item] = 0
    let handle = handles(item)
    leave(handle, candidates.line(candidate.start))
    var next = handle
    for index in book.extras(ofOption: Int(candidate.option)) {
      next += 1
      leave(next, candidates.line(book.extra[index].start))
    }
    countAward(item, -1)
  }

  /// One award more or less of an item's bid.
  @inline(__always)
  private func countAward(_ item: Int, _ change: Int32) {
    guard winning.count > 0 else { return }
    // A name of its own: ThreadSanitizer takes the nested access for one to the shared candidates.
    let winning = winning
    winning[Int(book.itemBid[Int(candidates.item[item])])] += change
  }

  /// To be called whenever an item begins or ceases to hold something.
  @inline(__always)
  private mutating func flipFree(_ item: Int) {
    flips &+= candidates.candidates(ofItem: item).count
    let all = candidates.scanPlace
    let places = all.span
    for choice in candidates.candidates(ofItem: item) {
      let place = Int(places[unchecked: choice])
      isFree.base[place >> 6] ^= 1 << UInt64(place & 63)
    }
  }

  /// The first handle of an item.
  @inline(__always)
  private func handles(_ item: Int) -> Int {
    candidates.handleFirst.isEmpty ? item : Int(candidates.handleFirst[item])
  }

  @inline(__always)
  private func stand(_ rectangle: Standing, _ handle: Int) {
    let line = candidates.line(rectangle.start)
    let place = lineFirst[line] + lineCount[line]
    standing[Int(place)] = rectangle
    position[handle] = place
    lineCount[line] += 1
  }

  /// The last rectangle of the line takes the place of the one that leaves.
  @inline(__always)
  private func leave(_ handle: Int, _ line: Int) {
    lineCount[line] -= 1
    let last = lineFirst[line] + lineCount[line]
    let place = position[handle]
    if place != last {
      let moved = standing[Int(last)]
      standing[Int(place)] = moved
      position[self.handle(ofItem: Int(moved.item), at: last)] = place
    }
    position[handle] = -1
  }

  /// Which of an item's handles stands at a place.
  @inline(__always)
  private func handle(ofItem item: Int, at place: Int32) -> Int {
    var handle = handles(item)
    if candidates.handleFirst.isEmpty { return handle }
    while position[handle] != place { handle += 1 }
    return handle
  }

  /// Takes GPUs of an option's rows, those of its first rectangle from `start` up to `end`; gives them back if negative.
  @inline(__always)
  private func occupy(_ option: Int32, _ start: Int32, _ end: Int32, _ quantity: Int32) {
    let rows = residual.base
    for row in Int(start)..<Int(end) { rows[row] &-= quantity }
    guard !book.extraFirst.isEmpty else { return }
    let full = book.gpus[Int(option)]
    for index in book.extras(ofOption: Int(option)) {
      let rectangle = book.extra[index]
      let height = quantity == full ? rectangle.gpus : quantity == -full ? -rectangle.gpus : quantity
      for row in Int(rectangle.start)..<Int(rectangle.end) { rows[row] &-= height }
    }
  }
}
