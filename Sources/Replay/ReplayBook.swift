import Units

/// A job as a bid: so many GPUs for so many slots in a row, anywhere in a window.
public struct ReplayBid: Hashable, Sendable {
  /// The job's number in its history.
  public let job: String
  /// The company.
  public let owner: String
  /// When the job was submitted; waits count from here.
  public let submit: Instant
  /// GPUs in each of its slots.
  public let gpus: Int
  /// The run time, rounded up to whole slots.
  public let slots: Int
  /// Slots of the horizon between which it must run, start to end.
  public let window: Range<Int>
  /// The pools that would do, at most one of which is awarded; in the book's order of pools.
  public let alternatives: [ReplayAlternative]

  /// The last slot in which it may start.
  public var latestStart: Int { window.upperBound - slots }
}

/// A pool that would do for a bid, and the price there.
public struct ReplayAlternative: Hashable, Sendable {
  /// Position in the book's pools.
  public let pool: Int
  /// The most paid, per GPU-hour.
  public let limit: Price
}

/// Why a job of the selection became no bid.
public enum LeftOut: String, CaseIterable, Sendable {
  /// It asks for a type of GPU that no pool offers.
  case noSuchType = "ask for a GPU type that no pool offers"
  /// It asks for more GPUs than any pool that offers its type has.
  case tooManyGPUs = "ask for more GPUs than any pool has"
  /// It would run beyond the end of the horizon, even if it started when submitted.
  case beyondHorizon = "would run beyond the end of the period"
}

/// A selection of a history turned into bids on pools; the market and the queue both start from it.
public struct ReplayBook: Sendable {
  /// The delivery period, on whole slots.
  public let horizon: TimeRange
  /// The market time unit.
  public let slotLength: SlotLength
  /// Slots in the horizon.
  public let slotCount: Int
  /// In the order they were named, which decides ties of the queue.
  public let pools: [ReplayPool]
  /// How long after submission jobs may end.
  public let slack: Slack
  /// What drew the limit prices.
  public let prices: PriceModel
  /// In order of submission.
  public let bids: [ReplayBid]
  /// Jobs that became no bid, counted by reason.
  public let leftOut: [LeftOut: Int]
  /// Every owner with a bid, sorted.
  public let owners: [String]

  /// Turns each job into a bid from the first whole slot after its submission.
  ///
  /// The window is as long as the job and its slack, rounded up to slots, and ends at the horizon's end
  /// at the latest. `jobs` are in order of submission, as `Trace.select` gives them; those submitted
  /// outside the horizon count as beyond it.
  public init(
    jobs: [TraceJob], horizon: TimeRange, slotLength: SlotLength, pools: [ReplayPool], slack: Slack = .standard,
    prices: PriceModel
  ) throws(UnitError) {
    guard !pools.isEmpty else { throw UnitError("there is no pool", advice: "name one, like h100=256") }
    for (index, pool) in pools.enumerated() where pools[..<index].contains(where: { $0.name == pool.name }) {
      throw UnitError("pool \(pool.name) is named twice", advice: "name each pool once")
    }
    self.horizon = horizon
    self.slotLength = slotLength
    slotCount = try slotLength.count(in: horizon)
    self.pools = pools
    self.slack = slack
    self.prices = prices
    var bids: [ReplayBid] = []
    var leftOut: [LeftOut: Int] = [:]
    var total: Int64 = 0
    for job in jobs {
      let typed = pools.indices.filter { pools[$0].offers(job.gpuType) }
      let wide = typed.filter { pools[$0].capacity >= job.gpus }
      let first = ceilDivide((job.submit - horizon.start).seconds, slotLength.span.seconds)
      let slots = ceilDivide(job.duration.seconds, slotLength.span.seconds)
      if typed.isEmpty {
        leftOut[.noSuchType, default: 0] += 1
      } else if wide.isEmpty {
        leftOut[.tooManyGPUs, default: 0] += 1
      } else if first < 0 || first + slots > slotCount {
        leftOut[.beyondHorizon, default: 0] += 1
      } else {
        let extra = ceilDivide(slack.of(job.duration).seconds, slotLength.span.seconds)
        var alternatives: [ReplayAlternative] = []
        for pool in wide {
          let limit = try prices.limit(job, reserve: pools[pool].reserve)
          alternatives.append(ReplayAlternative(pool: pool, limit: limit))
        }
        let bid = ReplayBid(
          job: job.id, owner: job.owner, submit: job.submit, gpus: job.gpus, slots: slots,
          window: first..<min(slotCount, first + slots + extra), alternatives: alternatives)
        total = try Self.adding(bid, slotLength, to: total)
        bids.append(bid)
      }
    }
    self.bids = bids
    self.leftOut = leftOut
    owners = Set(bids.map(\.owner)).sorted()
  }

  /// The instant at which a slot of the horizon begins.
  public func start(ofSlot slot: Int) -> Instant {
    horizon.start + TimeSpan(seconds: Int64(slot) * slotLength.span.seconds)
  }

  /// The earliest and latest instants of a bid's window.
  public func window(of bid: ReplayBid) -> (start: Instant, end: Instant) {
    (start(ofSlot: bid.window.lowerBound), start(ofSlot: bid.window.upperBound))
  }

  /// Keeps every sum of values within `Money`, so that summaries need not check.
  private static func adding(_ bid: ReplayBid, _ length: SlotLength, to total: Int64) throws(UnitError) -> Int64 {
    var dearest: Int64 = 0
    for alternative in bid.alternatives {
      dearest = max(dearest, alternative.limit.microdollarsPerGPUSlot(length))
    }
    let (value, high) = dearest.multipliedReportingOverflow(by: Int64(bid.gpus * bid.slots))
    let (sum, over) = total.addingReportingOverflow(value)
    guard !high, !over else {
      throw UnitError("the bids are worth more than can be counted", advice: "lower the reserve prices")
    }
    return sum
  }
}

/// Division rounding up, for a positive divisor.
func ceilDivide(_ value: Int64, _ divisor: Int64) -> Int {
  let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
  return Int(remainder > 0 ? quotient + 1 : quotient)
}
