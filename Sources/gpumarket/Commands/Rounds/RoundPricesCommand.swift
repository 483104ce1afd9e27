import ArgumentParser
import Files
import Market
import Postgres
import Units

struct RoundPricesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prices", abstract: "Show a published round's price for every pool and slot.",
    discussion: """
      The exact price is for one lot and one slot, in whole micro-dollars, reserve included. From it you can compute why a \
      bid lost (docs/mechanism.md). The price per GPU-hour is the same, rounded up.

      EXAMPLES
        gpumarket round prices 2026-12-07
        gpumarket round prices 2026-12-07 --pool h100-us --csv > prices.csv
      """)
  @Argument(help: "The round.") var name: String
  @Option(help: "Only this pool.") var pool: String?
  @Flag(help: "Print CSV.") var csv = false
  @OptionGroup var acting: ActingCompany
  @OptionGroup var options: DatabaseOptions

  func run() throws {
    var connection = try options.connect(as: acting.company == nil ? .operator : .company(acting.company))
    let round = try Rounds.named(name, &connection)
    guard let totals = try Results.totals(name, &connection) else {
      throw Failure(
        .conflict, "round \(name) is \(round.state.rawValue): its prices come when it is published",
        advice: "gpumarket round show \(name) shows what it offers")
    }
    let pools = try Rounds.pools(of: name, &connection)
    let lines = totals.prices(pools, in: round).lines.filter { pool == nil || $0.pool == pool }
    guard !lines.isEmpty else {
      throw Failure(
        .refused, "round \(name) offers no pool '\(pool ?? "")'",
        advice: "choose one of \(pools.map(\.name).joined(separator: ", "))")
    }
    if options.json {
      printJSON(json(round, totals, pools, lines))
    } else if csv {
      print(Self.csv(round, lines), terminator: "")
    } else {
      var table = Table(
        ("start (UTC)", .left), ("pool", .left), ("lot GPUs", .right), ("micro-dollars per lot and slot", .right),
        ("USD/GPU-hour", .right))
      for (line, start, price) in Self.rows(round, lines) {
        table.add(
          "\(start)", line.pool, "\(line.lotGPUs)", "\(price)",
          dollarsPerGPUHour(price, gpuSlots: Int64(line.lotGPUs), round.slotLength))
      }
      print(table.text())
    }
  }

  private static func rows(
    _ round: Round, _ lines: [RoundPrices.Line]
  ) -> [(line: RoundPrices.Line, start: Instant, price: Int64)] {
    lines.flatMap { line in
      line.microdollarsPerLotSlot.enumerated().map { (line, round.start(ofSlot: $0.offset), $0.element) }
    }
  }

  private static func csv(_ round: Round, _ lines: [RoundPrices.Line]) -> String {
    var csv = CSVWriter(columns: [
      "round", "pool", "start_utc", "slot_minutes", "lot_gpus", "price_usd_per_lot_slot", "price_usd_per_gpu_hour",
    ])
    for (line, start, price) in rows(round, lines) {
      csv.row([
        .text(round.name), .text(line.pool), .text(start.iso8601ToSecond), .integer(Int64(round.slotLength.minutes)),
        .integer(Int64(line.lotGPUs)), .decimal(Money(microdollars: price).dollars),
        .decimal(dollarsPerGPUHour(price, gpuSlots: Int64(line.lotGPUs), round.slotLength)),
      ])
    }
    return String(decoding: csv.take(), as: UTF8.self)
  }

  private func json(
    _ round: Round, _ totals: RoundResult, _ pools: [OfferedPool], _ lines: [RoundPrices.Line]
  ) -> JSONText {
    let offered = Dictionary(uniqueKeysWithValues: pools.map { ($0.name, $0) })
    return [
      "round": .string(round.name), "delivery_start": .string(round.delivery.start.iso8601),
      "slot_minutes": .integer(Int64(round.slotLength.minutes)),
      "price_bound_usd": .usd(totals.priceBound),
      "welfare_usd": .usd(totals.welfare),
      "pools": .array(
        lines.map { line in
          [
            "pool": .string(line.pool), "lot_gpus": .integer(Int64(line.lotGPUs)),
            "reserve_usd_per_lot_slot": .usd(
              microdollars: (offered[line.pool]?.reserve.microdollarsPerGPUSlot(round.slotLength) ?? 0)
                * Int64(line.lotGPUs)),
            "capacity_gpus": .array((offered[line.pool]?.capacityGPUs ?? []).map { .integer(Int64($0)) }),
            "price_usd_per_lot_slot": .array(line.microdollarsPerLotSlot.map { .usd(microdollars: $0) }),
          ]
        }),
    ]
  }
}
