import Replay
import TestSupport
import Testing
import Units

@Suite("First come, first served") struct QueueTests {
  /// Small random books: tight pools, short and long jobs, narrow and wide windows.
  static func books(_ count: Int, seed: UInt64) throws -> [ReplayBook] {
    var random = SeededGenerator(seed)
    return try (0..<count).map { _ in
      let pools = Bool.random(using: &random) ? ["h100=8"] : ["h100=8", "a100=4"]
      var hour = 0.0
      let jobs = (0..<Int.random(in: 1...14, using: &random)).map { index in
        hour += Double(Int.random(in: 0...4, using: &random)) / 4
        return Make.job(
          "j\(index)", owner: "o\(index % 3)", hour: hour, gpus: Int.random(in: 1...8, using: &random),
          hours: Double(Int.random(in: 1...6, using: &random)),
          type: Int.random(in: 0..<4, using: &random) == 0 ? "h100" : "")
      }
      return try Make.book(
        jobs, hours: 16, pools: pools,
        slack: (Int64.random(in: 0...8, using: &random), Int.random(in: 0...100, using: &random)))
    }
  }

  /// GPUs of a pool that are held in a slot, counted afresh from the placements.
  static func held(_ book: ReplayBook, _ placements: [ReplayPlacement?], pool: Int, slot: Int) -> Int {
    zip(book.bids, placements).reduce(0) { sum, pair in
      guard let place = pair.1, place.pool == pool, (place.start..<place.start + pair.0.slots).contains(slot) else {
        return sum
      }
      return sum + pair.0.gpus
    }
  }

  static func fits(_ book: ReplayBook, _ placements: [ReplayPlacement?], _ bid: ReplayBid, _ place: ReplayPlacement)
    -> Bool
  {
    place.start >= bid.window.lowerBound && place.start <= bid.latestStart
      && (place.start..<place.start + bid.slots).allSatisfy {
        held(book, placements, pool: place.pool, slot: $0) + bid.gpus <= book.pools[place.pool].capacity
      }
  }

  static func earliest(_ book: ReplayBook, _ placements: [ReplayPlacement?], _ bid: ReplayBid, from slot: Int)
    -> ReplayPlacement?
  {
    for start in slot..<book.slotCount {
      for alternative in bid.alternatives {
        let place = ReplayPlacement(pool: alternative.pool, start: start)
        if fits(book, placements, bid, place) { return place }
      }
    }
    return nil
  }

  /// The obvious queue: at each slot starts whoever leads, then whoever leaves the leader's start as it is.
  static func slow(_ book: ReplayBook) -> [ReplayPlacement?] {
    var placements = [ReplayPlacement?](repeating: nil, count: book.bids.count)
    var gone: Set<Int> = []
    for slot in 0..<book.slotCount {
      var head: (index: Int, place: ReplayPlacement)?
      for (index, bid) in book.bids.enumerated() {
        guard placements[index] == nil, !gone.contains(index), bid.window.lowerBound <= slot else { continue }
        guard head != nil else {
          switch earliest(book, placements, bid, from: slot) {
          case nil: gone.insert(index)
          case .some(let place) where place.start == slot: placements[index] = place
          case .some(let place): head = (index, place)
          }
          continue
        }
        for alternative in bid.alternatives where placements[index] == nil {
          let place = ReplayPlacement(pool: alternative.pool, start: slot)
          guard fits(book, placements, bid, place), let head else { continue }
          var trial = placements
          trial[index] = place
          if fits(book, trial, book.bids[head.index], head.place) { placements = trial }
        }
      }
    }
    return placements
  }

  @Test func agreesWithTheObviousQueue() throws {
    for book in try Self.books(400, seed: 41) {
      #expect(FirstComeFirstServed(book).placements == Self.slow(book))
    }
  }

  @Test func nothingIsOversoldOrOutsideItsWindow() throws {
    var served = 0
    for book in try Self.books(300, seed: 42) {
      let placements = FirstComeFirstServed(book).placements
      for (pool, each) in book.pools.enumerated() {
        for slot in 0..<book.slotCount {
          #expect(Self.held(book, placements, pool: pool, slot: slot) <= each.capacity)
        }
      }
      for case (let bid, .some(let place)) in zip(book.bids, placements) {
        served += 1
        #expect(place.start >= bid.window.lowerBound && place.start <= bid.latestStart)
        #expect(book.start(ofSlot: place.start) >= bid.submit)
        #expect(bid.alternatives.contains { $0.pool == place.pool })
      }
    }
    #expect(served > 500)
  }

