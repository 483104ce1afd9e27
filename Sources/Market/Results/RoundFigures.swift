import Clearing
import Files
import Postgres
import Units

/// What came of a published round: the figures that a report shows, in a terminal, a page or a file.
public struct RoundFigures: Sendable {
  /// Published.
  public let round: Round
  /// Its totals.
  public let totals: RoundResult
  /// What it offered, in the engine's order.
  public let pools: [OfferedPool]
  /// Of each pool.
  public let utilisation: [Utilisation]
  /// Empty for a reader who may not see what each company won.
  public let companies: [CompanyResult]

  /// A slot of a pool with its price.
  public struct PricedSlot: Sendable {
    /// Of the pool, with its lot.
    public let line: RoundPrices.Line
    /// Counted from 0 at the start of delivery.
    public let slot: Int
    /// Micro-dollars for a lot over the slot, reserve included.
    public let microdollarsPerLot: Int64
  }

  /// Asks the database.
  ///
  /// - Parameter withCompanies: whether to ask what each company pays; what the login may not see stays empty.
  /// - Throws: `GM409` where the round is not published.
  public init(_ round: Round, _ connection: inout Connection, withCompanies: Bool) throws {
    guard let totals = try Results.totals(round.name, &connection) else {
      throw PostgresError(
        .refused, "round \(round.name) is not published", sqlState: "GM409",
        hint: "gpumarket clear --round \(round.name) clears it")
    }
    self.round = round
    self.totals = totals
    pools = try Rounds.pools(of: round.name, &connection)
    utilisation = try Results.utilisation(round.name, &connection)
    companies = withCompanies ? try Self.payments(round.name, &connection) : []
  }

  /// None for a login that may not see what others pay: on a real server only the server knows who asks.
  private static func payments(_ round: String, _ connection: inout Connection) throws -> [CompanyResult] {
    do {
      return try Results.payments(round, &connection)
    } catch  where error.sqlState == "42501" {
      return []
    }
  }

  /// The dearest slots by the certificate's prices, where they stand above the reserve price: there GPUs were scarce.
  public func dearest(_ count: Int) -> [PricedSlot] {
    let reserves = Dictionary(
      uniqueKeysWithValues: pools.map {
        ($0.name, $0.reserve.microdollarsPerGPUSlot(round.slotLength) * Int64($0.lotGPUs))
      })
    let scarce = totals.prices(pools, in: round).lines.flatMap { line in
      line.microdollarsPerLotSlot.enumerated().map {
        PricedSlot(line: line, slot: $0.offset, microdollarsPerLot: $0.element)
      }.filter { $0.microdollarsPerLot > reserves[line.pool] ?? 0 }
    }
    func isDearer(_ one: PricedSlot, _ other: PricedSlot) -> Bool {
      // Per GPU, so that pools of other lots compare.
      let (left, right) = (
        Int128(one.microdollarsPerLot) * Int128(other.line.lotGPUs),
        Int128(other.microdollarsPerLot) * Int128(one.line.lotGPUs)
      )
      return left == right ? (one.slot, one.line.pool) < (other.slot, other.line.pool) : left > right
    }
    return Array(scarce.sorted(by: isDearer).prefix(count))
  }

  /// How wide the companies' intervals are on average, as a part of what each bid.
  public var meanWidth: Double {
    Clearing.meanWidth(companies.map { ($0.low.microdollars, $0.high.microdollars, $0.value.microdollars) })
  }

  /// For programs.
  public var json: JSONText {
    [
      "round": .string(round.name), "pricing": .string(round.pricing), "priced_by": .string(totals.pricing),
      "published_at": .string(totals.publishedAt.iso8601),
      "bids": .integer(Int64(totals.bids)), "companies_bidding": .integer(Int64(totals.companiesBidding)),
      "awards": .integer(Int64(totals.awards)), "companies_awarded": .integer(Int64(totals.companiesAwarded)),
      "welfare_usd": .usd(totals.welfare),
      "bound_usd": .usd(totals.bound),
      "price_bound_usd": .usd(totals.priceBound),
      "gap": .fraction(totals.gap), "proven": .bool(totals.isProven), "ties": .string(totals.ties),
      "revenue_usd": .usd(totals.revenue),
      "bid_value_usd": .usd(totals.bidValue),
      "engine": .string(totals.engineVersion), "effort": .string(totals.effort), "work": .integer(totals.workDone),
      "stopped_early": .bool(totals.stoppedEarly), "merkle_root": .string(totals.merkleRoot),
      "instance_digest": .string(totals.instanceDigest), "result_digest": .string(totals.resultDigest),
      "pools": .array(
        utilisation.map {
          [
            "pool": .string($0.pool), "offered_gpu_slots": .integer($0.offeredGPUSlots),
            "awarded_gpu_slots": .integer($0.awardedGPUSlots),
          ]
        }),
      "dearest": .array(
        dearest(10).map {
          [
            "pool": .string($0.line.pool), "start": .string(round.start(ofSlot: $0.slot).iso8601),
            "lot_gpus": .integer(Int64($0.line.lotGPUs)),
            "price_usd_per_lot_slot": .usd(microdollars: $0.microdollarsPerLot),
          ]
        }),
      "mean_width": companies.isEmpty ? .null : .fraction(meanWidth),
      "companies": .array(
        companies.map {
          [
            "company": .string($0.company), "awards": .integer(Int64($0.awards)), "gpu_slots": .integer($0.gpuSlots),
            "bid_usd": .usd($0.value),
            "payment_usd": .usd($0.payment),
            "low_usd": .usd($0.low), "high_usd": .usd($0.high),
            "exact": .bool($0.isExact),
          ]
        }),
    ]
  }
}
