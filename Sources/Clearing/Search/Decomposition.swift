/// A book as parts that are searched apart: pools, once a bid with placements in several may win in each of them.
///
/// Lagrangian decomposition (Guignard and Kim 1987): that a bid wins once is priced at what it gains at given prices of
/// the rows, and its placements are worth that much less in every part; companies' caps are priced too. Whatever the prices,
///
///     welfare of any allocation  ≤  constant  +  Σ parts: best welfare of the part
///
/// The parts' relaxations alone come to no more than `Certificate`'s bound of the same prices, but for rounding and for links;
/// the trees below them see how blocks of one pool exclude each other over time, which no prices can. A link is kept where
/// parent and child lie in one part with all they ask for, and dropped elsewhere, which allows more and never less.
struct Decomposition {
  let parts: [Book]
  /// What is paid for bids with options in several parts and for rows in none, micro-dollars.
  let constant: Int64

  /// - Parameter prices: whole prices of the rows, scaled by the certificate's shift.
  /// - Returns: nil if fewer than two parts would hold anything, or the prices are too high to add up.
  init?(_ book: Book, _ certificate: Certificate, prices: [Int64]) {
    let lines = PartLines(book)
    guard lines.partCount > 1, let (prefix, _) = certificate.prefix(prices) else { return nil }
    let (parent, isKin) = book.linksWithinParts(lines)
    var drafts = [BookDraft](
      repeating: BookDraft(capacity: book.capacity, lineLength: book.lineLength), count: lines.partCount)
    /// Place of each bid in its part; of use for bids with links that are kept, which lie in one.
    var position = [Int32](repeating: -1, count: book.bidCount)
    var constant = certificate.roundedUp(
      book.capacity.indices.reduce(0) { sum, row in
        lines.part(ofRow: row) == nil ? sum + prices[row] * Int64(book.capacity[row]) : sum
      })
    // Far from good prices; with the bids' gains it must stay a number.
    guard constant < 1 << 61 else { return nil }
    for bid in 0..<book.bidCount {
      var touched: Set<Int> = []
      for item in book.items(ofBid: bid) {
        let options = book.options(ofItem: item)
        let homes = Set(options.map { lines.part(ofOption: $0) })
        var gain: Int64 = 0
        if homes.count > 1 {
          for option in options { gain = max(gain, certificate.roundedUp(certificate.reduced(option, prefix))) }
          constant += gain
        }
        for option in options {
          var rectangles: [Book.Rectangle] = []
          // Prices of what lies in no part, for a GPU throughout or for all together.
          var unitCost: Int64 = 0
          var cost: Int64 = 0
          book.forEachRectangle(option) { rectangle in
            if lines.part(ofRow: Int(rectangle.start)) != nil {
              rectangles.append(rectangle)
            } else {
              let rows = prefix[Int(rectangle.end)] - prefix[Int(rectangle.start)]
              unitCost += rows
              cost += rows * Int64(rectangle.gpus)
            }
          }
          let left = book.value(
            option, less: gain, cost: cost >> Int64(certificate.shift), unitCost: unitCost >> Int64(certificate.shift))
          guard left > 0 || isKin[bid] else { continue }
          drafts[lines.part(ofOption: option)].addOption(
            value: left, rectangles: rectangles, low: book.lowest(option), tag: book.tag[option])
        }
        for home in homes { drafts[home].closeItem() }
        touched.formUnion(homes)
      }
      for home in touched {
        if drafts[home].closeBid(index: Int(book.bidIndex[bid]), company: book.company[bid], parent: parent[bid]) {
          position[bid] = Int32(drafts[home].bidIndex.count - 1)
        }
      }
    }
    for index in drafts.indices {
      for bid in drafts[index].parent.indices where drafts[index].parent[bid] >= 0 {
        drafts[index].parent[bid] = position[Int(drafts[index].parent[bid])]
      }
    }
    for index in drafts.indices { drafts[index].limitLosses() }
    parts = drafts.filter { !$0.value.isEmpty }.map { Book($0) }
    self.constant = constant
    guard parts.count > 1 else { return nil }
  }
}

