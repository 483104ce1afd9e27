import Files
import Postgres
import Units

/// The published totals of a round: anyone who takes part may read them.
public struct RoundResult: Sendable {
  /// Its name, unique in the market.
  public let round: String
  /// The rule that the payments follow: not always the one that the round was opened with.
  public let pricing: String
  /// When the clearing was written, by the server's clock.
  public let publishedAt: Instant
  /// Of the engine that decided, such as `1.5`.
  public let engineVersion: String
  /// What the clearing was given, as `Effort(text:)` reads it; a run may be told another than the round's.
  public let effort: String
  /// Units of work, as in `Effort.units`.
  public let workDone: Int64
  /// Whether the deadline before delivery ended it; `Effort.stopAt` set to `workDone` repeats it.
  public let stoppedEarly: Bool
  /// Value awarded less reserve cost, never below zero.
  public let welfare: Money
  /// No allocation of this book has more welfare; `welfare` or above.
  public let bound: Money
  /// Whether no better allocation exists, that is, `welfare` equals `bound`.
  public let isProven: Bool
  /// A `TieStatus`: `ruled` or `not guaranteed`.
  public let ties: String
  /// Of the sealed book, amendments and withdrawals included.
  public let entries: Int
  /// Those not withdrawn; an encrypted round's include what was refused at opening.
  public let bids: Int
  /// Bids that won something: each has one award.
  public let awards: Int
  /// Those with a bid not withdrawn.
  public let companiesBidding: Int
  /// Those that won something.
  public let companiesAwarded: Int
  /// The exact payments added up, before the books round each down to the cent.
  public let revenue: Money
  /// What was bid for what was awarded; `revenue` or above.
  public let bidValue: Money
  /// Of the sealed book (`SealHash.merkleRoot`), 64 hexadecimal digits.
  public let merkleRoot: String
  /// SHA-256 of all that the engine's instance was made from (`BookInstance.digest`), hexadecimal.
  public let instanceDigest: String
  /// SHA-256 of the result, hexadecimal: the same for the same book and effort, wherever it was computed.
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
  /// Its name; pools come in the round's order.
  public let pool: String
  /// The capacity of each slot of the delivery, added up.
  public let offeredGPUSlots: Int64
  /// 0 to `offeredGPUSlots`.
  public let awardedGPUSlots: Int64
}

/// One award with what it stands on.
public struct AwardRecord: Sendable {
  /// GPUs of one pool over consecutive slots.
  public struct Use: Sendable {
    /// The pool's name.
    public let pool: String
    /// From the start of the first slot to the end of the last.
    public let period: TimeRange
    /// Held in each of those slots, a multiple of the pool's lot.
    public let gpus: Int
  }

  /// The round's name.
  public let round: String
  /// The company's name.
  public let company: String
  /// `a_` and 16 hexadecimal digits, which follow from the book's root, the company and the bid.
  public let id: String
  /// The bid's id, `b_…`; one award a bid.
  public let bid: String
  /// Which alternative of a block bid, from 1; nil for a curve.
  public let alternative: Int?
  /// GPUs times slots, over all uses; at least 1.
  public let gpuSlots: Int64
  /// The market's, which turns `gpuSlots` into GPU-hours.
  public let slotLength: SlotLength
  /// What the company bid for it.
  public let value: Money
  /// Reserve price times what is held: the least that it may cost.
  public let reserveCost: Money
  /// Exact, from `reserveCost` to `value`; the books round it down to the cent.
  public let payment: Money
  /// When the bid's newest entry was accepted, by the server's clock.
  public let acceptedAt: Instant
  /// The hash on that entry's receipt, 64 hexadecimal digits.
  public let entryHash: String
  /// By start, then pool: one for a block, one for each pool and slot of a curve.
  public let uses: [Use]
}

/// What one company pays for a round.
public struct CompanyResult: Sendable {
  /// The name of a company that won something.
  public let company: String
  /// Its awards' payments added up: the low end of the interval.
  public let payment: Money
  /// Where the interval begins that certainly holds the rule's payment.
  public let low: Money
  /// Where it ends, at most at `value`.
  public let high: Money
  /// Whether the rule's payment is known to the micro-dollar; then `low` equals `high`.
  public let isExact: Bool
  /// What it bid for what it won.
  public let value: Money
  /// GPUs times slots, over all its awards and pools.
  public let gpuSlots: Int64
  /// At least 1.
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
        prices[pool] = try values.elements().map { try $0.integer(in: 0 ... .max) }
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
          round: try row.get("round"), company: try row.get("company"), id: try row.get("award"),
          bid: try row.get("bid"), alternative: try row.optional("alternative"),
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
