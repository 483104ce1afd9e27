import Files
import Units

extension Statement {
  /// For programs: amounts as decimal strings in US dollars.
  public var json: JSONText {
    [
      "company": .string(company), "period_utc": .string(period), "closed": .bool(isClosed), "currency": "USD",
      "opening_usd": .usd(cents: openingCents), "charges_usd": .usd(cents: chargedCents),
      "credits_usd": .usd(cents: creditedCents), "tax_usd": .usd(cents: taxCents),
      "payments_usd": .usd(cents: paidCents), "closing_usd": .usd(cents: closingCents),
      "deposit_usd": .usd(cents: depositCents), "saved_against_limits_usd": .usd(saved),
      "invoices": .array(
        invoices.map {
          [
            "invoice": .string($0.number), "issued_on_utc": .string($0.issuedOn), "due_on_utc": .string($0.dueOn),
            "net_usd": .usd(cents: $0.netCents), "tax_rate_ppm": .integer(Int64($0.taxRatePPM)),
            "tax_usd": .usd(cents: $0.taxCents), "total_usd": .usd(cents: $0.totalCents),
            "open_usd": .usd(cents: $0.openCents),
          ]
        }),
      "tables": .object(tables.map { table in .init(table.title, table.json) }),
    ]
  }
}

extension InvoiceDocument {
  /// Its lines for programs, with the fields of the JSON export and the built-in account codes.
  public var linesJSON: JSONText { .array(lines.map { ExportFormat.json($0, .builtIn) }) }
}

extension StatementTable {
  var json: JSONText {
    .array(rows.map { row in .object(zip(columns, row).map { .init($0.name, .string($1)) }) })
  }
}
