import Files
import Units

/// The columns of the csv format; docs/reference.md explains each.
let csvColumns = [
  "transaction", "line", "kind", "booked_on_utc", "company", "round", "award", "bid", "receipt_sha256", "pool",
  "delivery_start_utc", "delivery_end_utc", "gpus", "gpu_hours", "limit_price_usd_per_gpu_hour", "bid_value_usd",
  "payment_exact_usd", "posted_usd", "effective_price_usd_per_gpu_hour", "limit_less_effective_usd_per_gpu_hour",
  "saved_against_limit_usd", "account", "account_code", "invoice", "credit_note", "corrects_transaction", "memo",
]

extension ExportFormat {
  func writeCSV(_ data: ExportData, to file: inout ExportFile) throws {
    var writer = CSVWriter(columns: csvColumns)
    for line in data.charges {
      let limit = line.value.flatMap { pricePerGPUHour(microdollars: $0, seconds: line.gpuSeconds) }
      let effective = line.gpuSeconds == 0 ? nil : unitPrice(cents: line.cents, seconds: line.gpuSeconds)
      let saved = line.value.map { Money(microdollars: $0) - Money(cents: line.cents) }
      writer.row([
        .integer(line.number), .integer(Int64(line.line)), .text(line.kind), .text(line.bookedOn),
        .text(line.company), .text(line.round ?? ""), .text(line.award ?? ""), .text(line.bid ?? ""),
        .text(line.receipt ?? ""), .text(line.pool ?? ""), .text(line.startsAt ?? ""), .text(line.endsAt ?? ""),
        .optional(line.gpus.map { String($0) }),
        .optional(line.gpuSeconds == 0 ? nil : gpuHours(seconds: line.gpuSeconds)), .optional(limit),
        .optional(line.value.map { Money(microdollars: $0).dollars }),
        .optional(line.payment.map { Money(microdollars: $0).dollars }), .decimal(dollars(cents: line.cents)),
        .optional(effective),
        .optional(saved.flatMap { pricePerGPUHour(microdollars: $0.microdollars, seconds: line.gpuSeconds) }),
        .optional(saved?.dollars), .text(data.accounts.name(line.account)),
        .text(data.accounts.codeIfAny(line.account) ?? ""), .text(line.invoice ?? ""), .text(line.creditNote ?? ""),
        .optional(line.corrects.map { String($0) }), .text(oneLine(line.memo)),
      ])
      try file.write(writer.take())
    }
    // A file without a line still has its header.
    try file.write(writer.take())
  }
}

extension CSVWriter.Cell {
  /// A number, or an empty cell where there is none.
  static func optional(_ number: String?) -> Self { number.map { .decimal($0) } ?? .text("") }
}
