import Replay
import Testing
import Units

/// Shorthand for making jobs and books.
enum Make {
  static let start = Instant(seconds: 1_796_601_600)
  static var free: Price { get throws { try Price(microdollarsPerGPUHour: 0) } }

  static func job(
    _ id: String, owner: String = "x", hour: Double = 0, gpus: Int = 1, hours: Double = 1, type: String = ""
  ) -> TraceJob {
    TraceJob(
      id: id, owner: owner, submit: start + TimeSpan(seconds: Int64(hour * 3600)), gpus: gpus,
      duration: TimeSpan(seconds: Int64(hours * 3600)), gpuType: type)
  }

  static func book(
    _ jobs: [TraceJob], hours: Int64 = 24, slot: SlotLength = .hour, pools: [String] = ["h100=8"],
    slack: (hours: Int64, percent: Int) = (2, 0), reserve: String = "0", seed: UInt64 = 1
  ) throws -> ReplayBook {
    let price = try Price(dollarsPerGPUHour: reserve)
    return try ReplayBook(
      jobs: jobs, horizon: TimeRange(start: start, end: start + TimeSpan(hours: hours)), slotLength: slot,
      pools: pools.map { try ReplayPool($0, reserve: price) },
      slack: Slack(base: TimeSpan(hours: slack.hours), percentOfDuration: slack.percent),
      prices: PriceModel(seed: seed))
  }
}

@Suite("Jobs as bids") struct BookTests {
  @Test func windowBeginsWithTheFirstWholeSlotAfterSubmission() throws {
    let jobs = [
      Make.job("exact", hour: 3, hours: 1.5), Make.job("late", hour: 3.01, hours: 2),
      Make.job("end", hour: 22, hours: 2), Make.job("near", hour: 20, hours: 3),
    ]
    let book = try Make.book(jobs)
    #expect(book.bids.map(\.window) == [3..<7, 4..<8, 22..<24, 20..<24])
    #expect(book.bids.map(\.slots) == [2, 2, 2, 3])
    #expect(book.bids.map(\.latestStart) == [5, 6, 22, 21])
    #expect(book.window(of: book.bids[0]).start.iso8601 == "2026-12-07T03:00Z")
    #expect(book.window(of: book.bids[0]).end.iso8601 == "2026-12-07T07:00Z")
  }

  @Test func quarterHoursAndAShareOfTheRunTime() throws {
    let book = try Make.book([Make.job("a", hour: 1.1, hours: 2)], slot: .quarterHour, slack: (1, 55))
    #expect(book.slotCount == 96)
    #expect(book.bids[0].slots == 8)
    // 1.1 h is in the fifth quarter; an hour and 55 % of two hours are 8.4 quarters.
    #expect(book.bids[0].window == 5..<22)
  }

  @Test func poolsByTypeAndSize() throws {
    let jobs = [
      Make.job("any", gpus: 4), Make.job("wide", gpus: 9), Make.job("h", type: "H100"),
      Make.job("none", type: "v100"), Make.job("huge", gpus: 17), Make.job("wideA", gpus: 16, type: "a100"),
      Make.job("long", hours: 24.1), Make.job("last", hour: 23.5, hours: 1),
    ]
    let book = try Make.book(jobs, pools: ["h100-us=8", "a100=16", "h100x=16"])
    #expect(book.bids.map(\.job) == ["any", "wide", "h", "wideA"])
    #expect(book.bids.map { $0.alternatives.map(\.pool) } == [[0, 1, 2], [1, 2], [0], [1]])
    #expect(book.leftOut == [.noSuchType: 1, .tooManyGPUs: 1, .beyondHorizon: 2])
  }

  @Test func whatCannotBeIsRefused() throws {
    #expect {
      try ReplayPool("h100", reserve: Make.free)
    } throws: {
      "\($0)" == "\"h100\" is not a pool; write its name and its GPUs, like h100=256"
    }
    #expect(throws: UnitError.self) { try ReplayPool("h100=0", reserve: Make.free) }
    #expect(throws: UnitError.self) { try Make.book([], pools: ["a=1", "a=2"]) }
    #expect(throws: UnitError.self) { try Make.book([], pools: []) }
    #expect(throws: UnitError.self) { try Slack(base: TimeSpan(hours: -1), percentOfDuration: 0) }
    #expect {
      try Make.book(
        (0..<10).map { Make.job("\($0)", gpus: 1_000_000, hours: 24) }, pools: ["a=1000000"], reserve: "999000")
    } throws: {
      "\($0)".contains("more than can be counted")
    }
  }
}

@Suite("Price model") struct PriceModelTests {
  @Test func hangsOnSeedOwnerAndJobAlone() throws {
    let jobs = (0..<200).map { Make.job("j\($0)", owner: "o\($0 % 7)", gpus: 1 << ($0 % 4), hours: 2) }
    let all = try Make.book(jobs)
    let part = try Make.book(Array(jobs[100...]))
    #expect(all.bids[100...].map(\.alternatives) == part.bids.map(\.alternatives))
    #expect(try Make.book(jobs).bids == all.bids)
    #expect(try Make.book(jobs, seed: 2).bids != all.bids)
  }

  /// Fixed figures: a change of the model must come with a new name.
  @Test func version1DrawsThese() throws {
    let book = try Make.book([
      Make.job("job-1", owner: "a"), Make.job("job-2", owner: "a", gpus: 8, hours: 5), Make.job("job-1x", owner: "b"),
    ])
    #expect(PriceModel.name == "owner-urgency-size 1")
    #expect(book.bids.map { $0.alternatives[0].limit.dollarsPerGPUHour } == ["3.6282", "1.5764", "2.8933"])
    #expect(book.prices.sentence == "prices drawn from model owner-urgency-size 1, seed 1")
  }

  @Test func standsAboveEachPoolsReserve() throws {
    let pools = [
      try ReplayPool("h100=8", reserve: Price(dollarsPerGPUHour: "2.50")),
      try ReplayPool("a100=8", reserve: Price(dollarsPerGPUHour: "1")),
    ]
    let horizon = try TimeRange(start: Make.start, end: Make.start + TimeSpan(hours: 24))
    let book = try ReplayBook(
      jobs: (0..<500).map { Make.job("j\($0)", owner: "o\($0 % 9)") }, horizon: horizon, slotLength: .hour,
      pools: pools, prices: PriceModel(seed: 3))
    for bid in book.bids {
      let limits = bid.alternatives.map(\.limit.microdollarsPerGPUHour)
      #expect(limits[0] > 2_500_000 && limits[0] - limits[1] == 1_500_000)
    }
    // Base of $1 to $3, times at most 2.1 × 1.2: nothing strays further.
    let surplus = book.bids.map { $0.alternatives[1].limit.microdollarsPerGPUHour - 1_000_000 }
    #expect(surplus.allSatisfy { (400_000...7_600_000).contains($0) })
    #expect(Set(surplus).count > 300)
  }
}
