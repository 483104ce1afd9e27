import Synchronization
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
