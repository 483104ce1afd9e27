import Foundation

/// Work that waits for a thread: each owner has a line of its own, and the lines take turns, so that who sends much waits
/// behind himself.
final class FairQueue<Item: Sendable>: @unchecked Sendable {
  // Everything below is touched with the lock held.
  private let condition = NSCondition()
  private var lines: [String: Line] = [:]
  private var turns: [String] = []
  private var nextTurn = 0
  private var waiting = 0
  private var isClosed = false
  private let most: Int
  private let mostPerOwner: Int

  private struct Line {
    var items: [(item: Item, weight: Int)] = []
    var first = 0
    var weight = 0
  }

  /// How an item was taken.
  enum Outcome { case accepted, fullForOwner, full }

  init(most: Int, mostPerOwner: Int) {
    self.most = most
    self.mostPerOwner = mostPerOwner
  }

  /// Puts an item at the end of its owner's line.
  func push(_ item: Item, owner: String, weight: Int = 1) -> Outcome {
    condition.lock()
    defer { condition.unlock() }
    guard !isClosed, waiting + weight <= most else { return .full }
    var line = lines[owner] ?? Line()
    guard line.weight + weight <= mostPerOwner else { return .fullForOwner }
    if line.items.isEmpty { turns.append(owner) }
    line.items.append((item, weight))
    line.weight += weight
    lines[owner] = line
    waiting += weight
    condition.signal()
    return .accepted
  }

  /// Waits for work and takes up to a weight of it, one item of each line in turn, one item at least. Nil once the queue is
  /// closed and empty.
  func pop(upTo limit: Int) -> [Item]? {
    condition.lock()
    defer { condition.unlock() }
    while turns.isEmpty {
      if isClosed { return nil }
      condition.wait()
    }
    var taken: [Item] = []
    var weight = 0
    while !turns.isEmpty {
      if nextTurn >= turns.count { nextTurn = 0 }
      let owner = turns[nextTurn]
      guard var line = lines[owner] else { break }
      let next = line.items[line.first]
      guard taken.isEmpty || weight + next.weight <= limit else { break }
      taken.append(next.item)
      weight += next.weight
      waiting -= next.weight
      line.weight -= next.weight
      line.first += 1
      if line.first == line.items.count {
        lines[owner] = nil
        turns.remove(at: nextTurn)
      } else {
        if line.first > 64, line.first * 2 > line.items.count {
          line.items.removeFirst(line.first)
          line.first = 0
        }
        lines[owner] = line
        nextTurn += 1
      }
    }
    return taken
  }

  /// Takes no more; what waits is still given out.
  func close() {
    condition.lock()
    isClosed = true
    condition.broadcast()
    condition.unlock()
  }
}
