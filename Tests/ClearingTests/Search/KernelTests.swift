import TestSupport
import Testing

@testable import Clearing

@Suite("Kernels against their slow twins")
struct KernelTests {
  /// The certificate written out from the instance, bid by bid and row by row.
  func slowBound(_ instance: Instance, _ prices: [[Int64]]) -> Int64 {
    func cost(_ uses: [Use]) -> Int64 {
      uses.reduce(0) { sum, use in sum + use.slotRange.reduce(0) { $0 + prices[use.pool][$1] * Int64(use.gpus) } }
    }
    var children: [Int: [Int]] = [:]
    for bid in 0..<instance.bidCount {
      if let parent = instance.parent(ofBid: bid) { children[parent, default: []].append(bid) }
    }
    func worth(_ bid: Int) -> Int64 {
      let own = ReferenceClearing.choices(of: bid, instance).map { $0.net - cost($0.uses) }.max()
      guard let own else { return 0 }
      return max(0, own + children[bid, default: []].reduce(0) { $0 + worth($1) })
    }
    var total: Int64 = 0
    for pool in 0..<instance.poolCount {
      for slot in 0..<instance.slotCount {
        total += prices[pool][slot] * Int64(instance.capacity(pool: pool, slot: slot))
      }
    }
    for bid in 0..<instance.bidCount where instance.parent(ofBid: bid) == nil { total += worth(bid) }
    return total
  }

  @Test func rowHeightsAreTheTallestOverEachRow() {
    for seed in 0..<200 as Range<UInt64> {
      var random = SeededGenerator(seed)
      let rows = random.pick(1...40)
      var heights = RowHeights(rows: rows)
      var expected = [Int32](repeating: 0, count: rows)
      for _ in 0..<random.pick(0...8) {
        let start = random.pick(0...rows)
        let end = random.pick(start...rows)
        let height = Int32(random.pick(0...9))
        heights.cover(Int32(start), Int32(end), height: height)
        for row in start..<end { expected[row] = max(expected[row], height) }
      }
      #expect(heights.tallest() == expected, "seed \(seed)")
    }
  }

  @Test func certificateIsTheFormula() throws {
    let features: SmallBook.Features = [.curves, .links, .reserves]
    for seed in 0..<200 as Range<UInt64> {
      let instance = try SmallBook(features: features, bids: 2...6).instance(seed: seed)
      let book = Book(instance)
      var random = SeededGenerator(seed)
      let prices = (0..<instance.poolCount).map { _ in (0..<instance.slotCount).map { _ in Int64(random.pick(0...3)) } }
      let certificate = Certificate(book)
      let scaled = prices.flatMap { $0 }.map { $0 << Int64(certificate.shift) }
      // What no capacity can hold is left out of the book, so its bound may be lower, never higher.
      let bound = try #require(certificate.bound(scaled))
      #expect(bound <= slowBound(instance, prices), "seed \(seed)")
      #expect(bound >= ReferenceClearing(instance).welfare, "seed \(seed)")
    }
  }

  @Test func certificateEqualsTheFormulaWhereEverythingCouldFit() throws {
    for seed in 0..<100 as Range<UInt64> {
      var random = SeededGenerator(seed)
      var builder = Instance.Builder(name: "roomy", slotMinutes: 60, slotCount: 3)
      builder.addPool(name: "p", capacity: [9, 9, 9], reserve: 1)
      for bid in 0..<6 {
        let first = random.pick(0...2)
        let use = Use(pool: 0, firstSlot: first, slots: random.pick(1...3 - first), gpus: random.pick(1...4))
        builder.addBid(
          id: "b\(bid)", company: "c", parent: bid > 2 ? "b\(random.pick(0...2))" : nil,
          placements: [Placement(value: Int64(random.pick(0...30)), uses: [use])])
      }
      let instance = try builder.build()
      let prices = [(0..<3).map { _ in Int64(random.pick(0...4)) }]
      let certificate = Certificate(Book(instance))
      #expect(certificate.bound(prices[0].map { $0 << Int64(certificate.shift) }) == slowBound(instance, prices))
    }
  }

  @Test func oracleAgreesWithCertificate() throws {
    for seed in 0..<100 as Range<UInt64> {
      let book = Book(try SmallBook(bids: 5...12).instance(seed: seed))
      var random = SeededGenerator(seed)
      let prices = (0..<book.rowCount).map { _ in Double(random.pick(0...8)) / 4 }
      let certificate = Certificate(book)
      var usage = prices
      let value = DualOracle(book).evaluate(prices, usage: &usage)
      #expect(certificate.bound(certificate.whole(prices)) == Int64(value.rounded(.down)), "seed \(seed)")
    }
  }

  @Test func relaxationIsABoundAndMeetsItsCertificate() throws {
    for seed in 0..<200 as Range<UInt64> {
      let instance = try SmallBook(bids: 3...5).instance(seed: seed)
      let book = Book(instance)
      let columns = try #require(Columns(book, limit: 10_000))
      let lp = Relaxation(columns)
      #expect(lp.solve(cutoff: -.infinity) == .optimal)
      let bounds = NodeBound(columns, lp)
      let bound = try #require(bounds.compute()) >> bounds.shift
      let welfare = ReferenceClearing(instance).welfare
      #expect(bound >= welfare, "seed \(seed)")
      #expect(lp.objective * lp.scale >= Double(welfare) - 1e-6, "seed \(seed)")
      // Link trees are whole in the formula, relaxed in the program: it may only be lower.
      #expect(Double(bound) <= lp.objective * lp.scale + 1e-4, "seed \(seed)")
    }
  }

  @Test func refactoredInverseGivesTheSameValues() throws {
    for seed in 0..<40 as Range<UInt64> {
      let book = Book(try SmallBook(bids: 12...20, slots: 4...8).instance(seed: seed))
      let lp = Relaxation(try #require(Columns(book, limit: 10_000)))
      _ = lp.solve(cutoff: -.infinity)
      let before = (lp.objective, lp.x.array, lp.y.array)
      lp.refactor()
      lp.recompute()
      #expect(abs(lp.objective - before.0) < 1e-6)
      for (old, new) in zip(before.2, lp.y.array) { #expect(abs(old - new) < 1e-6, "seed \(seed)") }
    }
  }

  @Test func adaptedSelectionsKeepTheirWelfare() throws {
    for seed in 0..<60 as Range<UInt64> {
      let instance = try SmallBook(bids: 4...9).instance(seed: seed)
      let book = Book(instance)
      let other = Book(instance, without: 0)
      var allocation = Allocation(other)
      Greedy(other, prices: [Double](repeating: 0, count: other.rowCount)).fill(&allocation)
      let adapted = book.adapted(allocation.selection, from: other)
      #expect(adapted.isFeasible(book))
      #expect(adapted.welfare(book) == allocation.welfare)
    }
  }

  @Test func splitsAreExactAndWithinTheBids() {
    var random = SeededGenerator(5)
    for _ in 0..<500 {
      let weights = (0..<random.pick(1...6)).map { _ in Int64(random.pick(0...1_000_000_000)) }
      let amount = Int64.random(in: 0...weights.reduce(0, +), using: &random)
      let parts = split(amount, inProportionTo: weights)
      #expect(parts.reduce(0, +) == amount)
      #expect(zip(parts, weights).allSatisfy { $0 >= 0 && $0 <= $1 })
    }
    #expect(split(10, inProportionTo: [1, 1, 1, 9]) == [1, 1, 1, 7])
    #expect(split(2, inProportionTo: [5, 5, 5]) == [1, 1, 0])
  }
}
