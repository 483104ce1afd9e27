import ArgumentParser
import Files
import Postgres
import Settlement
import Units

struct SettleTerms: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "terms", abstract: "Set a company's tax rate and payment term (operator).",
    discussion: "EXAMPLE\n  gpumarket settle terms --company acme --tax 19 --days 30")
  @Option(help: "The company.") var company: String
  @Option(help: ArgumentHelp("Tax in percent, at most four decimals.", valueName: "percent")) var tax: String
  @Option(help: "Days from an invoice to its due date.") var days: Int
  @OptionGroup var options: DatabaseOptions

  func run() throws {
    let rate = try partsPerMillion(tax)
    try checked(days, in: 0...365, "--days")
    var connection = try options.connect(as: .operator)
    try Books.setTerms(company: company, taxRatePPM: rate, dueDays: days, &connection)
    guard !options.json else {
      return printJSON([
        "company": .string(company), "tax_rate_ppm": .integer(Int64(rate)), "due_days": .integer(Int64(days)),
      ])
    }
    print("\(company): tax \(tax) %, invoices due after \(days) days; in force from the next invoice on")
  }
}

struct SettleRelease: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "release", abstract: "End an award early, with a credit note (operator).",
    discussion: """
      The GPUs return to later rounds. The company gets --credit percent of what it paid for the GPU-hours that it gives \
      back.

      EXAMPLE
        gpumarket settle release a_0123456789abcdef --from 2026-12-09T12:00Z --credit 80 --reason "run finished early"
      """)
  @Argument(help: "The award.") var award: String
  @Option(help: ArgumentHelp("When it ends: the start of a slot.", valueName: "instant")) var from: String
  @Option(help: ArgumentHelp("Percent to credit, such as 80.", valueName: "percent")) var credit: String
  @Option(help: "The reason; the credit note shows it.") var reason: String
  @OptionGroup var options: DatabaseOptions

  func run() throws {
    let instant = try Instant(iso8601: from)
    let share = try partsPerMillion(credit)
    var connection = try options.connect(as: .operator)
    let number = try Books.release(award: award, from: instant, creditPPM: share, reason: reason, &connection)
    guard !options.json else { return printJSON(["transaction": .integer(number), "award": .string(award)]) }
    print("transaction \(number): award \(award) released from \(instant)")
  }
}

struct SettleAdjust: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "adjust", abstract: "Credit part of an award's charge, with a credit note (operator).",
    discussion: """
      EXAMPLE
        gpumarket settle adjust a_0123456789abcdef --amount 250.00 --reason "slow network" --reference ticket-811
      """)
  @Argument(help: "The award.") var award: String
  @Option(help: ArgumentHelp("US dollars to credit.", valueName: "usd")) var amount: String
  @Option(help: "The reason; the credit note shows it.") var reason: String
  @Option(
    help: ArgumentHelp(
      "Yours, such as a ticket's number. It is the key: the same again changes nothing.", valueName: "text"))
  var reference: String?
  @OptionGroup var options: DatabaseOptions

  func run() throws {
    let amount = try Money(dollars: amount)
    var connection = try options.connect(as: .operator)
    let number =
      if let reference {
        try Books.adjust(award: award, amount: amount, reason: reason, reference: reference, &connection)
      } else {
        try Books.adjust(award: award, amount: amount, reason: reason, &connection)
      }
    guard !options.json else { return printJSON(["transaction": .integer(number), "award": .string(award)]) }
    print("transaction \(number): \(amount) of award \(award) credited")
  }
}

extension Books {
  /// As without a reference, but once: the same award and amount under it again give the first transaction's number.
  fileprivate static func adjust(
    award: String, amount: Money, reason: String, reference: String, _ connection: inout Connection
  ) throws -> Int64 {
    let (cents, rest) = amount.microdollars.quotientAndRemainder(dividingBy: Money.microdollarsPerCent)
    guard rest == 0 else {
      throw Failure(
        .usage, "\(amount) is no whole number of cents", advice: "give at most two decimals, such as 12.50")
    }
    return try connection.query(
      "SELECT ledger.adjust_award(\(award), \(cents)::bigint, \(reason), \(reference)) AS n"
    ).one().get("n")
  }
}

/// A percentage with at most four decimals in millionths.
private func partsPerMillion(_ percent: String) throws -> Int {
  let scaled = try Money(dollars: percent).microdollars
  guard scaled % 100 == 0, (0...100_000_000).contains(scaled) else {
    throw Failure(.usage, "\"\(percent)\" is no percentage", advice: "give 0 to 100 with at most four decimals")
  }
  return Int(scaled / 100)
}
