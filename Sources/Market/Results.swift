import Files
import Postgres
import Units

/// The published totals of a round: anyone who takes part may read them.
public struct RoundResult: Sendable {
  public let round: String
  /// The rule that the payments follow: not always the one that the round was opened with.
  public let pricing: String
  public let publishedAt: Instant
  public let engineVersion: String
  public let effort: String
  public let workDone: Int64
  public let stoppedEarly: Bool
  public let welfare: Money
  public let bound: Money
  public let isProven: Bool
  public let ties: String
  public let entries: Int
  public let bids: Int
  public let awards: Int
  public let companiesBidding: Int
  public let companiesAwarded: Int
  public let revenue: Money
  public let bidValue: Money
  public let merkleRoot: String
  public let instanceDigest: String
  public let resultDigest: String
  /// Micro-dollars for a lot of each pool in each slot.
  let lotPrices: [String: [Int64]]
  /// What the prices alone bound the welfare by; `bound` may be lower, where search has proven more.
  public let priceBound: Money

  /// The prices of the round's pools.
  public func prices(_ pools: [OfferedPool], in round: Round) -> RoundPrices {
    RoundPrices(
      pools.map { pool in
        .init(pool: pool.name, lotGPUs: pool.lotGPUs, microdollarsPerLotSlot: lotPrices[pool.name] ?? [])
      }, in: round)
  }

  /// How far the allocation can be from the best, as a fraction of its welfare.
  public var gap: Double {
    Double(bound.microdollars - welfare.microdollars) / Double(max(1, welfare.microdollars))
  }
}

/// Offered and awarded GPU-slots of a pool in a round.
public struct Utilisation: Sendable {
  public let pool: String
  public let offeredGPUSlots: Int64
  public let awardedGPUSlots: Int64
}

/// One award with what it stands on.
public struct AwardRecord: Sendable {
  public struct Use: Sendable {
    public let pool: String
    public let period: TimeRange
    public let gpus: Int
  }

  public let round: String
  public let pricing: String
  public let company: String
  public let id: String
  public let bid: String
  /// Which alternative of a block bid, from 1.
  public let alternative: Int?
  public let gpuSlots: Int64
  public let slotLength: SlotLength
  /// What the company bid for it.
  public let value: Money
  public let reserveCost: Money
  public let payment: Money
  public let acceptedAt: Instant
  public let entryHash: String
  public let uses: [Use]
}

/// What one company pays for a round.
public struct CompanyResult: Sendable {
  public let company: String
  public let payment: Money
  public let low: Money
  public let high: Money
  public let isExact: Bool
  /// What it bid for what it won.
  public let value: Money
  public let gpuSlots: Int64
  public let awards: Int
}

/// What was published. Empty or nil before publication, whoever asks.
public enum Results {
  /// The totals of a round, once it is published.
  public static func totals(_ round: String, _ connection: inout Connection) throws(PostgresError) -> RoundResult? {
    guard let row = try connection.query("SELECT * FROM market.round_result(\(round))").first else { return nil }
    var prices: [String: [Int64]] = [:]
    do {
      for (pool, values) in try JSONReader.parse(Array(row.get("prices", as: String.self).utf8), source: "prices")
        .members()
      {
        prices[pool] = try values.elements().map { try $0.integer() }
      }
    } catch {
      throw PostgresError(.decoding, "\(error)")
    }
    return RoundResult(
      round: try row.get("round"), pricing: try row.get("pricing"), publishedAt: try row.instant("published_at"),
      engineVersion: try row.get("engine_version"), effort: try row.get("effort"), workDone: try row.get("work_done"),
      stoppedEarly: try row.get("stopped_early"), welfare: try row.money("welfare"), bound: try row.money("bound"),
      isProven: try row.get("proven"), ties: try row.get("ties"), entries: try row.get("entries"),
      bids: try row.get("bids"), awards: try row.get("awards"), companiesBidding: try row.get("companies_bidding"),
      companiesAwarded: try row.get("companies_awarded"), revenue: try row.money("revenue"),
      bidValue: try row.money("bid_value"), merkleRoot: try row.get("merkle_root"),
      instanceDigest: try row.get("instance_digest"), resultDigest: try row.get("result_digest"), lotPrices: prices,
      priceBound: try row.money("price_bound"))
  }

  /// Offered and awarded quantity by pool.
  public static func utilisation(_ round: String, _ connection: inout Connection) throws(PostgresError) -> [Utilisation]
  {
    var pools: [Utilisation] = []
    for row in try connection.query("SELECT * FROM market.round_utilisation(\(round))") {
      pools.append(
        Utilisation(
          pool: try row.get("pool"), offeredGPUSlots: try row.get("offered_gpu_slots"),
          awardedGPUSlots: try row.get("awarded_gpu_slots")))
    }
    return pools
  }

  /// Awards of a round, or of all: those of the connection's own company, or everyone's for the roles that may.
  public static func awards(
    round: String?, ownOnly: Bool, _ connection: inout Connection
  ) throws(PostgresError) -> [AwardRecord] {
    let rows =
      ownOnly
      ? try connection.query("SELECT * FROM market.my_awards(\(round))")
      : try connection.query("SELECT * FROM market.awards(\(round))")
    var awards: [AwardRecord] = []
    for row in rows {
      awards.append(
        AwardRecord(
          round: try row.get("round"), pricing: try row.get("pricing"), company: try row.get("company"),
          id: try row.get("award"), bid: try row.get("bid"), alternative: try row.optional("alternative"),
          gpuSlots: try row.get("gpu_slots"), slotLength: try row.slotLength(), value: try row.money("value"),
          reserveCost: try row.money("reserve_cost"), payment: try row.money("payment"),
          acceptedAt: try row.instant("accepted_at"), entryHash: try row.get("hash"),
          uses: try uses(fromJSON: row.get("uses"))))
    }
    return awards
  }

  private static func uses(fromJSON text: String) throws(PostgresError) -> [AwardRecord.Use] {
    do {
      return try JSONReader.parse(Array(text.utf8), source: "uses").elements().map { use in
        AwardRecord.Use(
          pool: try use.at("pool").string(),
          period: try TimeRange(iso8601: "\(try use.at("start").string())/\(try use.at("end").string())"),
          gpus: Int(try use.at("gpus").integer()))
      }
    } catch {
      throw PostgresError(.decoding, "\(error)")
    }
  }

  /// What each company pays, dearest first.
  public static func payments(_ round: String, _ connection: inout Connection) throws(PostgresError) -> [CompanyResult]
  {
    var companies: [CompanyResult] = []
    for row in try connection.query("SELECT * FROM market.company_payments(\(round))") {
      companies.append(
        CompanyResult(
          company: try row.get("company"), payment: try row.money("payment"), low: try row.money("low"),
          high: try row.money("high"), isExact: try row.get("exact"), value: try row.money("value"),
          gpuSlots: try row.get("gpu_slots"), awards: try row.get("awards")))
    }
    return companies
  }
}
