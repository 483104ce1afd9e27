import Files
import Units

/// A version of FOCUS, the FinOps Open Cost and Usage Specification.
enum FocusVersion {
  /// With the older names that the public validator of 1.0 still asks for.
  case one
  case onePointTwo
}

/// The columns, and which version has them.
private let columns: [(name: String, one: Bool, onePointTwo: Bool)] = {
  let both = [
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd",
    "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd",
    "ChargePeriodStart", "CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName",
    "CommitmentDiscountStatus", "CommitmentDiscountType", "ConsumedQuantity", "ConsumedUnit", "ContractedCost",
    "ContractedUnitPrice", "EffectiveCost", "InvoiceId", "InvoiceIssuerName", "ListCost", "ListUnitPrice",
    "PricingCategory", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "RegionId", "RegionName",
    "ResourceId", "ResourceName", "ResourceType", "ServiceCategory", "ServiceName", "ServiceSubcategory", "SkuId",
    "SkuMeter", "SkuPriceId", "SubAccountId", "SubAccountName", "Tags",
  ]
  let old = ["ChargeType", "InvoiceIssuer", "Provider", "Publisher", "ResourceID"]
  let own = [
    "x_Round", "x_Award", "x_Bid", "x_Receipt", "x_Transaction", "x_CorrectsTransaction", "x_AccountCode",
    "x_LimitUnitPrice", "x_SavedAgainstLimit", "x_ExactPayment",
  ]
  return both.map { ($0, true, true) } + old.map { ($0, true, false) } + own.map { ($0, true, true) }
}()

extension ExportFormat {
  /// Cost is the primary figure; the unit price is derived, to ten decimals, so that price × quantity gives the cost
  /// to within half a cent. List, contracted and effective cost are the payment: an auction has no other price, and
  /// the limit price stands in a column of its own.
  func writeFocus(_ data: ExportData, version: FocusVersion, to file: inout ExportFile) throws {
    let chosen = columns.indices.filter { version == .one ? columns[$0].one : columns[$0].onePointTwo }
    var writer = CSVWriter(columns: chosen.map { columns[$0].name })
    for line in data.charges {
      let cells = Self.focusCells(line, data.accounts)
      writer.row(chosen.map { cells[$0] })
      try file.write(writer.take())
    }
    try file.write(writer.take())
  }

  private static func focusCells(_ line: ChargeLine, _ accounts: AccountMap) -> [CSVWriter.Cell] {
    let isTax = line.kind == "tax"
    let hasQuantity = line.gpuSeconds != 0
    let category = isTax ? "Tax" : hasQuantity ? "Usage" : "Credit"
    let isCorrection = line.kind == "reversal"
    let month = monthBounds(line.bookedOn)
    let cost = CSVWriter.Cell.decimal(dollars(cents: line.cents))
    let price = CSVWriter.Cell.optional(hasQuantity ? unitPrice(cents: line.cents, seconds: line.gpuSeconds) : nil)
    let quantity = CSVWriter.Cell.optional(hasQuantity ? gpuHours(seconds: line.gpuSeconds) : nil)
    let unit = CSVWriter.Cell.text(hasQuantity ? "GPU-Hours" : "")
    let account = CSVWriter.Cell.text("company-\(line.company)")
    let pool = CSVWriter.Cell.text(line.pool ?? "")
    let issuer = CSVWriter.Cell.text("GPU Market")
    let award = CSVWriter.Cell.text(line.award ?? "")
    let tags: [JSONText.Member] = [("round", line.round), ("award", line.award), ("bid", line.bid)]
      .compactMap { name, value in value.map { .init(name, .string($0)) } }
    let limit = line.value.flatMap { pricePerGPUHour(microdollars: $0, seconds: line.gpuSeconds) }
    let saved = line.value.map { (Money(microdollars: $0) - Money(cents: line.cents)).dollars }
    return [
      cost, account, .text(line.company), "USD", .text(month.end), .text(month.start), .text(category),
      .text(isCorrection ? "Correction" : ""), .text(description(line)),
      .text(isTax || !hasQuantity ? "One-Time" : "Usage-Based"), .text(line.endsAt ?? month.end),
      .text(line.startsAt ?? month.start), "", "", "", "", "", quantity, unit, cost, price, cost,
      .text(line.invoice ?? ""), issuer, cost, price, .text(isTax || !hasQuantity ? "" : "Dynamic"), quantity, unit,
      issuer, issuer, pool, pool, award, pool, .text(line.award == nil ? "" : "GPU slots"),
      .text("Compute"), "GPU-hours", .text("Virtual Machines"),
      .text(line.pool.map { "gpu-hours-\($0)" } ?? ""), .text(hasQuantity ? "GPU-hours" : ""),
      .text(line.round.map { "\($0)-\(line.pool ?? "all")" } ?? ""), account, .text(line.company),
      .text(JSONText.object(tags).text()),
      .text(category), issuer, issuer, issuer, award,
      .text(line.round ?? ""), award, .text(line.bid ?? ""), .text(line.receipt ?? ""),
      .text("t\(line.number)"), .text(line.corrects.map { "t\($0)" } ?? ""),
      .text(accounts.codeIfAny(line.account) ?? ""), .optional(limit), .optional(saved),
      .optional(line.payment.map { Money(microdollars: $0).dollars }),
    ]
  }

  private static func description(_ line: ChargeLine) -> String {
    guard line.kind == "award", let pool = line.pool, let start = line.startsAt else { return oneLine(line.memo) }
    return "\(pool) GPU-hours from \(start), \(oneLine(line.memo))"
  }
}
