import Synchronization
import TestSupport
import Testing

@testable import Clearing

@Suite("The same result on any number of threads, and where a deadline stopped it")
struct DeterminismTests {
  /// Everything a clearing says, as text.
  static func digest(_ clearing: Clearing) -> String { "\(clearing)" }

  static func instance(seed: UInt64) throws -> Instance {
    try SmallBook(bids: 25...30, slots: 6...8).instance(seed: seed)
  }

  @Test func oneThreadAndMany() throws {
    for seed in 0..<6 as Range<UInt64> {
      let instance = try Self.instance(seed: seed)
      let many = clear(instance, pricing: .vcg, effort: Effort(units: 200))
      let one = Threads.$single.withValue(true) { clear(instance, pricing: .vcg, effort: Effort(units: 200)) }
      #expect(Self.digest(many) == Self.digest(one), "seed \(seed)")
    }
  }

  /// A book whose bids all have about the same worth for what they take, so that it stays open.
  static func openBook(slots: Int, bids: Int, alternatives: Int) throws -> Instance {
    var random = SeededGenerator(11)
    var builder = Instance.Builder(name: "open", slotMinutes: 60, slotCount: slots)
    for pool in 0..<3 { builder.addPool(name: "p\(pool)", capacity: [Int](repeating: 24, count: slots), reserve: 0) }
    for bid in 0..<bids {
      let (length, gpus) = (random.pick(3...14), random.pick(1...4) * 4)
      let worth = length * gpus
      let placements = (0..<alternatives).map { _ in
        let use = Use(pool: random.pick(0...2), firstSlot: random.pick(0...slots - length), slots: length, gpus: gpus)
        return Placement(value: Int64(worth * random.pick(1000...1050)), uses: [use])
      }
      builder.addBid(id: "b\(bid)", company: "c\(bid % 9)", placements: placements)
    }
    return try builder.build()
  }

  /// Annealing, two searches that share a tree, and neighbourhoods beside them all take part.
  @Test func oneThreadAndManyOnAnOpenBook() throws {
    let instance = try Self.openBook(slots: 24, bids: 120, alternatives: 6)
    try Self.expectSame(instance, units: 150)
  }

  /// Too many rows for a tree: annealing, more prices, and neighbourhoods whose finds are put together.
  @Test func oneThreadAndManyOnALargeBook() throws {
    let instance = try Self.openBook(slots: 168, bids: 300, alternatives: 5)
    let rows = Columns.impliedRows(Book(instance)).count { !$0 }
    try #require(rows > Solver.quickRows)
    try Self.expectSame(instance, units: 250)
  }

  private static func expectSame(_ instance: Instance, units: Int) throws {
    let many = expectSame(instance, pricing: .none, Effort(units: units))
    #expect(many.welfare < many.bound, "a book that is proven deals no nodes")
  }

  /// One thread and many give the same, and it is sound.
  static func expectSame(_ instance: Instance, pricing: PricingRule, _ effort: Effort) -> Clearing {
    let many = clear(instance, pricing: pricing, effort: effort)
    let one = Threads.$single.withValue(true) { clear(instance, pricing: pricing, effort: effort) }
    let isSame = digest(many) == digest(one)
    #expect(isSame)
    #expect(Verifier.problems(of: many, in: instance, pricing: pricing) == [])
    return many
  }

  /// A clearing stopped at or soon after some work is the same when it is told to stop where it did.
  @discardableResult
  static func expectRepeated(
    _ instance: Instance, pricing: PricingRule, _ effort: Effort, stoppedAt stop: Int
  ) throws -> Clearing {
    var effort = effort
    effort.stopAt = stop
    let stopped = clear(instance, pricing: pricing, effort: effort)
    try #require(stopped.stoppedEarly)
    effort.stopAt = stopped.workDone
    let again = clear(instance, pricing: pricing, effort: effort)
    // The efforts differ in where they were asked to stop; nothing else does.
    #expect(again.workDone == stopped.workDone && again.bound == stopped.bound)
    let isSame =
      again.awards == stopped.awards && again.prices == stopped.prices && again.payments == stopped.payments
    #expect(isSame)
    return stopped
  }

  /// A stop in cold annealing or among neighbourhoods is repeated exactly.
  @Test(arguments: [200, 236]) func lateStopsCanBeRepeated(stop: Int) throws {
    let instance = try Self.openBook(slots: 168, bids: 300, alternatives: 5)
    try Self.expectRepeated(instance, pricing: .none, Effort(units: 250), stoppedAt: stop)
  }

  /// The base is cooled once more before it is priced, in a book that no tree reaches; a stop there is repeated too.
  @Test func coldCounterfactualsCanBeRepeated() throws {
    let instance = try Self.openBook(slots: 168, bids: 300, alternatives: 5)
    let effort = Effort(units: 30)
    var solver = Solver(Book(instance), work: Work(effort: effort, control: .init()))
    solver.run()
    #expect(solver.isCooledForPricing)
    let many = Self.expectSame(instance, pricing: .vcg, effort)
    #expect(many.welfare >= solver.welfare)
    let stopped = try Self.expectRepeated(instance, pricing: .vcg, effort, stoppedAt: solver.work.units + 1)
    #expect(stopped.workDone > solver.work.units && stopped.workDone < many.workDone)
  }

  @Test func stoppedRunsCanBeRepeated() throws {
    let instance = try Self.instance(seed: 7)
    for polls in 1...6 {
      let count = Atomic(0)
      var control = ClearingControl()
      control.shouldStop = { count.add(1, ordering: .relaxed).newValue >= polls }
      let stopped = clear(instance, pricing: .vcg, effort: .quick, control: control)
      #expect(Verifier.problems(of: stopped, in: instance, pricing: .vcg) == [])
      guard stopped.stoppedEarly else { continue }
      var effort = Effort.quick
      effort.stopAt = stopped.workDone
      let again = clear(instance, pricing: .vcg, effort: effort)
      #expect(again.awards == stopped.awards)
      #expect(again.payments == stopped.payments)
    }
  }

  @Test func improvementsOnlyImprove() throws {
    let instance = try Self.instance(seed: 3)
    let seen = Mutex<[Improvement]>([])
    var control = ClearingControl()
    control.onImprovement = { improvement in seen.withLock { $0.append(improvement) } }
    let clearing = clear(instance, pricing: .none, effort: .quick, control: control)
    let list = seen.withLock { $0 }
    #expect(list.last?.welfare == clearing.welfare)
    #expect(list.last?.bound == clearing.bound)
    for (before, after) in zip(list, list.dropFirst()) {
      #expect(after.welfare >= before.welfare && after.bound <= before.bound)
    }
  }
}