extension Certificate {
  /// The least whole micro-dollars that are no less than a scaled value.
  fileprivate func roundedUp(_ scaled: Int64) -> Int64 { -(-scaled >> Int64(shift)) }
}

extension BookDraft {
  /// Lifts losses that nothing in the book could make up for to just beyond what could, which allows nothing more: a
  /// parent's may come from bids of other parts, and searches keep room for what a book can be worth alone.
  fileprivate mutating func limitLosses() {
    let most = (0..<itemBid.count).reduce(0) { sum, item in
      sum + max(0, value[Int(optionFirst[item])..<Int(optionFirst[item + 1])].max() ?? 0)
    }
    for option in value.indices where value[option] < -most {
      let full = Int64(gpus[option])
      value[option] = max(value[option], -(most / full + 1) * full)
    }
  }
}

/// Which part each line of a book belongs to: lines meet that one option occupies. Lines on which no option has its first
/// rectangle, as those of companies' caps, belong to none.
private struct PartLines {
  private let book: Book
  private let partOfLine: [Int]
  let partCount: Int

  init(_ book: Book) {
    self.book = book
    var group = Array(0..<book.rowCount / book.lineLength)
    func root(_ line: Int) -> Int {
      var at = line
      while group[at] != at { at = group[at] }
      return at
    }
    var isHome = [Bool](repeating: false, count: group.count)
    for option in 0..<book.optionCount { isHome[Int(book.start[option]) / book.lineLength] = true }
    for option in 0..<book.optionCount {
      for index in book.extras(ofOption: option) {
        let line = Int(book.extra[index].start) / book.lineLength
        if isHome[line] { group[root(line)] = root(Int(book.start[option]) / book.lineLength) }
      }
    }
    var number: [Int: Int] = [:]
    var parts = [Int](repeating: -1, count: group.count)
    for line in group.indices where isHome[line] {
      let root = root(line)
      if number[root] == nil { number[root] = number.count }
      parts[line] = number[root]!
    }
    partOfLine = parts
    partCount = number.count
  }

  func part(ofRow row: Int) -> Int? {
    let part = partOfLine[row / book.lineLength]
    return part < 0 ? nil : part
  }

  func part(ofOption option: Int) -> Int { partOfLine[Int(book.start[option]) / book.lineLength] }
}

extension Book {
  /// The links whose bids both lie in one part, and who has one.
  fileprivate func linksWithinParts(_ lines: PartLines) -> (parent: [Int32], isKin: [Bool]) {
    var kept = [Int32](repeating: -1, count: bidCount)
    var isKin = [Bool](repeating: false, count: bidCount)
    func home(_ bid: Int) -> Int? {
      let homes = Set(items(ofBid: bid).flatMap { options(ofItem: $0).map { lines.part(ofOption: $0) } })
      return homes.count == 1 ? homes.first : nil
    }
    for bid in 0..<bidCount where parent[bid] >= 0 {
      guard let own = home(bid), own == home(Int(parent[bid])) else { continue }
      kept[bid] = parent[bid]
      isKin[bid] = true
      isKin[Int(parent[bid])] = true
    }
    return (kept, isKin)
  }

  /// A value for an option such that no quantity of it is worth more than that, `fixed` and what it costs together.
  /// - Parameters:
  ///   - cost: of the full quantity.
  ///   - unitCost: of one GPU throughout.
  fileprivate func value(_ option: Int, less fixed: Int64, cost: Int64, unitCost: Int64) -> Int64 {
    let full = Int64(gpus[option])
    guard lowest(option) < gpus[option] else { return value[option] - fixed - cost }
    return (value[option] / full - fixed / full - unitCost) * full
  }
}
