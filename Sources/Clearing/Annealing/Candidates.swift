/// A shortlist laid out for annealing: items that have entries are numbered anew, candidates as the entries are.
final class Candidates: Sendable {
  let book: Book
  /// The book's item of each item here, ascending.
  let item: [Int32]
  /// Where each item's candidates begin; one entry more than items.
  let first: [Int32]
  /// Each item's best first.
  let all: [Candidate]
  /// Items worth moving most often.
  let marginal: [Int32]
  /// Where each line's candidates begin in `scan`; one entry more than lines.
  let lineFirst: [Int32]
  /// Candidates by line, the dearest per price first.
  let scan: [Scanned]
  /// Where each candidate stands in `scan`.
  let scanPlace: [Int32]
  /// Where each item's handles begin, one for every rectangle its candidates may have; empty if none has several.
  let handleFirst: [Int32]
  /// How many standings each line can hold.
  let lineRoom: [Int32]

  struct Candidate: Sendable {
    let start, end, gpus, low: Int32
    let item, option: Int32
    let value: Int64
    let weight: Double
  }

  struct Scanned: Sendable {
    let start, end, low, candidate: Int32
  }

  var itemCount: Int { item.count }
  @inline(__always) func candidates(ofItem item: Int) -> Range<Int> { Int(first[item])..<Int(first[item + 1]) }
  @inline(__always) func line(_ row: Int32) -> Int { Int(row) / book.lineLength }

  init(_ shortlist: Shortlist) {
    let book = shortlist.book
    self.book = book
    let lines = (book.rowCount + book.lineLength - 1) / book.lineLength
    var item: [Int32] = []
    var first: [Int32] = [0]
    var all: [Candidate] = []
    var marginal: [Int32] = []
    var handleFirst: [Int32] = [0]
    var lineRoom = [Int32](repeating: 0, count: lines)
    var roomOfItem = LineRoom(lines: lines)
    for here in 0..<book.itemCount {
      var handles = 0
      for entry in shortlist.entries(ofItem: here) {
        let option = Int(shortlist.option[entry])
        all.append(
          Candidate(
            start: book.start[option], end: book.end[option], gpus: book.gpus[option],
            low: book.lowest(option), item: Int32(item.count), option: Int32(option), value: book.value[option],
            weight: shortlist.weight[entry]))
        handles = max(handles, 1 + book.extras(ofOption: option).count)
        roomOfItem.count(option, book)
      }
      guard all.count > Int(first.last!) else { continue }
      roomOfItem.addMost(to: &lineRoom)
      if shortlist.isMarginal[here] { marginal.append(Int32(item.count)) }
      item.append(Int32(here))
      first.append(Int32(all.count))
      handleFirst.append(handleFirst.last! + Int32(handles))
    }
    self.item = item
    self.first = first
    self.all = all
    self.marginal = marginal
    self.handleFirst = book.extraFirst.isEmpty ? [] : handleFirst
    self.lineRoom = lineRoom
    (lineFirst, scan, scanPlace) = Candidates.byLine(shortlist.order, all, lines, book.lineLength)
  }

  private static func byLine(
    _ order: [Int32], _ all: [Candidate], _ lines: Int, _ lineLength: Int
  ) -> ([Int32], [Scanned], [Int32]) {
    var first = [Int32](repeating: 0, count: lines + 1)
    for candidate in all { first[Int(candidate.start) / lineLength + 1] += 1 }
    for line in 0..<lines { first[line + 1] += first[line] }
    var next = first
    var scan = [Scanned](repeating: Scanned(start: 0, end: 0, low: 0, candidate: 0), count: all.count)
    var place = [Int32](repeating: 0, count: all.count)
    for entry in order {
      let candidate = all[Int(entry)]
      let line = Int(candidate.start) / lineLength
      scan[Int(next[line])] = Scanned(
        start: candidate.start, end: candidate.end, low: candidate.low, candidate: entry)
      place[Int(entry)] = next[line]
      next[line] += 1
    }
    return (first, scan, place)
  }
}

/// Counts, line by line, the most rectangles that any option of an item has there.
private struct LineRoom {
  private var most: [Int32]
  private var now: [Int32]
  private var touched: [Int] = []

  init(lines: Int) {
    most = [Int32](repeating: 0, count: lines)
    now = most
  }

  mutating func count(_ option: Int, _ book: Book) {
    let extras = book.extras(ofOption: option)
    add(Int(book.start[option]) / book.lineLength)
    for index in extras { add(Int(book.extra[index].start) / book.lineLength) }
    now[Int(book.start[option]) / book.lineLength] = 0
    for index in extras { now[Int(book.extra[index].start) / book.lineLength] = 0 }
  }

  private mutating func add(_ line: Int) {
    now[line] += 1
    if most[line] == 0 { touched.append(line) }
    most[line] = max(most[line], now[line])
  }

  mutating func addMost(to room: inout [Int32]) {
    for line in touched {
      room[line] += most[line]
      most[line] = 0
    }
    touched.removeAll(keepingCapacity: true)
  }
}
