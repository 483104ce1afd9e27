import Clearing
import Files

/// What the clearing job hands to the database to publish, in GPUs and micro-dollars.
struct ClearingRecord {
  /// SHA-256 of the result: the same for the same book and effort, wherever it was computed.
  let digest: [UInt8]
  /// The argument of `market.publish_round`.
  let json: String

  init(_ clearing: Clearing, of input: BookInstance, _ book: SealedBook) {
    let result = Self.result(clearing, of: input, book)
    digest = sha256(JSONText.object(result).bytes())
    json =
      JSONText.object(
        result + [
          .init("result_digest", .string(hex(digest))),
          .init("stopped_early", .bool(clearing.stoppedEarly)),
        ]
      ).text()
  }

  private static func result(
    _ clearing: Clearing, of book: BookInstance, _ sealed: SealedBook
  ) -> [JSONText.Member] {
    let awards = clearing.awards.map { award -> JSONText in
      let entry = book.entry(ofBid: award.bid)
      let uses = award.uses.map { use in
        (pool: use.pool, first: use.firstSlot, slots: use.slots, gpus: use.gpus * book.lotGPUs(ofPool: use.pool))
      }
      return [
        "company": .string(entry.company), "bid": .string(entry.id),
        "alternative": book.alternative(of: award).map { .integer(Int64($0)) } ?? .null,
        "gpu_slots": .integer(Int64(uses.reduce(0) { $0 + $1.gpus * $1.slots })),
        "value": .integer(award.value), "reserve_cost": .integer(award.reserveCost),
        "payment": .integer(award.payment ?? award.reserveCost),
        "uses": .array(
          uses.map {
            .array([
              .integer(Int64($0.pool)), .integer(Int64($0.first)), .integer(Int64($0.slots)), .integer(Int64($0.gpus)),
            ])
          }),
      ]
    }
    let payments = clearing.payments.map { payment -> JSONText in
      [
        "company": .string(payment.company), "payment": .integer(payment.payment), "low": .integer(payment.low),
        "high": .integer(payment.high), "exact": .bool(payment.exact),
      ]
    }
    let prices = RoundPrices(
      sealed.pools.enumerated().map { index, pool in
        .init(pool: pool.name, lotGPUs: pool.lotGPUs, microdollarsPerLotSlot: clearing.prices?[index] ?? [])
      }, in: sealed.round)
    return [
      .init("instance_digest", .string(hex(book.digest))), .init("engine_version", .string(clearing.engineVersion)),
      .init("effort", .string(clearing.effort.text)), .init("work_done", .integer(Int64(clearing.workDone))),
      .init("welfare", .integer(clearing.welfare)), .init("bound", .integer(clearing.bound)),
      .init("proven", .bool(clearing.proven)), .init("ties", .string(clearing.ties.rawValue)),
      .init("priced_by", .string(clearing.rule.rawValue)),
      .init("price_bound", .integer(prices.bound(of: sealed))),
      .init(
        "prices",
        .object(
          prices.lines.map { line in .init(line.pool, .array(line.microdollarsPerLotSlot.map { .integer($0) })) })),
      .init("awards", .array(awards)), .init("payments", .array(payments)),
    ]
  }
}
