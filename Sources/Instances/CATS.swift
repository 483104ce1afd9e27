import Clearing

/// Reads an auction of the Combinatorial Auction Test Suite (Leyton-Brown, Pearson, Shoham 2000).
///
/// Every good becomes a pool of one slot with capacity 1; bids that share a dummy good become one bid with
/// alternatives, named for the lowest of their numbers. Prices are taken as they stand.
func readCATS(_ bytes: [UInt8], source: String) throws -> Instance {
  var words = WordReader(bytes, source: source)
  var goods: Int?
  var order: [Int] = []
  var groups: [Int: (number: Int, placements: [Placement])] = [:]
  repeat {
    guard let first = words.wordOnLine(), first.first != UInt8(ascii: "%") else { continue }
    switch String(decoding: first, as: UTF8.self) {
    case "goods": goods = try words.whole(words.wordOnLine(), "the number of goods")
    case "bids", "dummy": break
    default:
      guard let goods else { throw words.error("a bid stands before \"goods\"", "put the headers first") }
      let number = try words.whole(first, "the bid's number")
      let price = try words.whole(words.wordOnLine(), "the price of bid \(number)")
      var items: [Int] = []
      var dummy: Int?
      while let word = words.wordOnLine(), word != [UInt8(ascii: "#")] {
        let item = try words.whole(word, "an item of bid \(number)")
        if item >= goods { dummy = item } else { items.append(item) }
      }
      guard !items.isEmpty else { throw words.error("bid \(number) lists no good", "add one") }
      // A good of one's own keeps bids without a dummy apart: no dummy has a negative number.
      let key = dummy ?? -1 - number
      guard dummy != nil || groups[key] == nil else {
        throw words.error("bid \(number) stands twice", "number the bids apart")
      }
      let placement = Placement(
        value: Int64(price), uses: items.map { Use(pool: $0, firstSlot: 0, slots: 1, gpus: 1) })
      if groups[key] == nil { order.append(key) }
      groups[key, default: (number, [])].placements.append(placement)
      groups[key]!.number = min(groups[key]!.number, number)
    }
  } while words.nextLine()
  guard let goods, goods > 0 else { throw words.error("the file names no goods", "give \"goods\" and a number from 1") }
  var builder = Instance.Builder(name: fileName(source), slotMinutes: 60, slotCount: 1)
  for good in 0..<min(goods, Limits.pools + 1) { builder.addPool(name: "g\(good)", capacity: [1], reserve: 0) }
  for key in order {
    let group = groups[key]!
    builder.addBid(id: "\(group.number)", company: "c\(group.number)", placements: group.placements)
  }
  do throws(InstanceError) {
    return try builder.build()
  } catch {
    throw InstanceFileError("\(source): \(error.problem)")
  }
}
