import Files
import Postgres
import Units

/// Why a bid lost, from the round's published prices, the bid itself and its company's other bids: nothing else is used,
/// so nothing of a rival shows.
public enum LossReason: Sendable, Equatable {
  /// An encrypted round's opening refused it.
  case refused(String)
  /// The bid it hangs on won nothing.
  case parentLost(String)
  /// The round's prices ask for more than its limits. Each alternative, or each stretch of a curve, with what it needed.
  case belowPrices([Need])
  /// A limit meets the prices; no allocation that serves it was found to be worth more.
  case leftOut([Need])

  /// What the prices ask of one alternative, or of the first step of one stretch of a curve.
  public struct Need: Sendable, Equatable {
    /// The pool's name.
    public let pool: String
    /// Where it is cheapest: the start of the block, or the slot of the curve.
    public let start: Instant
    /// The least limit that meets the prices there.
    public let needed: Price
    /// What the bid offers there: the alternative's limit, or that of the curve's first step.
    public let limit: Price

    /// Whether the limit meets the prices.
    public var isMet: Bool { limit >= needed }
  }

  init(_ bid: Bid, prices: RoundPrices, _ length: SlotLength) {
    let needs = bid.kind.needs(at: prices, length)
    self = needs.contains(where: \.isMet) ? .leftOut(needs) : .belowPrices(needs)
  }

  /// The least limit by which one of its alternatives would have met the prices; nil where prices are not the reason.
  public var needed: Price? {
    guard case .belowPrices(let needs) = self else { return nil }
    return needs.min { ($0.shortfall, $0.needed) < ($1.shortfall, $1.needed) }?.needed
  }
}

extension OrderBook {
  /// Why each of the company's bids that won nothing in a published round lost, by bid.
  ///
  /// - Parameter bids: all that the company has in the round.
  public static func lossReasons(
    _ bids: [OwnBid], in round: Round, _ totals: RoundResult, _ connection: inout Connection
  ) throws -> [String: LossReason] {
    let prices = totals.prices(try Rounds.pools(of: round.name, &connection), in: round)
    let refused = Dictionary(
      try refusals(round: round.name, &connection).map { ($0.bid, $0.reason) }, uniquingKeysWith: { first, _ in first })
    let won = Set(bids.filter { $0.award != nil }.map(\.id))
    var reasons: [String: LossReason] = [:]
    for bid in bids where !bid.isWithdrawn && bid.award == nil {
      if let reason = refused[bid.id] {
        reasons[bid.id] = .refused(reason)
      } else if let parent = bid.parent, !won.contains(parent) {
        reasons[bid.id] = .parentLost(parent)
      } else {
        reasons[bid.id] = LossReason(try Bid(body: bid.body), prices: prices, round.slotLength)
      }
    }
    return reasons
  }
}

extension LossReason.Need {
  /// How far the limit lies below, micro-dollars per GPU-hour.
  public var shortfall: Int64 { max(0, needed.microdollarsPerGPUHour - limit.microdollarsPerGPUHour) }
}

extension RoundPrices {
  /// What they ask of one part of a bid.
  ///
  /// - Parameter perLot: what a lot costs over its slots, micro-dollars.
  func need(
    _ pool: String, _ slot: Int, _ perLot: Int128, slots: Int, _ limit: Price, _ length: SlotLength
  ) -> LossReason.Need {
    // Cost of a lot over its slots, as a price per GPU-hour rounded up to the tick: at that limit the bid is worth it.
    let quantity = Int128(lotGPUs(pool)) * Int128(slots) * Int128(length.minutes) * Int128(Price.tickMicrodollars)
    let ticks = (perLot * 60 + quantity - 1) / quantity
    let most = Int128(Price.highest.microdollarsPerGPUHour)
    do {
      let needed = try Price(microdollarsPerGPUHour: Int64(min(ticks * Int128(Price.tickMicrodollars), most)))
      return LossReason.Need(pool: pool, start: start(ofSlot: slot), needed: needed, limit: limit)
    } catch {
      preconditionFailure("a non-negative number of ticks is a price: \(error)")
    }
  }
}
