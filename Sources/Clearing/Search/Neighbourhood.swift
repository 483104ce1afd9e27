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
  let book: Book
  private let lines: Int
  /// Where each bid's places begin; one entry more than bids.
  private let first: [Int32]
  /// Where bids could be in a good allocation.
  private let places: [Place]

  /// Slots `start` up to `end` of a line.
  fileprivate struct Place {
    let line, start, end: Int32
  }

  init(_ shortlist: Shortlist) {
    let book = shortlist.book
    self.book = book
    lines = (book.rowCount + book.lineLength - 1) / book.lineLength
    var first: [Int32] = [0]
    var places: [Place] = []
    for bid in 0..<book.bidCount {
      for item in book.items(ofBid: bid) {
        for entry in shortlist.entries(ofItem: item) {
          book.forEachRectangle(Int(shortlist.option[entry])) { places.append(Place($0, book)) }
        }
      }
      first.append(Int32(places.count))
    }
    self.first = first
    self.places = places
  }

  /// What the bids of a neighbourhood have in common.
  enum Shape: Int, CaseIterable, Sendable {
    /// A stretch of slots anywhere, on one line or on all.
    case stretchOfLine, stretch
    /// The slots that some bid could have, on its line or on all.
    case placeOfLine, place
  }

  /// Slots `start` up to `end` of a line, or of all lines.
  fileprivate struct Window {
    let line: Int?
    let start, end: Int
  }

  /// - Parameter size: about how many bids it should have.
  func draw(_ held: Selection, _ shape: Shape, size: Int, _ random: inout RandomWords) -> Neighbourhood {
    let window = drawWindow(shape, &random)
    var scored: [(score: Int, bid: Int)] = []
    for bid in 0..<book.bidCount {
      let overlap = overlap(bid, window, held)
      guard overlap > 0 else { continue }
      scored.append((-overlap - random.below(800), bid))
    }
    scored.sort { $0 < $1 }
    return Neighbourhood(bids: book.withKin(scored.prefix(size).map(\.bid), holding: held))
  }

  private func drawWindow(_ shape: Shape, _ random: inout RandomWords) -> Window {
    let length = book.lineLength
    switch shape {
    case .stretchOfLine:
      let centre = random.below(length)
      let reach = max(2, length / (6 + random.below(8)))
      return Window(line: random.below(lines), start: centre - reach, end: centre + reach)
    case .stretch:
      let centre = random.below(length)
      let reach = max(2, length / (12 + random.below(16)))
      return Window(line: nil, start: centre - reach, end: centre + reach)
    case .placeOfLine, .place:
      guard !places.isEmpty else { return Window(line: nil, start: 0, end: length) }
      let place = places[random.below(places.count)]
      return Window(line: shape == .place ? nil : Int(place.line), start: Int(place.start), end: Int(place.end))
    }
  }

  /// How much of a bid's best place lies in the window, in thousandths, plus how much of what it holds does: a bid that
  /// stands in the window comes first.
  private func overlap(_ bid: Int, _ window: Window, _ held: Selection) -> Int {
    var most = 0
    let places = places.span
    for index in Int(first[bid])..<Int(first[bid + 1]) { most = max(most, window.overlap(places[index])) }
    var now = 0
    for item in book.items(ofBid: bid) where held.option[item] >= 0 {
      book.forEachRectangle(Int(held.option[item])) { now = max(now, window.overlap(Place($0, book))) }
    }
    return max(most, now) + now
  }
}

extension NeighbourhoodDraw.Place {
  init(_ rectangle: Book.Rectangle, _ book: Book) {
    let length = Int32(book.lineLength)
    line = rectangle.start / length
    start = rectangle.start - line * length
    end = rectangle.end - line * length
  }
}

extension NeighbourhoodDraw.Window {
  /// How much of a place lies here, in thousandths.
  @inline(__always)
  func overlap(_ place: NeighbourhoodDraw.Place) -> Int {
    if let line, line != Int(place.line) { return 0 }
    let common = min(Int(place.end), end) - max(Int(place.start), start)
    return common > 0 ? common * 1000 / Int(place.end - place.start) : 0
  }
}

extension Book {
  /// Bids and those that must be thought over with them, ascending: a parent that wins nothing, and all that hangs on any of these.
  ///
  /// A parent that wins may stay as it is. One without rows, a gate of core-selecting payments, is then closed only where the
  /// bids come from a relaxation that disputes it.
  func withKin(_ bids: [Int], holding held: Selection) -> [Int] {
    guard !linked.isEmpty else { return bids.sorted() }
    var chosen = Set(bids)
    // Children stand before parents in `linked`: upwards once, then downwards once.
    for bid in linked.lazy.map(Int.init) where chosen.contains(bid) && parent[bid] >= 0 {
      let parent = Int(parent[bid])
      if !wins(parent, held) { chosen.insert(parent) }
    }
    for bid in linked.reversed().lazy.map(Int.init) where parent[bid] >= 0 && chosen.contains(Int(parent[bid])) {
      chosen.insert(bid)
    }
    return chosen.sorted()
  }

  /// Whether a bid holds anything.
  func wins(_ bid: Int, _ held: Selection) -> Bool { items(ofBid: bid).contains { held.option[$0] >= 0 } }

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
