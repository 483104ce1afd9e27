/// A book as parts that are searched apart: pools, once a bid with placements in several may win in each of them.
///
/// Lagrangian decomposition (Guignard and Kim 1987): that a bid wins once is priced at what it gains at given prices of
/// the rows, and its placements are worth that much less in every part. Whatever the prices,
///
///     welfare of any allocation  ≤  constant  +  Σ parts: best welfare of the part
///
/// The parts' relaxations alone come to no more than `Certificate`'s bound of the same prices, but for rounding; the
/// trees below them see how blocks of one pool exclude each other over time, which no prices can.
struct Decomposition {
  let parts: [Book]
  /// What is paid for bids with options in several parts, micro-dollars.
  let constant: Int64

  /// - Parameter prices: whole prices of the rows, scaled by the certificate's shift.
  /// - Returns: nil if fewer than two parts would hold anything, or the prices are too high to add up.
  init?(_ book: Book, _ certificate: Certificate, prices: [Int64]) {
    let partOfLine = book.partsOfLines()
    let count = (partOfLine.max() ?? -1) + 1
    guard count > 1, let (prefix, _) = certificate.prefix(prices) else { return nil }
    func part(_ option: Int) -> Int { partOfLine[Int(book.start[option]) / book.lineLength] }
    var drafts = [BookDraft](
      repeating: BookDraft(capacity: book.capacity, lineLength: book.lineLength), count: count)
    /// Place of each bid in its part; of use for bids with links, which lie in one.
    var position = [Int32](repeating: -1, count: book.bidCount)
    var constant: Int64 = 0
    for bid in 0..<book.bidCount {
      var touched: Set<Int> = []
      for item in book.items(ofBid: bid) {
        let options = book.options(ofItem: item)
        let homes = Set(options.map(part))
        var gain: Int64 = 0
        if homes.count > 1 {
          for option in options { gain = max(gain, certificate.roundedUp(certificate.reduced(option, prefix))) }
          constant += gain
        }
        for option in options {
          let left = book.value(option, less: gain)
          guard gain == 0 || left > 0 else { continue }
          var rectangles: [Book.Rectangle] = []
          book.forEachRectangle(option) { rectangles.append($0) }
          drafts[part(option)].addOption(
            value: left, rectangles: rectangles, low: book.lowest(option), tag: book.tag[option])
        }
        for home in homes { drafts[home].closeItem() }
        touched.formUnion(homes)
      }
      for home in touched {
        if drafts[home].closeBid(index: Int(book.bidIndex[bid]), company: book.company[bid], parent: book.parent[bid]) {
          position[bid] = Int32(drafts[home].bidIndex.count - 1)
        }
      }
    }
    for index in drafts.indices {
      for bid in drafts[index].parent.indices where drafts[index].parent[bid] >= 0 {
        drafts[index].parent[bid] = position[Int(drafts[index].parent[bid])]
      }
    }
    parts = drafts.filter { !$0.value.isEmpty }.map { Book($0) }
    self.constant = constant
    guard parts.count > 1 else { return nil }
  }
}

extension Certificate {
  /// The least whole micro-dollars that are no less than a scaled value.
  fileprivate func roundedUp(_ scaled: Int64) -> Int64 { -(-scaled >> Int64(shift)) }
}

extension Book {
  /// Number of the part that each line belongs to, -1 where nothing is asked for: lines meet that one option occupies, or
  /// bids with links between them.
  fileprivate func partsOfLines() -> [Int] {
    var group = Array(0..<rowCount / lineLength)
    func root(_ line: Int) -> Int {
      var at = line
      while group[at] != at { at = group[at] }
      return at
    }
    var isUsed = [Bool](repeating: false, count: group.count)
    /// Some line of each bid with links.
    var lineOf = [Int](repeating: -1, count: isLinked.isEmpty ? 0 : bidCount)
    for bid in 0..<bidCount {
      for item in items(ofBid: bid) {
        for option in options(ofItem: item) {
          let line = Int(start[option]) / lineLength
          isUsed[line] = true
          for index in extras(ofOption: option) {
            let other = Int(extra[index].start) / lineLength
            isUsed[other] = true
            group[root(other)] = root(line)
          }
          guard !isLinked.isEmpty, isLinked[bid] else { continue }
          if lineOf[bid] >= 0 { group[root(lineOf[bid])] = root(line) }
          lineOf[bid] = line
        }
      }
    }
    for bid in linked.lazy.map(Int.init) where parent[bid] >= 0 {
      group[root(lineOf[bid])] = root(lineOf[Int(parent[bid])])
    }
    var number: [Int: Int] = [:]
    return group.indices.map { line in
      guard isUsed[line] else { return -1 }
      let next = number.count
      return number[root(line)]
        ?? {
          number[root(line)] = next
          return next
        }()
    }
  }

  /// A value for an option such that no quantity of it is worth more than that and `fixed` together.
  fileprivate func value(_ option: Int, less fixed: Int64) -> Int64 {
    let full = Int64(gpus[option])
    return lowest(option) == gpus[option] ? value[option] - fixed : (value[option] / full - fixed / full) * full
  }
}
