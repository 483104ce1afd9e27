/// Bids whose awards are thought over together while all others keep what they hold.
///
/// Large neighbourhood search (Shaw 1998): bids that meet in a stretch of time compete for the same GPUs, so their
/// best joint choice is worth an exact search where single moves are stuck.
struct Neighbourhood: Sendable {
  /// Positions in the book, ascending.
  let bids: [Int]
}

/// Draws neighbourhoods of a book around stretches of rows.
struct NeighbourhoodDraw: Sendable {
  private let book: Book
  /// What may be awarded in a good allocation, item by item.
  private let shortlist: Shortlist
  private let lines: Int

  init(_ shortlist: Shortlist) {
    self.shortlist = shortlist
    book = shortlist.book
    lines = (book.rowCount + book.lineLength - 1) / book.lineLength
  }

  /// Slots `start` up to `end` of a line, or of all lines.
  private struct Window {
    let line: Int?
    let start, end: Int
  }

  /// - Parameter size: about how many bids it should have.
  func draw(_ held: Selection, size: Int, _ random: inout RandomWords) -> Neighbourhood {
    let window = drawWindow(held, &random)
    var scored: [(score: Int, bid: Int)] = []
    for bid in 0..<book.bidCount {
      let overlap = overlap(bid, window, held)
      guard overlap > 0 else { continue }
      scored.append((-overlap - random.below(800), bid))
    }
    scored.sort { $0 < $1 }
    return Neighbourhood(bids: book.withKin(scored.prefix(size).map(\.bid)))
  }

  private func drawWindow(_ held: Selection, _ random: inout RandomWords) -> Window {
    let length = book.lineLength
    switch random.below(4) {
    case 0:
      let centre = random.below(length)
      let reach = max(2, length / (6 + random.below(8)))
      return Window(line: random.below(lines), start: centre - reach, end: centre + reach)
    case 1:
      let centre = random.below(length)
      let reach = max(2, length / (12 + random.below(16)))
      return Window(line: nil, start: centre - reach, end: centre + reach)
    default:
      // Where some bid could be.
      guard !shortlist.option.isEmpty else { return Window(line: nil, start: 0, end: length) }
      let option = Int(shortlist.option[random.below(shortlist.option.count)])
      let line = Int(book.start[option]) / length
      let start = Int(book.start[option]) - line * length
      let end = Int(book.end[option]) - line * length
      return Window(line: random.below(3) == 0 ? nil : line, start: start, end: end)
    }
  }

  /// How much of a bid's best placed option lies in the window, in thousandths, and as much again for what it holds.
  private func overlap(_ bid: Int, _ window: Window, _ held: Selection) -> Int {
    var most = 0
    var now = 0
    for item in book.items(ofBid: bid) {
      for entry in shortlist.entries(ofItem: item) {
        most = max(most, overlap(option: Int(shortlist.option[entry]), window))
      }
      if held.option[item] >= 0 { now = max(now, overlap(option: Int(held.option[item]), window)) }
    }
    return most + now
  }

  private func overlap(option: Int, _ window: Window) -> Int {
    var most = 0
    book.forEachRectangle(option) { rectangle in
      let line = Int(rectangle.start) / book.lineLength
      if let wanted = window.line, wanted != line { return }
      let start = Int(rectangle.start) - line * book.lineLength
      let end = Int(rectangle.end) - line * book.lineLength
      let common = min(end, window.end) - max(start, window.start)
      if common > 0 { most = max(most, common * 1000 / (end - start)) }
    }
    return most
  }
}

extension Book {
  /// Bids and all they are linked to, ascending: whether one may win depends on the others.
  func withKin(_ bids: [Int]) -> [Int] {
    guard !linked.isEmpty else { return bids.sorted() }
    var chosen = Set(bids)
    // Children stand before parents in `linked`: upwards once, then downwards once.
    for bid in linked.lazy.map(Int.init) where chosen.contains(bid) && parent[bid] >= 0 {
      chosen.insert(Int(parent[bid]))
    }
    for bid in linked.reversed().lazy.map(Int.init) where parent[bid] >= 0 && chosen.contains(Int(parent[bid])) {
      chosen.insert(bid)
    }
    return chosen.sorted()
  }

  /// What rows have left when some bids give back what they hold.
  func room(_ held: Selection, freeing bids: [Int]) -> [Int32] {
    var rest = held
    for bid in bids {
      for item in items(ofBid: bid) { rest.option[item] = -1 }
    }
    var change = [Int32](repeating: 0, count: rowCount + 1)
    for item in 0..<itemCount where rest.option[item] >= 0 {
      let option = Int(rest.option[item])
      let partial = rest.quantity[item] != gpus[option]
      forEachRectangle(option) { rectangle in
        let height = partial ? rest.quantity[item] : rectangle.gpus
        change[Int(rectangle.start)] += height
        change[Int(rectangle.end)] -= height
      }
    }
    var used: Int32 = 0
    return (0..<rowCount).map { row in
      used += change[row]
      return capacity[row] - used
    }
  }
}
