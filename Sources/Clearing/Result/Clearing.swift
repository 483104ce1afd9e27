/// The version of the engine's decisions: it changes whenever the same instance and effort could give other bytes.
public let engineVersion = "1.8"

/// Whether ties between allocations of equal welfare were broken by the published rule.
public enum TieStatus: String, Sendable {
  /// The allocation is the one the rule picks.
  case ruled
  /// Another allocation of equal welfare might precede it.
  case notGuaranteed = "not guaranteed"
}

/// The result of a clearing: what was awarded, at which price, and how good it certainly is.
public struct Clearing: Sendable {
  /// Of the engine that decided: see `engineVersion` of this module.
  public let engineVersion: String
  /// The effort it was given.
  public let effort: Effort
  /// Units of work done.
  public let workDone: Int
  /// Whether `ClearingControl.shouldStop` ended it.
  public let stoppedEarly: Bool
  /// Value awarded less reserve cost, micro-dollars.
  public let welfare: Int64
  /// No allocation is worth more, micro-dollars.
  public let bound: Int64
  /// Whether no better allocation exists.
  public var proven: Bool { bound == welfare }
  /// Whether it is certainly the one that the tie rule picks, of allocations with this welfare.
  public let ties: TieStatus
  /// In order of acceptance of their bids.
  public let awards: [Award]
  /// The rule that the payments follow: VCG where core-selecting was asked for but could not be proven.
  public let rule: PricingRule
  /// In order of company name; empty under `PricingRule.none`.
  public let payments: [CompanyPayment]
  /// The bound's shadow prices by pool and slot: micro-dollars per GPU and slot, reserve included.
  public let prices: [[Int64]]?

  /// How far the welfare can be from the best: a fraction of it.
  public var gap: Double { relativeGap(welfare: welfare, bound: bound) }

  /// How wide the intervals of payments are: the mean over companies of (high − low) / bid, from 0 (all exact) to 1.
  public func meanIntervalWidth(of instance: Instance) -> Double {
    var offered: [String: Int64] = [:]
    for award in awards { offered[instance.companyName(ofBid: award.bid), default: 0] += award.value }
    return Clearing.meanWidth(payments.map { ($0.low, $0.high, offered[$0.company] ?? 0) })
  }

  /// The same of intervals and bids, all in micro-dollars.
  public static func meanWidth(_ payments: [(low: Int64, high: Int64, bid: Int64)]) -> Double {
    let widths = payments.map { Double($0.high - $0.low) / Double(max(1, $0.bid)) }
    return widths.reduce(0, +) / Double(max(1, widths.count))
  }
}
