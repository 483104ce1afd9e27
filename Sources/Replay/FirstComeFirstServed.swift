import Units

/// Where a bid runs: a pool and its first slot.
public struct ReplayPlacement: Hashable, Sendable {
  /// Position in the book's pools.
  public let pool: Int
  /// First slot, counted from the horizon's start.
  public let start: Int

  /// A placement; whether it fits a bid is for the one who uses it.
  public init(pool: Int, start: Int) {
    self.pool = pool
    self.start = start
  }
}

/// What the same bids get without a market: first come, first served, with EASY backfill.
///
/// As in Mu'alem and Feitelson, "Utilization, Predictability, Workloads, and User Runtime Estimates in Scheduling the IBM
/// SP2 with Backfilling", IEEE TPDS 12(6), 2001: only the job at the head of the queue holds a reservation, at the
/// earliest start that running jobs leave it; any later job may start at once if that does not delay the head.
///
/// It keeps to the bids' windows and slots. Run times are known exactly, which favours the queue. A job whose window
/// leaves it no start is not served; a head is given up as soon as its earliest start is too late. Where several pools
/// would do, the earliest start counts, then the pools' order.
public struct FirstComeFirstServed: Sendable {
  /// Where each bid of the book runs, nil for those not served.
  public let placements: [ReplayPlacement?]
  /// The start that each bid was first promised, nil for those never promised any.
  public let promises: [ReplayPlacement?]

  /// Serves every bid of the book in the order of submission, equal times in the history's order.
  public init(_ book: ReplayBook) {
    var queue = Queue(book)
    queue.serve()
    placements = queue.placements
    promises = queue.promises
  }
}

/// The state of one run through the queue.
private struct Queue {
  let book: ReplayBook
  var free: [FreeGPUs]
  var placements: [ReplayPlacement?]
  var promises: [ReplayPlacement?]

  init(_ book: ReplayBook) {
    self.book = book
    free = book.pools.map { FreeGPUs(capacity: $0.capacity, slots: book.slotCount) }
    placements = Array(repeating: nil, count: book.bids.count)
    promises = placements
  }

  mutating func serve() {
    var waiting: [Int] = []
    var arrived = 0
    for slot in 0..<book.slotCount {
      while arrived < book.bids.count, book.bids[arrived].window.lowerBound <= slot {
        waiting.append(arrived)
        arrived += 1
      }
      var reserved: ReplayPlacement?
      // Below the head's reservation the queue moves up in order; each job starts now or goes on waiting.
      waiting = waiting.filter { index in
        let bid = book.bids[index]
        guard bid.latestStart >= slot else { return false }
        if reserved == nil {
          guard let place = earliest(bid, from: slot) else { return false }
          if promises[index] == nil { promises[index] = place }
          if place.start == slot {
            start(index, place)
            return false
          }
          reserved = place
          free[place.pool].take(bid.gpus, place.start..<place.start + bid.slots)
          reservedBid = bid
          return true
        }
        guard let pool = bid.alternatives.first(where: { fits(bid, $0.pool, at: slot) })?.pool else { return true }
        start(index, ReplayPlacement(pool: pool, start: slot))
        return false
      }
      if let place = reserved, let bid = reservedBid {
        free[place.pool].giveBack(bid.gpus, place.start..<place.start + bid.slots)
      }
    }
  }

  /// The job whose reservation is in `free` while the rest of the queue is looked at.
  private var reservedBid: ReplayBid?

  private func fits(_ bid: ReplayBid, _ pool: Int, at slot: Int) -> Bool {
    free[pool].earliest(bid.gpus, slots: bid.slots, from: slot, to: slot) != nil
  }

  private func earliest(_ bid: ReplayBid, from slot: Int) -> ReplayPlacement? {
    var best: ReplayPlacement?
    for alternative in bid.alternatives {
      // A later pool must be strictly earlier to be taken.
      let last = best.map { $0.start - 1 } ?? bid.latestStart
      if let start = free[alternative.pool].earliest(bid.gpus, slots: bid.slots, from: slot, to: last) {
        best = ReplayPlacement(pool: alternative.pool, start: start)
      }
    }
    return best
  }

  private mutating func start(_ index: Int, _ place: ReplayPlacement) {
    let bid = book.bids[index]
    free[place.pool].take(bid.gpus, place.start..<place.start + bid.slots)
    placements[index] = place
  }
}

/// The GPUs of a pool that are free in each slot; never below zero.
struct FreeGPUs {
  private var free: [Int]

  init(capacity: Int, slots: Int) { free = Array(repeating: capacity, count: slots) }

  /// The first start in `first...last` from which `slots` slots in a row have room, nil if none has.
  func earliest(_ gpus: Int, slots: Int, from first: Int, to last: Int) -> Int? {
    var start = first
    search: while start <= last {
      // Looking from the end skips furthest when a slot is full.
      var slot = start + slots - 1
      while slot >= start {
        if free[slot] < gpus {
          start = slot + 1
          continue search
        }
        slot -= 1
      }
      return start
    }
    return nil
  }

  mutating func take(_ gpus: Int, _ slots: Range<Int>) {
    for slot in slots {
      free[slot] -= gpus
      precondition(free[slot] >= 0, "slot \(slot) is oversold")
    }
  }

  mutating func giveBack(_ gpus: Int, _ slots: Range<Int>) {
    for slot in slots { free[slot] += gpus }
  }
}
