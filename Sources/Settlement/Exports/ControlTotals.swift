import Files
import Units

/// What an export adds up to, so that whoever imports it can tell that all of it arrived.
public struct ControlTotals: Sendable, Equatable {
  /// Transactions and postings in the selection, those of zero included.
  public private(set) var transactions = 0, postings = 0
  /// All debits added up, which is as much as all credits.
  public private(set) var debitCents: Int64 = 0
  /// Postings of zero, which the formats of accounting systems leave out.
  public private(set) var zeroPostings = 0
  /// Awards charged, those reversed later included.
  public private(set) var awards = 0
  /// Awards as posted; credits and reversals (negative); tax; payments and deposits used (positive).
  public private(set) var awardCents: Int64 = 0, creditCents: Int64 = 0, taxCents: Int64 = 0, paidCents: Int64 = 0
  /// The exact payments of the awards, and what was bid for them.
  public private(set) var awardPayment = Money.zero, awardValue = Money.zero
  /// What was bid less what is charged, over awards and their reversals.
  public private(set) var saved = Money.zero

  /// What rounding each award down to the cent gave away.
  public var roundingDifference: Money { awardPayment - Money(cents: awardCents) }

  /// Adds up, and refuses records that do not agree with one another.
  /// - Throws: `SettlementError` naming the transaction at fault.
  init(_ data: ExportData) throws {
    var receivable: [Int64: Int64] = [:]
    for t in data.transactions {
      transactions += 1
      var sum: Int64 = 0
      var own: Int64 = 0
      for posting in t.postings {
        postings += 1
        sum += posting.cents
        if posting.cents == 0 { zeroPostings += 1 }
        if posting.cents > 0 { debitCents += posting.cents }
        if posting.accountKind == "receivable" { own += posting.cents }
      }
      guard sum == 0 else {
        throw Self.disagree("transaction \(t.number) is \(dollars(cents: sum)) USD out of balance")
      }
      switch t.kind {
      case "award":
        awards += 1
        awardCents += own
      case "reversal", "outage", "release", "adjustment": creditCents += own
      case "tax": taxCents += own
      case "payment", "payment-return", "deposit-use":
        paidCents -= own
        continue
      default: continue
      }
      receivable[t.number] = own
    }
    for line in data.charges {
      receivable[line.number, default: 0] -= line.cents
      if line.kind == "award", let payment = line.payment { awardPayment += Money(microdollars: payment) }
      if let value = line.value { saved += Money(microdollars: value) - Money(cents: line.cents) }
      if line.kind == "award", let value = line.value { awardValue += Money(microdollars: value) }
      guard let price = line.gpuSeconds == 0 ? nil : unitPrice(cents: line.cents, seconds: line.gpuSeconds) else {
        continue
      }
      guard Self.agrees(price: price, quantity: gpuHours(seconds: line.gpuSeconds), cents: line.cents) else {
        throw Self.disagree("the unit price of transaction \(line.number), line \(line.line), does not give its cost")
      }
    }
    if let bad = receivable.filter({ $0.value != 0 }).keys.min() {
      throw Self.disagree("the charges of transaction \(bad) are not what the company's account says")
    }
  }

  private static func disagree(_ what: String) -> SettlementError {
    SettlementError(what, advice: "nothing was exported; run gpumarket settle check and report it")
  }

  /// Whether unit price × quantity, as printed, is the cost to within half a cent.
  static func agrees(price: String, quantity: String, cents: Int64) -> Bool {
    // What is too long for the arithmetic comes from a damaged file, and agrees with nothing.
    guard let p = scaled(price), let q = scaled(quantity), p.decimals + q.decimals <= 36 else { return false }
    var unit: Int128 = 1
    for _ in 0..<(p.decimals + q.decimals) { unit *= 10 }
    // |price × quantity − cents / 100| ≤ 1 / 200, all times 200 × unit.
    let product = p.value.multipliedReportingOverflow(by: q.value)
    let found = product.partialValue.multipliedReportingOverflow(by: 200)
    let said = (Int128(cents) * 2).multipliedReportingOverflow(by: unit)
    let difference = found.partialValue.subtractingReportingOverflow(said.partialValue)
    guard !product.overflow, !found.overflow, !said.overflow, !difference.overflow else { return false }
    return difference.partialValue.magnitude <= unit.magnitude
  }

  private static func scaled(_ text: String) -> (value: Int128, decimals: Int)? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, let value = Int128(parts.joined()) else { return nil }
    return (value, parts.count == 2 ? parts[1].count : 0)
  }

  /// Of the file beside an export.
  static let format = FileFormat("control totals", 1)

  func json(_ data: ExportData, format: ExportFormat, file: String, bytes: Int, sha256: String) -> JSONText {
    [
      "format": .string(Self.format.text), "file": .string(file), "bytes": .integer(Int64(bytes)),
      "sha256": .string(sha256),
      "export": .string(format.rawValue), "selection": .string(data.selection.text),
      "after_transaction": data.span.after.map { .integer($0) } ?? .null,
      "up_to_transaction": .integer(data.span.upTo), "ledger_hash": .string(data.headHash),
      "account_mapping": .string(data.accounts.origin), "currency": "USD",
      "transactions": .integer(Int64(transactions)), "postings": .integer(Int64(postings)),
      "postings_of_zero": .integer(Int64(zeroPostings)), "charge_lines": .integer(Int64(data.charges.count)),
      "debits_usd": .usd(cents: debitCents), "credits_usd": .usd(cents: debitCents),
      "awards": .integer(Int64(awards)), "award_bid_values_usd": .usd(awardValue),
      "award_payments_exact_usd": .usd(awardPayment),
      "award_payments_posted_usd": .usd(cents: awardCents),
      "rounding_difference_usd": .usd(roundingDifference),
      "saved_against_limits_usd": .usd(saved), "corrections_usd": .usd(cents: creditCents),
      "tax_usd": .usd(cents: taxCents),
      "charged_usd": .string(dollars(cents: awardCents + creditCents + taxCents)),
      "received_usd": .usd(cents: paidCents),
    ]
  }
}
