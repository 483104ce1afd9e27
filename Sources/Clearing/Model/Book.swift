/// The engine's own form of an instance: rows with capacity, and items of which at most one option is taken.
///
/// A row is a pool's slot, or a capped company's slot of a pool. An item is a bid's exclusive group of placements
/// or one step of a curve. An option occupies rectangles of rows; all quantities of a ranged option lie between
/// `low` and `gpus`, and value and occupation are in proportion. Options below reserve, and what no capacity can
/// ever hold, are not here. Values are net of reserve cost, so reserve needs no further thought.
final class Book: Sendable {
  /// GPUs of each row.
  let capacity: [Int32]
  /// Rows of a line: rectangles never cross from one line to the next.
  let lineLength: Int
  var rowCount: Int { capacity.count }

  /// Index of each bid in the instance, ascending.
  let bidIndex: [Int32]
  /// Company of each bid, as the instance numbers them.
  let company: [Int32]
  /// Position here of each bid's parent, or -1.
  let parent: [Int32]
  /// Bids that have or are parents, children first; all others stand alone.
  let linked: [Int32]
  /// Whether a bid is in `linked`; empty if none is.
  let isLinked: [Bool]
  /// Where each bid's items begin; one entry more than bids.
  let itemFirst: [Int32]

  /// Bid of each item.
  let itemBid: [Int32]
  /// Where each item's options begin; one entry more than items.
  let optionFirst: [Int32]

  /// Micro-dollars net of reserve cost, at full quantity.
  let value: [Int64]
  /// First rectangle: rows from `start` up to `end`, `gpus` in each at full quantity.
  let start, end, gpus: [Int32]
  /// Fewest GPUs; equal to `gpus` for all or nothing. Empty if every option is.
  let low: [Int32]
  /// What the option is in the instance: placement within its bid, or for a curve the step's flat index.
  let tag: [Int32]
  /// Where each option's further rectangles begin; empty if no option has any.
  let extraFirst: [Int32]
  let extra: [Rectangle]

  var bidCount: Int { bidIndex.count }
  var itemCount: Int { itemBid.count }
  var optionCount: Int { value.count }
  var isRanged: Bool { !low.isEmpty }

  struct Rectangle: Sendable, Hashable {
    let start, end, gpus: Int32
  }

  init(_ draft: consuming BookDraft) {
    capacity = draft.capacity
    lineLength = draft.lineLength
    bidIndex = draft.bidIndex
    company = draft.company
    parent = draft.parent
    itemFirst = draft.itemFirst
    itemBid = draft.itemBid
    optionFirst = draft.optionFirst
    value = draft.value
    start = draft.start
    end = draft.end
    gpus = draft.gpus
    let ranged = !zip(draft.low, draft.gpus).allSatisfy { $0 == $1 }
    low = ranged ? draft.low : []
    tag = draft.tag
    extraFirst = draft.extra.isEmpty ? [] : draft.extraFirst
    extra = draft.extra
    linked = Book.childrenFirst(draft.parent)
    var flags = [Bool](repeating: false, count: linked.isEmpty ? 0 : draft.bidIndex.count)
    for bid in linked { flags[Int(bid)] = true }
    isLinked = flags
  }

  @inline(__always) func items(ofBid bid: Int) -> Range<Int> { Int(itemFirst[bid])..<Int(itemFirst[bid + 1]) }
  @inline(__always) func options(ofItem item: Int) -> Range<Int> {
    Int(optionFirst[item])..<Int(optionFirst[item + 1])
  }
  @inline(__always) func extras(ofOption option: Int) -> Range<Int> {
    extraFirst.isEmpty ? 0..<0 : Int(extraFirst[option])..<Int(extraFirst[option + 1])
  }
  @inline(__always) func lowest(_ option: Int) -> Int32 { low.isEmpty ? gpus[option] : low[option] }

  /// Value of a quantity of an option.
  @inline(__always) func value(_ option: Int, _ quantity: Int32) -> Int64 {
    quantity == gpus[option] ? value[option] : value[option] / Int64(gpus[option]) * Int64(quantity)
  }

  /// Bids in link trees, every child before its parent.
  private static func childrenFirst(_ parent: [Int32]) -> [Int32] {
    guard parent.contains(where: { $0 >= 0 }) else { return [] }
    var depth = [Int32](repeating: -1, count: parent.count)
    var involved = [Bool](repeating: false, count: parent.count)
    for bid in parent.indices where parent[bid] >= 0 {
      involved[bid] = true
      involved[Int(parent[bid])] = true
    }
    // The chain above a bid is walked once: depths below it follow.
    var chain: [Int] = []
    for bid in parent.indices where involved[bid] {
      var at = bid
      chain.removeAll(keepingCapacity: true)
      while depth[at] < 0, parent[at] >= 0 {
        chain.append(at)
        at = Int(parent[at])
      }
      if depth[at] < 0 { depth[at] = 0 }
      var level = depth[at]
      for below in chain.reversed() {
        level += 1
        depth[below] = level
      }
    }
    return parent.indices.filter { involved[$0] }.sorted { (depth[$0], $1) > (depth[$1], $0) }.map { Int32($0) }
  }
}

/// The parts of a book while it is put together.
struct BookDraft {
  var capacity: [Int32]
  var lineLength: Int
  var bidIndex: [Int32] = []
  var company: [Int32] = []
  var parent: [Int32] = []
  var itemFirst: [Int32] = [0]
  var itemBid: [Int32] = []
  var optionFirst: [Int32] = [0]
  var value: [Int64] = []
  var start: [Int32] = []
  var end: [Int32] = []
  var gpus: [Int32] = []
  var low: [Int32] = []
  var tag: [Int32] = []
  var extraFirst: [Int32] = [0]
  var extra: [Book.Rectangle] = []

  init(capacity: [Int32], lineLength: Int) {
    self.capacity = capacity
    self.lineLength = lineLength
  }

  /// Adds an option to the item being built; its first rectangle must not be empty.
  mutating func addOption(value: Int64, rectangles: [Book.Rectangle], low: Int32, tag: Int32) {
    let first = rectangles[0]
    self.value.append(value)
    start.append(first.start)
    end.append(first.end)
    gpus.append(first.gpus)
    self.low.append(low)
    self.tag.append(tag)
    for rectangle in rectangles.dropFirst() { extra.append(rectangle) }
    extraFirst.append(Int32(extra.count))
  }

  /// Ends the item being built; an item without options leaves no trace.
  mutating func closeItem() {
    guard value.count > Int(optionFirst.last!) else { return }
    itemBid.append(Int32(bidIndex.count))
    optionFirst.append(Int32(value.count))
  }

  /// Ends the bid being built; a bid without items leaves no trace.
  /// - Returns: whether it is there.
  @discardableResult
  mutating func closeBid(index: Int, company: Int32, parent: Int32) -> Bool {
    guard itemBid.count > Int(itemFirst.last!) else { return false }
    bidIndex.append(Int32(index))
    self.company.append(company)
    self.parent.append(parent)
    itemFirst.append(Int32(itemBid.count))
    return true
  }
}
