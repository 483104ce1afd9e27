import TestSupport
import Testing

@testable import Clearing

@Suite("Pools searched apart")
struct DecompositionTests {
  /// The parts at random prices, and what these prices prove by themselves.
  private static func split(_ book: Book, _ random: inout SeededGenerator, most: Int) -> (Decomposition, bound: Int64)?
  {
    let certificate = Certificate(book)
    let prices = certificate.whole((0..<book.rowCount).map { _ in Double(random.pick(0...most)) / 4 })
    return Decomposition(book, certificate, prices: prices).map { ($0, certificate.bound(prices)!) }
  }

  private static func best(_ part: Book) throws -> Int64 {
    let tree = TreeSearch(try #require(Columns(part, limit: 10_000)), rulesTies: false)
    tree.run(until: .max)
    try #require(tree.isComplete)
    return tree.bound
  }

  /// Whatever the prices, the parts' best and what is paid for bids in several come to at least the best allocation, and
  /// to no more than the certificate of the same prices.
  @Test func partsBoundTheWhole() throws {
    var tight = 0
    var count = 0
    for seed in 0..<600 as Range<UInt64> {
      // What joins pools is left out of every other book.
      let features: SmallBook.Features = seed % 2 == 0 ? .all : [.curves, .caps, .reserves, .minimums]
      let pools = seed % 3 == 0 ? 3...4 : 1...2
      let instance = try SmallBook(features: features, bids: 3...7, pools: pools).instance(seed: seed)
      let book = Book(instance)
      var random = SeededGenerator(seed)
      guard let (split, bound) = Self.split(book, &random, most: 20) else { continue }
      count += 1
      let best = ReferenceClearing(instance).welfare
      let sum = try split.parts.reduce(split.constant) { try $0 + Self.best($1) }
      #expect(sum >= best, "seed \(seed)")
      // Prices of bids are rounded up, and a quantity's share of one is reckoned for the largest quantity.
      if !book.isRanged { #expect(sum <= bound + Int64(book.itemCount), "seed \(seed)") }
      if sum == best { tight += 1 }
    }
    #expect(count > 100 && tight > 20, "\(tight) of \(count)")
  }

  /// Every option of a book without choice between pools is in one part, unchanged, and the parts are exact.
  @Test func booksWithoutChoiceSplitExactly() throws {
    var random = SeededGenerator(3)
    for seed in 0..<60 as Range<UInt64> {
      var builder = Instance.Builder(name: "apart", slotMinutes: 60, slotCount: 5)
      for pool in 0..<3 { builder.addPool(name: "p\(pool)", capacity: [3, 4, 5, 4, 3], reserve: 1) }
      for bid in 0..<9 {
        let parent = bid > 3 && random.chance(30) ? "b\(bid - 3)" : nil
        let placements = (0..<random.pick(1...3)).map { _ in
          let (first, gpus) = (random.pick(0...3), random.pick(1...3))
          return Placement(
            value: Int64(gpus * random.pick(2...9)) * 2,
            uses: [Use(pool: bid % 3, firstSlot: first, slots: 2, gpus: gpus)]
          )
        }
        builder.addBid(id: "b\(bid)", company: "c\(bid % 3)", parent: parent, placements: placements)
      }
      let instance = try builder.build()
      let book = Book(instance)
      guard let (split, _) = Self.split(book, &random, most: 20) else { continue }
      #expect(split.constant == 0)
      #expect(split.parts.reduce(0) { $0 + $1.optionCount } == book.optionCount, "seed \(seed)")
      let sum = try split.parts.reduce(0) { try $0 + Self.best($1) }
      #expect(sum == ReferenceClearing(instance).welfare, "seed \(seed)")
    }
  }

  @Test func onePoolOrOneOptionInAllPoolsIsOnePart() throws {
    for pools in [1, 2] {
      var builder = Instance.Builder(name: "one", slotMinutes: 60, slotCount: 2)
      for pool in 0..<pools { builder.addPool(name: "p\(pool)", capacity: [4, 4], reserve: 0) }
      let uses = (0..<pools).map { Use(pool: $0, firstSlot: 0, slots: 2, gpus: 3) }
      for bid in 0..<3 { builder.addBid(id: "b\(bid)", company: "c", placements: [Placement(value: 9, uses: uses)]) }
      let book = Book(try builder.build())
      let certificate = Certificate(book)
      let prices = [Int64](repeating: 0, count: book.rowCount)
      #expect(Decomposition(book, certificate, prices: prices) == nil)
    }
  }

  /// A pool that nobody asks for is no part, and where the best of every bid costs nothing, no part is left.
  @Test func emptyPartsAreNone() throws {
    var builder = Instance.Builder(name: "empty", slotMinutes: 60, slotCount: 2)
    for pool in 0..<3 { builder.addPool(name: "p\(pool)", capacity: [4, 4], reserve: 0) }
    for bid in 0..<3 {
      let placements = (0...1).map { Placement(value: 9, uses: [Use(pool: $0, firstSlot: 0, slots: 2, gpus: 3)]) }
      builder.addBid(id: "b\(bid)", company: "c", placements: placements)
    }
    let book = Book(try builder.build())
    let certificate = Certificate(book)
    let free = [Int64](repeating: 0, count: book.rowCount)
    #expect(Decomposition(book, certificate, prices: free) == nil)
    let prices = certificate.whole([Double](repeating: 1, count: book.rowCount))
    #expect(try #require(Decomposition(book, certificate, prices: prices)).parts.count == 2)
  }

  /// Through a whole clearing: one thread and many, and where a stop fell, give the same.
  @Test func clearingsWithPartsRepeat() throws {
    let instance = try Self.week()
    let effort = Effort(units: 160)
    let many = DeterminismTests.expectSame(instance, pricing: .none, effort)
    // The prices alone prove less than the parts do.
    let book = Book(instance)
    let certificate = Certificate(book)
    let polished = certificate.bound(certificate.whole(Volume.converged(book, ticks: 160 * Work.ticksPerUnit).prices))!
    #expect(many.bound < polished && many.bound >= many.welfare)
    for stop in [115, 135] {
      let stopped = try DeterminismTests.expectRepeated(instance, pricing: .none, effort, stoppedAt: stop)
      #expect(stopped.bound >= many.bound)
    }
  }

  /// A week of three pools whose blocks take a third to two thirds of one; some bids may have two.
  private static func week() throws -> Instance {
    var random = SeededGenerator(5)
    var builder = Instance.Builder(name: "week", slotMinutes: 60, slotCount: 168)
    for pool in 0..<3 { builder.addPool(name: "p\(pool)", capacity: [Int](repeating: 24, count: 168), reserve: 0) }
    for bid in 0..<60 {
      let (pool, gpus, slots) = (random.pick(0...2), random.pick(2...4) * 4, random.pick(12...48))
      let rate = random.pick(1000...1300)
      let placements = (0..<4).map { index in
        let use = Use(
          pool: bid % 3 == 0 && index > 1 ? (pool + 1) % 3 : pool, firstSlot: random.pick(0...168 - slots),
          slots: slots,
          gpus: gpus)
        return Placement(value: Int64(gpus * slots * rate), uses: [use])
      }
      builder.addBid(id: "b\(bid)", company: "c\(bid % 7)", placements: placements)
    }
    return try builder.build()
  }

  /// A floor hides what lies below it and nothing else.
  @Test func floorsHideOnlyWhatIsBelow() throws {
    for seed in 0..<100 as Range<UInt64> {
      let instance = try SmallBook().instance(seed: seed)
      let book = Book(instance)
      guard let columns = Columns(book, limit: 10_000), columns.columnCount > 0 else { continue }
      let best = ReferenceClearing(instance).welfare
      for floor in [0, best - 1, best, best + 1, best + 5] where floor >= 0 {
        let tree = TreeSearch(columns, rulesTies: false)
        tree.floor = floor
        tree.run(until: .max)
        #expect(tree.isComplete && tree.bound == max(best, floor - 1), "seed \(seed), floor \(floor)")
      }
    }
  }

  /// On books that a tree proves, the parts' bound falls below the prices' and never below the best, whatever allocation is
  /// known and however often the search goes on.
  @Test func searchedPartsStayAboveTheBest() throws {
    var lowered = 0
    for seed in 0..<6 as Range<UInt64> {
      let instance = try Self.halves(seed: seed)
      let exact = clear(instance, pricing: .none, effort: Effort(units: 20_000))
      try #require(exact.welfare == exact.bound, "seed \(seed)")
      let book = Book(instance)
      let volume = Volume.converged(book, ticks: 100 * Work.ticksPerUnit)
      let certificate = Certificate(book)
      let prices = certificate.whole(volume.prices)
      let before = try #require(certificate.bound(prices))
      for worth in [0, exact.welfare] {
        let split = try #require(Decomposition(book, certificate, prices: prices))
        let parts = try #require(PartSearches(split, ticks: 4_000 * Work.ticksPerUnit))
        #expect(parts.bound == .max && !parts.areAllBegun)
        var last = Int64.max
        var rounds = 0
        // Small slices, between which floors rise.
        while !parts.isOver, rounds < 60 {
          rounds += 1
          _ = parts.run(worth: worth, ticks: 2 * Work.ticksPerUnit)
          #expect(parts.bound >= exact.welfare && parts.bound <= last, "seed \(seed)")
          last = parts.bound
        }
        #expect(parts.areAllBegun && parts.bound < .max)
        if parts.bound < before { lowered += 1 }
      }
      var solver = Solver(book, work: Work(ticks: 4_000 * Work.ticksPerUnit))
      solver.offer(volume.prices)
      let parts = try #require(solver.partSearches(ticks: solver.work.budget))
      solver.searchParts(parts, ticks: 20 * Work.ticksPerUnit)
      #expect(solver.bound >= exact.welfare && solver.bound < before, "seed \(seed)")
    }
    #expect(lowered == 12)
  }

  /// Two pools, bids for half or more of them, a third of which may have either.
  private static func halves(seed: UInt64) throws -> Instance {
    var random = SeededGenerator(seed)
    var builder = Instance.Builder(name: "halves", slotMinutes: 60, slotCount: 8)
    for pool in 0..<2 { builder.addPool(name: "p\(pool)", capacity: [Int](repeating: 10, count: 8), reserve: 0) }
    for bid in 0..<12 {
      let (pool, gpus, slots) = (random.pick(0...1), random.pick(3...7), random.pick(2...5))
      let rate = random.pick(90...110)
      let placements = (0..<6).map { index in
        let use = Use(
          pool: bid % 3 == 0 && index > 2 ? 1 - pool : pool, firstSlot: random.pick(0...8 - slots), slots: slots,
          gpus: gpus)
        return Placement(value: Int64(gpus * slots * rate), uses: [use])
      }
      builder.addBid(id: "b\(bid)", company: "c\(bid % 5)", placements: placements)
    }
    return try builder.build()
  }
}
