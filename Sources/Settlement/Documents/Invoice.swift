import Files
import Postgres
import Units

/// What a company is asked to pay for a month. Amounts in cents, negative where credits exceed charges.
public struct Invoice: Sendable {
  /// Gapless: `INV-000042`.
  public let number: String
  /// The company's name; it has at most one invoice a period.
  public let company: String
  /// The UTC month, `2026-12`.
  public let period: String
  /// UTC days.
  public let issuedOn: String, dueOn: String
  /// Charges less credits booked in the period, before tax.
  public let netCents: Int64
  /// Millionths: 190000 is 19 %.
  public let taxRatePPM: Int
  /// Tax of the net, rounded to the nearest cent, half away from zero; and both together.
  public let taxCents: Int64, totalCents: Int64
  /// How far payments have reached, oldest invoice first.
  public let paidCents: Int64

  /// 0 to `totalCents`, and 0 where credits exceed charges: the excess pays other invoices.
  public var openCents: Int64 { totalCents - paidCents }

  /// Invoices by number; nil for all periods or companies.
  public static func list(
    period: String?, company: String?, _ connection: inout Connection
  ) throws(PostgresError) -> [Invoice] {
    try read(connection.query("SELECT * FROM ledger.invoices(\(period)::text, \(company)::text)"))
  }

  /// Those of the company that the connection logs in as.
  static func own(period: String, _ connection: inout Connection) throws(PostgresError) -> [Invoice] {
    try read(connection.query("SELECT * FROM market.my_invoices(\(period)::text)"))
  }

  private static func read(_ rows: Rows) throws(PostgresError) -> [Invoice] {
    var invoices: [Invoice] = []
    for row in rows {
      invoices.append(
        Invoice(
          number: try row.get("invoice"), company: try row.get("company"), period: try row.get("period"),
          issuedOn: String(try row.get("issued_at", as: String.self).prefix(10)), dueOn: try row.get("due_on"),
          netCents: try row.get("net_cents"), taxRatePPM: try row.get("tax_rate_ppm"),
          taxCents: try row.get("tax_cents"), totalCents: try row.get("total_cents"),
          paidCents: try row.get("paid_cents")))
    }
    return invoices
  }

  /// `19 %`, `8.25 %`.
  public var taxRateText: String {
    var text = Money(microdollars: Int64(taxRatePPM) * 100).dollars
    if text.hasSuffix(".00") { text.removeLast(3) }
    return text + " %"
  }
}