  @Test func noHeadIsDelayedBeyondItsPromise() throws {
    var waited = 0
    for book in try Self.books(300, seed: 43) {
      let queue = FirstComeFirstServed(book)
      for case (let bid, .some(let promise), let place) in zip3(book.bids, queue.promises, queue.placements) {
        let place = try #require(place)
        #expect(place.start <= promise.start)
        if promise.start > bid.window.lowerBound { waited += 1 }
      }
    }
    #expect(waited > 100)
  }

  /// The textbook case: a wide job waits, a short one slips by, a long one may not.
  @Test func backfillsOnlyWhatFitsBefore() throws {
    let book = try Make.book(
      [
        Make.job("running", gpus: 6, hours: 4), Make.job("wide", gpus: 8, hours: 2),
        Make.job("long", gpus: 2, hours: 5), Make.job("short", gpus: 2, hours: 4),
      ], slack: (20, 0))
    let queue = FirstComeFirstServed(book)
    #expect(queue.placements.map { $0?.start } == [0, 4, 6, 0])
  }

  @Test func summaryCountsByHand() throws {
    let book = try Make.book(
      [
        Make.job("a", owner: "x", hour: 0.5, gpus: 4, hours: 2), Make.job("b", owner: "y", gpus: 8, hours: 1),
        Make.job("c", owner: "x", gpus: 8, hours: 20),
      ], reserve: "1.00")
    #expect(book.owners == ["x", "y"])
    let outcome = [ReplayPlacement(pool: 0, start: 2), ReplayPlacement(pool: 0, start: 0), nil]
    let summary = ServiceSummary(outcome, in: book)
    let limits = book.bids.map { $0.alternatives[0].limit.microdollarsPerGPUHour }
    #expect(summary.value.microdollars == 8 * limits[0] + 8 * limits[1])
    #expect(summary.welfare.microdollars == 8 * limits[0] + 8 * limits[1] - 16_000_000)
    #expect(summary.gpuHours == "16")
    #expect((summary.bidsServed, summary.ownersServed) == (2, 2))
    #expect(summary.medianWait == TimeSpan(minutes: 45))
    #expect(summary.medianWaitHours == "0.7")
    let none = ServiceSummary([nil, nil, nil], in: book)
    #expect(none.medianWaitHours == "none" && none.value == .zero)
    let text = ServiceComparison(book, [("market", summary), ("queue", none)]).text
    #expect(
      text == """
                                         market  queue
        value served, USD                 69.68   0.00
        value less reserve, USD           53.68   0.00
        GPU-hours served                     16      0
        bids served of 3                      2      0
        companies served of 2 with bids       2      0
        median wait, hours                  0.7   none
        prices drawn from model owner-urgency-size 1, seed 1; slack PT2H and 0 % of the run time

        """)
  }

  @Test func bundledWeekServesMostButNotAll() throws {
    let trace = try Trace.read(Places.bundled)
    let week = try TimeRange(iso8601: "2026-12-07T00:00Z/P7D")
    let book = try ReplayBook(
      jobs: trace.select(from: week.start, days: 7), horizon: week, slotLength: .hour,
      pools: [ReplayPool("h100=96", reserve: Make.free), ReplayPool("a100=48", reserve: Make.free)],
      prices: PriceModel(seed: 1))
    #expect(book.bids.count + book.leftOut.values.reduce(0, +) == 780)
    let queue = FirstComeFirstServed(book)
    let summary = ServiceSummary(queue.placements, in: book)
    #expect(summary.bidsServed > book.bids.count / 2 && summary.bidsServed < book.bids.count)
    #expect(summary.ownersServed == 10)
    #expect(FirstComeFirstServed(book).placements == queue.placements)
  }

  @Test(
    .enabled(if: Places.philly != nil, "real histories are not here"),
    arguments: [
      ("2017-09-25T00:00Z/P7D", 4909), ("2017-10-02T00:00Z/P7D", 11_386),
    ])
  func phillyWeeksGoThroughWhole(period: String, jobs: Int) throws {
    let week = try TimeRange(iso8601: period)
    let trace = try Trace.read(try #require(Places.philly))
    let book = try ReplayBook(
      jobs: trace.select(from: week.start, days: 7), horizon: week, slotLength: .hour,
      pools: [ReplayPool("h100=256", reserve: Make.free)], prices: PriceModel(seed: 1))
    #expect(book.bids.count + book.leftOut.values.reduce(0, +) == jobs)
    let summary = ServiceSummary(FirstComeFirstServed(book).placements, in: book)
    #expect(summary.bidsServed > 0)
    #expect(summary.gpuSlots <= 256 * 168)
  }
}

private func zip3<A, B, C>(_ a: [A], _ b: [B], _ c: [C]) -> [(A, B, C)] {
  zip(a, zip(b, c)).map { ($0, $1.0, $1.1) }
}
