/// A book as columns for exact search: every whole quantity that may be awarded is a choice.
///
/// A group takes `Σ columns ≤ 1` (an exclusive group: placements, and each quantity of a ranged one), or, where a
/// single option may be awarded from 1 GPU up, one column per GPU with `x ≤ most` (a quantity group).
/// Rows that others imply are left out; a link is one more row: children's columns ≤ parent's columns.
final class Columns: Sendable {
  let book: Book
  /// Capacity rows kept; link rows follow them.
  let capacityRows: Int
  let rowCount: Int
  /// Right-hand sides; 0 for links.
  let capacity: [Int32]

  /// Where each group's columns begin; one entry more than groups.
  let groupFirst: [Int32]
  let groupItem: [Int32]
  /// GPUs a quantity group may take; 0 marks an exclusive group.
  let most: [Int32]

  let group: [Int32]
  let value: [Int64]
  let start, end: [Int32]
  let height: [Int32]
  /// Where each column's further rectangles begin, links among them as rows of height ±1.
  let extraFirst: [Int32]
  let extra: [Book.Rectangle]
  /// What each column is: option and quantity.
  let option, quantity: [Int32]

  var groupCount: Int { groupItem.count }
  var columnCount: Int { value.count }

  let hasQuantities: Bool

  @inline(__always) func columns(_ group: Int) -> Range<Int> { Int(groupFirst[group])..<Int(groupFirst[group + 1]) }

  /// - Returns: nil if the book has more columns than `limit`, or a linked bid more units than a row can hold.
  init?(_ book: Book, limit: Int) {
    self.book = book
    let single = (0..<book.itemCount).map { book.options(ofItem: $0).count == 1 }
    var count = 0
    for item in 0..<book.itemCount {
      for option in book.options(ofItem: item) {
        let isQuantity = single[item] && book.lowest(option) == 1 && book.gpus[option] > 1
        count += isQuantity ? 1 : Int(book.gpus[option] - book.lowest(option)) + 1
      }
      if count > limit { return nil }
    }
    let (before, capacity) = Columns.reducedRows(book)
    let linkOf = Columns.linkRows(book, first: capacity.count)
    capacityRows = capacity.count
    rowCount = capacity.count + linkOf.count
    self.capacity = capacity + [Int32](repeating: 0, count: linkOf.count)

    var children = [[Book.Rectangle]](repeating: [], count: linkOf.isEmpty ? 0 : book.bidCount)
    for (bid, row) in linkOf {
      guard let most = Columns.mostUnits(book, bid) else { return nil }
      children[Int(book.parent[bid])].append(Book.Rectangle(start: row, end: row + 1, gpus: -most))
    }
    for bid in children.indices { children[bid].sort { $0.start < $1.start } }

    var draft = ColumnDraft()
    for item in 0..<book.itemCount {
      let bid = Int(book.itemBid[item])
      var links: [Book.Rectangle] = []
      if let row = linkOf[bid] { links.append(Book.Rectangle(start: row, end: row + 1, gpus: 1)) }
      if !children.isEmpty { links += children[bid] }
      var most: Int32 = 0
      for option in book.options(ofItem: item) {
        let low = book.lowest(option)
        let full = book.gpus[option]
        if single[item], low == 1, full > 1 {
          most = full
          draft.add(item, option, 1, unit: true, book, before, links)
        } else {
          for quantity in (low...full).reversed() {
            draft.add(item, option, quantity, unit: false, book, before, links)
          }
        }
      }
      draft.most.append(most)
      draft.groupFirst.append(Int32(draft.value.count))
    }
    groupFirst = draft.groupFirst
    groupItem = (0..<book.itemCount).map { Int32($0) }
    most = draft.most
    hasQuantities = draft.most.contains { $0 > 0 }
    group = draft.group
    value = draft.value
    start = draft.start
    end = draft.end
    height = draft.height
    extraFirst = draft.extraFirst
    extra = draft.extra
    option = draft.option
    quantity = draft.quantity
  }

  /// The link row of each child.
  private static func linkRows(_ book: Book, first: Int) -> [Int: Int32] {
    var rows: [Int: Int32] = [:]
    for bid in 0..<book.bidCount where book.parent[bid] >= 0 { rows[bid] = Int32(first + rows.count) }
    return rows
  }

  /// The largest sum of a bid's columns: 1 for an exclusive group, GPUs for the steps of a curve; nil above 2^31.
  private static func mostUnits(_ book: Book, _ bid: Int) -> Int32? {
    var units = 0
    for item in book.items(ofBid: bid) {
      let options = book.options(ofItem: item)
      let first = options.lowerBound
      units += options.count == 1 && book.lowest(first) == 1 ? Int(book.gpus[first]) : 1
    }
    return Int32(exactly: units)
  }
}

/// The parts of `Columns` while they are put together.
private struct ColumnDraft {
  var groupFirst: [Int32] = [0]
  var most: [Int32] = []
  var group: [Int32] = []
  var value: [Int64] = []
  var start: [Int32] = []
  var end: [Int32] = []
  var height: [Int32] = []
  var extraFirst: [Int32] = [0]
  var extra: [Book.Rectangle] = []
  var option: [Int32] = []
  var quantity: [Int32] = []

  /// - Parameter before: how many rows are kept before each book row.
  mutating func add(
    _ item: Int, _ option: Int, _ quantity: Int32, unit: Bool, _ book: Book, _ before: [Int32],
    _ links: [Book.Rectangle]
  ) {
    group.append(Int32(item))
    value.append(unit ? book.value[option] / Int64(book.gpus[option]) : book.value(option, quantity))
    start.append(before[Int(book.start[option])])
    end.append(before[Int(book.end[option])])
    height.append(quantity)
    let partial = quantity != book.gpus[option]
    for index in book.extras(ofOption: option) {
      let rectangle = book.extra[index]
      let (first, last) = (before[Int(rectangle.start)], before[Int(rectangle.end)])
      guard first < last else { continue }
      extra.append(Book.Rectangle(start: first, end: last, gpus: partial || unit ? quantity : rectangle.gpus))
    }
    extra.append(contentsOf: links)
    extraFirst.append(Int32(extra.count))
    self.option.append(Int32(option))
    self.quantity.append(quantity)
  }
}
