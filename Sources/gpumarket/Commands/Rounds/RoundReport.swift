import Clearing
import Files
import Market
import Postgres
import Units

/// What came of a published round, for people and as JSON.
struct RoundReport {
  let round: Round
  let totals: RoundResult
  let pools: [OfferedPool]
  let utilisation: [Utilisation]
  /// Empty for a reader who may not see what each company won.
  let companies: [CompanyResult]

  init(_ round: Round, _ connection: inout Connection, withCompanies: Bool) throws {
    guard let totals = try Results.totals(round.name, &connection) else {
      throw Failure(
        .conflict, "round \(round.name) is not published", advice: "gpumarket clear --round \(round.name) clears it")
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
  private func dearest(_ count: Int) -> [(pool: RoundPrices.Line, slot: Int, price: Int64)] {
    let reserves = Dictionary(
      uniqueKeysWithValues: pools.map {
        ($0.name, $0.reserve.microdollarsPerGPUSlot(round.slotLength) * Int64($0.lotGPUs))
      })
    let scarce = totals.prices(pools, in: round).lines.flatMap { line in
      line.microdollarsPerLotSlot.enumerated().map { (pool: line, slot: $0.offset, price: $0.element) }
        .filter { $0.price > reserves[line.pool] ?? 0 }
    }
    func isDearer(
      _ one: (pool: RoundPrices.Line, slot: Int, price: Int64),
      _ other: (pool: RoundPrices.Line, slot: Int, price: Int64)
    ) -> Bool {
      // Per GPU, so that pools of other lots compare.
      let (left, right) = (
        Int128(one.price) * Int128(other.pool.lotGPUs), Int128(other.price) * Int128(one.pool.lotGPUs)
      )
      return left == right ? (one.slot, one.pool.pool) < (other.slot, other.pool.pool) : left > right
    }
    return Array(scarce.sorted(by: isDearer).prefix(count))
  }

  private func cents(_ money: Money) -> String { Money(cents: money.centsRoundedDown).dollars }

  /// What bounds an amount from above stays a bound when it is rounded.
  private func centsUp(_ money: Money) -> String { Money(cents: -(-money).centsRoundedDown).dollars }

  var text: String {
    var lines: [String] = []
    lines.append(
      "round \(round.name), \(round.pricing), delivery \(round.delivery), published \(totals.publishedAt.iso8601ToSecond)"
    )
    if let said = fallbackText(from: round.pricing, to: totals.pricing) { lines.append("  \(said)") }
    lines.append("  bids         \(grouped(totals.bids)) from \(totals.companiesBidding) companies")
    lines.append("  awards       \(grouped(totals.awards)) to \(totals.companiesAwarded) companies")
    lines.append("  welfare      \(cents(totals.welfare)) USD above reserve cost")
    let certificate =
      totals.isProven
      ? "0: proven, no allocation is worth more"
      : "\(percentUp(totals.gap)): no allocation is worth more than \(centsUp(totals.bound)) USD"
    lines.append("  certified gap \(certificate)")
    lines.append(
      "  price bound  \(centsUp(totals.priceBound)) USD, by the published prices alone: gpumarket round prices \(round.name)"
    )
    lines.append(
      "  ties         "
        + (totals.ties == TieStatus.ruled.rawValue
          ? "broken by the rule: no other allocation of equal welfare precedes this one"
          : "not guaranteed: another allocation of equal welfare might precede this one"))
    lines.append("  revenue      \(cents(totals.revenue)) USD, of \(cents(totals.bidValue)) USD bid by the winners")
    if totals.stoppedEarly {
      lines.append("  solving stopped early, before delivery; effort reached: \(totals.workDone) work units")
    }
    lines.append("")
    var used = Table(("pool", .left), ("offered GPU-h", .right), ("awarded GPU-h", .right), ("utilisation", .right))
    for pool in utilisation {
      used.add(
        pool.pool, round.slotLength.hours(slots: pool.offeredGPUSlots),
        round.slotLength.hours(slots: pool.awardedGPUSlots),
        percent(pool.awardedGPUSlots, of: pool.offeredGPUSlots))
    }
    lines.append(used.text(indent: 2))
    let dear = dearest(5)
    if dear.isEmpty {
      lines.append("")
      lines.append("  dearest hours: none is scarce, every price is the reserve price")
    } else {
      var table = Table(("dearest hours (UTC)", .left), ("pool", .left), ("price USD/GPU-hour", .right))
      for hour in dear {
        table.add(
          "\(round.start(ofSlot: hour.slot))", hour.pool.pool,
          dollarsPerGPUHour(hour.price, gpuSlots: Int64(hour.pool.lotGPUs), round.slotLength))
      }
      lines.append("")
      lines.append(table.text(indent: 2))
    }
    if !companies.isEmpty {
      var table = Table(
        ("company", .left), ("awards", .right), ("GPU-h", .right), ("bid USD", .right), ("pays USD", .right),
        ("USD/GPU-hour", .right), ("payment at most, USD", .right))
      for company in companies {
        table.add(
          company.company, "\(company.awards)", round.slotLength.hours(slots: company.gpuSlots), cents(company.value),
          cents(company.payment),
          dollarsPerGPUHour(company.payment.microdollars, gpuSlots: company.gpuSlots, round.slotLength),
          company.isExact ? "exact" : company.high == company.value ? "the bid" : centsUp(company.high))
      }
      lines.append("")
      lines.append(table.text(indent: 2))
      if companies.contains(where: { !$0.isExact }) {
        let exact = companies.count(where: \.isExact)
        lines.append("  intervals: \(widthText(exact: exact, of: companies.count, mean: meanWidth))")
        lines.append(
          "  where the payment is not exact it lies between what is charged and the last column: the low end is charged"
        )
      }
    }
    return lines.joined(separator: "\n")
  }

  private var meanWidth: Double {
    Clearing.meanWidth(companies.map { ($0.low.microdollars, $0.high.microdollars, $0.value.microdollars) })
  }

  var json: JSONText {
    [
      "round": .string(round.name), "pricing": .string(round.pricing), "priced_by": .string(totals.pricing),
      "published_at": .string(totals.publishedAt.iso8601),
      "bids": .integer(Int64(totals.bids)), "companies_bidding": .integer(Int64(totals.companiesBidding)),
      "awards": .integer(Int64(totals.awards)), "companies_awarded": .integer(Int64(totals.companiesAwarded)),
      "welfare_microdollars": .integer(totals.welfare.microdollars),
      "bound_microdollars": .integer(totals.bound.microdollars),
      "price_bound_microdollars": .integer(totals.priceBound.microdollars),
      "gap": .fraction(totals.gap), "proven": .bool(totals.isProven), "ties": .string(totals.ties),
      "revenue_microdollars": .integer(totals.revenue.microdollars),
      "bid_value_microdollars": .integer(totals.bidValue.microdollars),
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
            "pool": .string($0.pool.pool), "start": .string(round.start(ofSlot: $0.slot).iso8601),
            "lot_gpus": .integer(Int64($0.pool.lotGPUs)), "microdollars_per_lot_slot": .integer($0.price),
          ]
        }),
      "mean_width": companies.isEmpty ? .null : .fraction(meanWidth),
      "companies": .array(
        companies.map {
          [
            "company": .string($0.company), "awards": .integer(Int64($0.awards)), "gpu_slots": .integer($0.gpuSlots),
            "bid_microdollars": .integer($0.value.microdollars),
            "payment_microdollars": .integer($0.payment.microdollars),
            "low_microdollars": .integer($0.low.microdollars), "high_microdollars": .integer($0.high.microdollars),
            "exact": .bool($0.isExact),
          ]
        }),
    ]
  }
}
