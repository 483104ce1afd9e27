import Postgres
import Units

/// One auction: when it delivers, when its gate closes, how it prices, where it stands.
public struct Round: Sendable {
  /// Where a round stands. It only moves forward.
  public enum State: String, Sendable {
    /// Takes bids; is sealed; has its awards made; is called off, be it before publication or after.
    case open, closed, published, cancelled
  }

  /// Unique in the market: 1 to 63 lower-case letters, digits and `.`, `_`, `-`, the first a letter or digit.
  public let name: String
  /// When this was read; it may have moved on since.
  public let state: State
  /// What is auctioned: whole slots.
  public let delivery: TimeRange
  /// The instant from which no bid is accepted or changed, by the server's clock.
  public let gate: Instant
  /// One of `PricingRule.ofRounds`, by its raw value.
  public let pricing: String
  /// As `Effort(text:)` reads it.
  public let effort: String
  /// A replay of the past, whose delivery may lie before its gate.
  public let isSimulated: Bool
  /// The market's: the same for all its rounds.
  public let slotLength: SlotLength
  /// 1 to 500 characters; nil unless it was cancelled.
  public let cancelReason: String?
  /// The server's clock when this was read.
  public let serverTime: Instant

  init(_ row: Row) throws(PostgresError) {
    name = try row.get("round")
    let stateText: String = try row.get("state")
    guard let state = State(rawValue: stateText) else {
      throw PostgresError(.decoding, "round \(name) is in the unknown state \(stateText)")
    }
    self.state = state
    delivery = try row.period("delivery_start", "delivery_end")
    gate = try row.instant("gate")
    pricing = try row.get("pricing")
    effort = try row.get("effort")
    isSimulated = try row.get("simulated")
    slotLength = try row.slotLength()
    cancelReason = try row.optional("cancel_reason")
    serverTime = try row.instant("server_time")
  }

  /// Slots in the delivery period.
  public var slotCount: Int { Int(delivery.length.seconds / slotLength.span.seconds) }

  /// The start of a slot, counted from 0.
  public func start(ofSlot slot: Int) -> Instant {
    delivery.start + TimeSpan(seconds: slotLength.span.seconds * Int64(slot))
  }
}

/// What a round offers of one pool.
public struct OfferedPool: Sendable {
  /// The pool's name.
  public let name: String
  /// GPUs for sale in each slot of the delivery.
  public let capacityGPUs: [Int]
  /// GPUs trade in multiples of this; as it was when the round opened.
  public let lotGPUs: Int
  /// Below it nothing is awarded; as it was when the round opened.
  public let reserve: Price
}

/// The rounds of the market.
public enum Rounds {
  /// Opens a round, which takes its capacity from the pools; returns its name. Operator only.
  ///
  /// - Parameters:
  ///   - name: nil names it after the day its delivery starts.
  ///   - pools: nil offers every pool.
  public static func open(
    _ connection: inout Connection, name: String?, delivery: TimeRange, gate: Instant, pricing: String,
    effort: String, pools: [String]?, simulated: Bool = false
  ) throws(PostgresError) -> String {
    try connection.query(
      """
      SELECT market.open_round(\(name), \(delivery.start)::timestamptz, \(delivery.end)::timestamptz,
        \(gate)::timestamptz, \(pricing), \(effort), \(pools)::text[], \(simulated)) AS name
      """
    ).one().get("name")
  }

  /// The server's clock, which alone decides on gates.
  public static func serverTime(_ connection: inout Connection) throws(PostgresError) -> Instant {
    try connection.query("SELECT clock_timestamp() AS now").one().instant("now")
  }

  /// Every round by delivery.
  public static func list(_ connection: inout Connection) throws(PostgresError) -> [Round] {
    var rounds: [Round] = []
    for row in try connection.query("SELECT * FROM market.rounds()") { rounds.append(try Round(row)) }
    return rounds
  }

  /// The round of that name.
  public static func named(_ name: String, _ connection: inout Connection) throws(PostgresError) -> Round {
    guard let row = try connection.query("SELECT * FROM market.rounds() WHERE round = \(name)").first else {
      throw PostgresError(
        .refused, "there is no round '\(name)'", sqlState: "GM404", hint: "gpumarket round list shows the rounds")
    }
    return try Round(row)
  }

  /// What a round offers, in the engine's order.
  public static func pools(of round: String, _ connection: inout Connection) throws(PostgresError) -> [OfferedPool] {
    var pools: [OfferedPool] = []
    for row in try connection.query("SELECT * FROM market.round_pools(\(round))") {
      pools.append(
        OfferedPool(
          name: try row.get("pool"), capacityGPUs: try row.get("capacity_gpus"), lotGPUs: try row.get("lot_gpus"),
          reserve: try row.price("reserve_price")))
    }
    return pools
  }

  /// Closes a round now and seals its book; says `closed` or that it was closed already. Operator only.
  public static func close(_ round: String, _ connection: inout Connection) throws(PostgresError) -> String {
    try connection.query("SELECT market.close_round(\(round)) AS outcome").one().get("outcome")
  }

  /// Cancels a round: nothing is awarded and its capacity returns. Operator only.
  public static func cancel(
    _ round: String, reason: String, _ connection: inout Connection
  ) throws(PostgresError) -> String {
    try connection.query("SELECT market.cancel_round(\(round), \(reason)) AS outcome").one().get("outcome")
  }
}
