/// A book of some of another book's bids, on the same rows, with the way back.
struct Subset: Sendable {
  let book: Book
  /// Item and option of the whole book for each of these.
  let itemOf, optionOf: [Int32]

  /// Writes what a selection here holds into one of the whole book.
  func merge(_ selection: Selection, into whole: inout Selection) {
    for item in 0..<book.itemCount {
      let target = Int(itemOf[item])
      whole.option[target] = selection.option[item] < 0 ? -1 : optionOf[Int(selection.option[item])]
      whole.quantity[target] = selection.quantity[item]
    }
  }

  /// The part of a selection of the whole book that lies here.
  func part(of whole: Selection) -> Selection {
    var result = Selection(book)
    for item in 0..<book.itemCount {
      let held = whole.option[Int(itemOf[item])]
      guard held >= 0 else { continue }
      let range = book.options(ofItem: item)
      // Options of an item keep their order, and none is left out of this kind of subset unless it cannot fit.
      if let option = range.first(where: { optionOf[$0] == held }) {
        result.option[item] = Int32(option)
        result.quantity[item] = whole.quantity[Int(itemOf[item])]
      }
    }
    return result
  }
}

extension Book {
  /// The book of these bids, ascending.
  /// - Parameter capacity: what the rows have for them; options that do not fit are left out.
  func subset(_ bids: [Int], capacity: [Int32]? = nil) -> Subset {
    subset(bids, rows: capacity ?? self.capacity, fitting: capacity)
  }

  /// The book of these bids, ascending, all of whose options stay, on rows of another capacity.
  func subset(_ bids: [Int], scaledTo rows: [Int32]) -> Book { subset(bids, rows: rows, fitting: nil).book }

  private func subset(_ bids: [Int], rows: [Int32], fitting capacity: [Int32]?) -> Subset {
    var draft = BookDraft(capacity: rows, lineLength: lineLength)
    var itemOf: [Int32] = []
    var optionOf: [Int32] = []
    var position: [Int: Int32] = [:]
    for bid in withoutOrphans(bids, capacity) {
      for item in items(ofBid: bid) {
        for option in options(ofItem: item) where fits(option, capacity) {
          var rectangles: [Rectangle] = []
          forEachRectangle(option) { rectangles.append($0) }
          draft.addOption(value: value[option], rectangles: rectangles, low: lowest(option), tag: tag[option])
          optionOf.append(Int32(option))
        }
        let before = draft.itemBid.count
        draft.closeItem()
        if draft.itemBid.count > before { itemOf.append(Int32(item)) }
      }
      if draft.closeBid(index: Int(bidIndex[bid]), company: company[bid], parent: parent[bid]) {
        position[bid] = Int32(draft.bidIndex.count - 1)
      }
    }
    for bid in draft.parent.indices where draft.parent[bid] >= 0 {
      draft.parent[bid] = position[Int(draft.parent[bid])] ?? -1
    }
    return Subset(book: Book(draft), itemOf: itemOf, optionOf: optionOf)
  }

  /// The bids less those that hang on one among them for which nothing fits.
  private func withoutOrphans(_ bids: [Int], _ capacity: [Int32]?) -> [Int] {
    guard capacity != nil, !linked.isEmpty else { return bids }
    let chosen = Set(bids)
    var barred: Set<Int> = []
    // Parents stand behind their children in `linked`.
    for bid in linked.reversed().lazy.map(Int.init) where chosen.contains(bid) {
      let isOpen = items(ofBid: bid).contains { item in options(ofItem: item).contains { fits($0, capacity) } }
      if !isOpen || barred.contains(Int(parent[bid])) { barred.insert(bid) }
    }
    return bids.filter { !barred.contains($0) }
  }

  /// Whether at least the smallest quantity of an option fits an allocation of its own.
  private func fits(_ option: Int, _ capacity: [Int32]?) -> Bool {
    guard let capacity else { return true }
    let isPartial = lowest(option) < gpus[option]
    var result = true
    forEachRectangle(option) { rectangle in
      let least = isPartial ? lowest(option) : rectangle.gpus
      for row in Int(rectangle.start)..<Int(rectangle.end) where capacity[row] < least { result = false }
    }
    return result
  }
}
