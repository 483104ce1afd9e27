import Files
import Units

// Why a bid lost, in the company's own terms.
extension LossReason {
  /// What its alternatives or stretches needed; empty where prices are not the reason.
  public var needs: [Need] {
    switch self {
    case .refused, .parentLost: []
    case .belowPrices(let needs), .leftOut(let needs): needs
    }
  }

  /// A few lines for a person.
  ///
  /// - Parameter totals: of the round that the bid was in.
  public func text(_ totals: RoundResult) -> String {
    switch self {
    case .refused(let why): return "why: refused when the round's sealed bids were opened: \(why)"
    case .parentLost(let parent):
      return "why: the bid it hangs on, \(parent), won nothing (gpumarket bid show \(parent))"
    case .belowPrices(let needs):
      return
        (["why: the round's prices were above its limit wherever it could lie, at its cheapest place:"]
        + lines(needs) + ["  every price of the round: gpumarket round prices \(totals.round)"])
        .joined(separator: "\n")
    case .leftOut(let needs):
      let missed = Money(microdollars: totals.bound.microdollars - totals.welfare.microdollars)
      let rest =
        totals.isProven
        ? "no allocation that serves it is worth more than the one chosen, which is proven best"
        : "no allocation that serves it and is worth more was found; any other is worth at most "
          + "\(Money(cents: -(-missed).centsRoundedDown)) more (the certified gap)"
      return
        (["why: its limit met the round's prices, but blocks do not divide: \(rest)"] + lines(needs.filter(\.isMet)))
        .joined(separator: "\n")
    }
  }

  /// The nearest misses first; of many the first five.
  private func lines(_ needs: [Need]) -> [String] {
    let nearest = needs.enumerated().sorted { ($0.element.shortfall, $0.offset) < ($1.element.shortfall, $1.offset) }
      .map(\.element)
    var lines = nearest.prefix(5).map { need in
      "  \(need.pool) from \(need.start): \(need.needed.dollarsPerGPUHour) USD per GPU-hour needed, "
        + "\(need.limit.dollarsPerGPUHour) bid"
    }
    if needs.count > 5 { lines.append("  and \(needs.count - 5) more") }
    return lines
  }

  /// The same for a program.
  public var json: JSONText {
    let (cause, other): (String, String?) =
      switch self {
      case .refused(let why): ("refused", why)
      case .parentLost(let parent): ("parent-lost", parent)
      case .belowPrices: ("below-prices", nil)
      case .leftOut: ("left-out", nil)
      }
    return [
      "cause": .string(cause), "because_of": other.map { .string($0) } ?? .null,
      "needed_usd_per_gpu_hour": needed.map { .usd($0) } ?? .null,
      "places": .array(
        needs.map {
          [
            "pool": .string($0.pool), "start": .string($0.start.iso8601),
            "needed_usd_per_gpu_hour": .number($0.needed.dollarsPerGPUHour),
            "limit_usd_per_gpu_hour": .number($0.limit.dollarsPerGPUHour),
          ]
        }),
    ]
  }
}
