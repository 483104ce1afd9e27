import Files
import Units

extension ExportFormat {
  static let jsonFormat = FileFormat("settlement", 1)

  /// One object, its arrays with one element a line, so that a difference between two files can be read.
  func writeJSON(_ data: ExportData, to file: inout ExportFile) throws {
    let head: JSONText = [
      "format": .string(Self.jsonFormat.text), "selection": .string(data.selection.text), "currency": "USD",
      "amounts": "decimal strings in US dollars; postings positive for a debit",
      "after_transaction": data.span.after.map { .integer($0) } ?? .null,
      "up_to_transaction": .integer(data.span.upTo),
      "ledger_hash": .string(data.headHash), "accounts": .string(data.accounts.origin),
    ]
    let text = head.text()
    try file.write(text.dropLast() + ",\n\"charges\":[")
    for (index, line) in data.charges.enumerated() {
      try file.write((index == 0 ? "\n" : ",\n") + Self.json(line, data.accounts).text())
    }
    try file.write("\n],\n\"transactions\":[")
    for (index, transaction) in data.transactions.enumerated() {
      try file.write((index == 0 ? "\n" : ",\n") + Self.json(transaction, data.accounts).text())
    }
    try file.write("\n]}\n")
  }

  static func json(_ line: ChargeLine, _ accounts: AccountMap) -> JSONText {
    let price = line.gpuSeconds == 0 ? nil : unitPrice(cents: line.cents, seconds: line.gpuSeconds)
    return [
      "transaction": .integer(line.number), "line": .integer(Int64(line.line)), "kind": .string(line.kind),
      "booked_on_utc": .string(line.bookedOn), "company": .string(line.company), "round": .optional(line.round),
      "priced_by": .optional(line.pricing), "award": .optional(line.award), "bid": .optional(line.bid),
      "receipt_sha256": .optional(line.receipt), "pool": .optional(line.pool),
      "delivery_start_utc": .optional(line.startsAt), "delivery_end_utc": .optional(line.endsAt),
      "gpus": line.gpus.map { .integer(Int64($0)) } ?? .null,
      "gpu_hours": .optional(line.gpuSeconds == 0 ? nil : gpuHours(seconds: line.gpuSeconds)),
      "limit_price_usd_per_gpu_hour": .optional(
        line.value.flatMap { pricePerGPUHour(microdollars: $0, seconds: line.gpuSeconds) }),
      "bid_value_usd": .optional(line.value.map { Money(microdollars: $0).dollars }),
      "payment_exact_usd": .optional(line.payment.map { Money(microdollars: $0).dollars }),
      "posted_usd": .usd(cents: line.cents), "effective_price_usd_per_gpu_hour": .optional(price),
      "account": .string(accounts.name(line.account)), "account_code": .optional(accounts.codeIfAny(line.account)),
      "invoice": .optional(line.invoice), "credit_note": .optional(line.creditNote),
      "corrects_transaction": line.corrects.map { .integer($0) } ?? .null, "outage": .optional(line.outage),
      "memo": .string(line.memo),
    ]
  }

  private static func json(_ t: JournalTransaction, _ accounts: AccountMap) -> JSONText {
    [
      "number": .integer(t.number), "kind": .string(t.kind), "booked_on_utc": .string(t.bookedOn),
      "recorded_at": .string(t.recordedAt), "recorded_by": .string(t.recordedBy), "company": .string(t.company),
      "round": .optional(t.round), "award": .optional(t.award), "outage": .optional(t.outage),
      "corrects": t.corrects.map { .integer($0) } ?? .null, "reference": .optional(t.reference),
      "memo": .string(t.memo), "document": .optional(t.document), "previous_hash": .string(t.previous),
      "hash": .string(t.hash),
      "postings": .array(
        t.postings.map { posting in
          [
            "ledger_account": .string(posting.account), "account": .string(accounts.name(posting.account)),
            "account_code": .optional(accounts.codeIfAny(posting.account)),
            "amount_usd": .usd(cents: posting.cents),
          ]
        }),
    ]
  }
}

extension JSONText {
  static func optional(_ text: String?) -> JSONText { text.map { .string($0) } ?? .null }
}
