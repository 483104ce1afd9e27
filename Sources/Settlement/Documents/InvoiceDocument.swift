import Postgres
import Units

/// An invoice with its lines, to send to the company.
public struct InvoiceDocument: Sendable {
  /// Its total is what the lines add up to.
  public let invoice: Invoice
  /// All charges and credits booked in its period, tax last.
  public let lines: [ChargeLine]

  /// - Parameter number: as printed, `INV-000042`.
  /// - Throws: `SettlementError` where there is no such invoice or its lines do not add up to it.
  public init(number: String, _ connection: inout Connection) throws {
    self = try connection.transaction(.repeatableRead) { connection in
      guard let invoice = try Invoice.list(period: nil, company: nil, &connection).first(where: { $0.number == number })
      else {
        throw SettlementError("there is no invoice \(number)", advice: "gpumarket settle invoice list shows them")
      }
      return try InvoiceDocument(of: invoice, &connection)
    }
  }

  private init(of invoice: Invoice, _ connection: inout Connection) throws {
    self.invoice = invoice
    lines = try ChargeLine.all(
      &connection, LedgerSpan(upTo: .max, period: invoice.period, company: invoice.company))
    guard lines.reduce(0, { $0 + $1.cents }) == invoice.totalCents else {
      throw SettlementError(
        "the lines of \(invoice.number) do not add up to it", advice: "run gpumarket settle check and report it")
    }
  }

  var table: StatementTable {
    var table = StatementTable(
      title: "Lines",
      columns: [
        ("what", false), ("round", false), ("pool", false), ("delivery (UTC)", false), ("GPU-hours", true),
        ("USD per GPU-hour", true), ("USD", true), ("reference", false),
      ], empty: "none")
    for line in lines {
      let price = line.gpuSeconds == 0 ? nil : unitPrice(cents: line.cents, seconds: line.gpuSeconds)
      table.rows.append([
        line.kind == "tax" ? "tax \(invoice.taxRateText)" : line.kind, line.round ?? "", line.pool ?? "",
        line.startsAt.map { "\($0)/\(line.endsAt ?? "")" } ?? "",
        line.gpuSeconds == 0 ? "" : gpuHours(seconds: line.gpuSeconds), price ?? "", dollars(cents: line.cents),
        [line.creditNote, line.award].compactMap { $0 }.joined(separator: " "),
      ])
    }
    return table
  }

  private var sums: [(label: String, cents: Int64)] {
    [
      ("Net", invoice.netCents), ("Tax \(invoice.taxRateText)", invoice.taxCents), ("Total", invoice.totalCents),
      ("Paid", invoice.paidCents), ("Open", invoice.openCents),
    ]
  }

  private var heading: String {
    "\(invoice.company), period \(invoice.period) (UTC), issued \(invoice.issuedOn), due \(invoice.dueOn); US dollars"
  }

  /// For a terminal or a mail.
  public var text: String {
    let width = sums.map { dollars(cents: $0.cents).count }.max() ?? 0
    let totals = sums.map { label, cents in
      let amount = dollars(cents: cents)
      return "  " + label.padded(to: 18) + String(repeating: " ", count: width - amount.count) + amount + "\n"
    }
    return "Invoice \(invoice.number)\n\(heading)\n\n" + totals.joined() + "\n" + table.text()
  }

  /// A page that prints well.
  public var html: String {
    let rows = sums.map { "<tr><td>\($0.label)</td><td class=\"n\">\(dollars(cents: $0.cents))</td></tr>\n" }
    return page(
      title: "Invoice \(invoice.number)",
      body: """
        <h1>Invoice \(invoice.number)</h1>
        <p>\(escaped(heading))</p>
        <table class="account">
        \(rows.joined())</table>
        \(table.html)
        """)
  }
}
