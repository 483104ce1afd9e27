/// A small generator for noise in heuristics (xorshift*, Vigna 2016): whole numbers only, the same everywhere.
struct Noise {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1 }

  @inline(__always) mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state &* 0x2545_f491_4f6c_dd1d
  }

  /// A number from 0 up to `limit`.
  @inline(__always) mutating func below(_ limit: Int) -> Int {
    Int(truncatingIfNeeded: (next() >> 32) &* UInt64(limit) >> 32)
  }

  /// A fraction from 0 up to 1, in steps of 2^-24.
  @inline(__always) mutating func fraction() -> Double { Double(next() >> 40) * 0x1p-24 }
}

extension TreeSearch {
  /// Takes columns in order of what the relaxation takes and what they are worth above prices; offers the result.
  func roundOff(noise: Double, _ random: inout Noise) {
    var order: [(key: Double, column: Int32)] = []
    for j in 0..<columns.columnCount {
      let most = columns.most[Int(columns.group[j])]
      let share = most > 0 ? x[j] / Double(most) : x[j]
      let reduced = lp.value[j] - lp.product(j, lp.ySum.base)
      if share < 1e-6, lp.forbidden[j] || reduced < -0.25 * lp.value[j] { continue }
      let relative = reduced / max(1e-9, lp.value[j])
      order.append((-(2 * share + relative + (noise > 0 ? noise * random.fraction() : 0)), Int32(j)))
    }
    order.sort { $0 < $1 }
    var allocation = Allocation(book)
    var again = true
    while again {
      again = false
      for j in order.lazy.map({ Int($0.column) }) {
        let item = Int(columns.group[j])
        guard allocation.option[item] < 0, allocation.mayWin(Int(book.itemBid[item])) else { continue }
        let option = Int(columns.option[j])
        let room = allocation.fitting(option)
        let wanted = columns.most[item] > 0 ? columns.most[item] : columns.quantity[j]
        let quantity = columns.most[item] > 0 ? min(room, wanted) : (room >= wanted ? wanted : 0)
        guard quantity > 0 else { continue }
        allocation.take(item, option, quantity)
        if !book.linked.isEmpty, book.isLinked[Int(book.itemBid[item])] { again = true }
      }
    }
    lp.ticks += 40 * order.count + 4 * book.rowCount
    if allocation.welfare > welfare || (rulesTies && allocation.welfare == welfare) { offer(allocation.selection) }
  }
}
