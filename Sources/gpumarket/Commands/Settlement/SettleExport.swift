import ArgumentParser
import Files
import Settlement
import Units

/// Which part of the ledger is meant.
struct LedgerSelection: ParsableArguments {
  @Option(help: "What concerns this round, corrections included.") var round: String?
  @Option(help: ArgumentHelp("What was booked in this UTC month, such as 2026-12.", valueName: "month"))
  var period: String?
  @Option(
    help: ArgumentHelp(
      "Transactions after this number, or LAST for those after the last export.",
      valueName: "number"))
  var since: String?
  @Flag(help: "The whole ledger.") var all = false

  func selection() throws -> Selection {
    guard [round != nil, period != nil, since != nil, all].filter({ $0 }).count == 1 else {
      throw Failure(
        .usage, "choose one part of the ledger",
        advice: "give one of --round R, --period 2026-12, --since LAST and --all")
    }
    if let round { return .round(round) }
    if let period { return .period(period) }
    guard let since else { return .everything }
    if since.uppercased() == "LAST" { return .sinceLast }
    guard let number = Int64(since), number >= 0 else {
      throw Failure(
        .usage, "\"\(since)\" is no number of a transaction",
        advice: "give the number up to which you have it, or LAST for what the last export left")
    }
    return .since(number)
  }
}

struct SettleExport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write settlement records to a file that finance imports.",
    discussion: """
      The command also writes FILE.totals.json (control totals) and FILE.sha256 (for sha256sum --check). The same ledger \
      gives the same bytes. docs/reference.md explains every column.

      --since LAST continues where the last export of this format with --all or --since ended. Exports with --round, \
      --period or --unrecorded do not move that place.

      FORMATS: \(SettlementExport.formats.joined(separator: ", "))

      EXAMPLES
        gpumarket settle export --format csv --round 2026-12-07 --out settlement.csv
        gpumarket settle export --format hledger --period 2026-12 --out december.journal
        gpumarket settle export --format netsuite --since LAST --accounts accounts.csv --out new.csv
      """)
  @Option(help: "One of the formats below.") var format: String
  @OptionGroup var part: LedgerSelection
  @Option(help: ArgumentHelp("The file to write.", valueName: "file")) var out: String
  @Option(
    help: ArgumentHelp("Your own account codes; settle accounts prints a template.", valueName: "file"))
  var accounts: String?
  @Flag(help: "Do not record this export, so that LAST stays where it is.") var unrecorded = false
  @OptionGroup var options: DatabaseOptions

  func validate() throws {
    guard !unrecorded || part.since?.uppercased() != "LAST" else {
      throw ValidationError(
        "--since LAST is what was not recorded yet; leave --unrecorded out, or preview with --since N")
    }
  }

  func run() throws {
    guard let format = ExportFormat(rawValue: format) else {
      throw Failure(
        .usage, "there is no format \"\(format)\"",
        advice: "choose one of \(SettlementExport.formats.joined(separator: ", "))")
    }
    let selection = try part.selection()
    let map = try accounts.map { try AccountMap(path: $0) } ?? .builtIn
    var connection = try options.connect(as: .finance)
    let report = try SettlementExport.run(
      connection: &connection, format: format, selection: selection, accounts: map, record: !unrecorded, to: out)
    guard !options.json else { return printJSON(report.json) }
    print(report.text)
  }
}

extension ExportReport {
  var text: String {
    """
    \(path): \(selection.text), \(totals.transactions) transactions up to \(upTo), \(totals.awards) awards
      exact \(totals.awardPayment), posted \(Money(cents: totals.awardCents)), \
    rounding difference \(totals.roundingDifference)
      corrections \(Money(cents: totals.creditCents)), tax \(Money(cents: totals.taxCents)), \
    received \(Money(cents: totals.paidCents))
      control totals \(totalsPath), checksums \(checksumPath)
    """
  }

  var json: JSONText {
    [
      "file": .string(path), "totals_file": .string(totalsPath), "checksum_file": .string(checksumPath),
      "format": .string(format.rawValue), "selection": .string(selection.text), "up_to_transaction": .integer(upTo),
      "transactions": .integer(Int64(totals.transactions)), "awards": .integer(Int64(totals.awards)),
      "award_payments_exact_usd": .usd(totals.awardPayment),
      "award_payments_posted_usd": .usd(cents: totals.awardCents),
      "rounding_difference_usd": .usd(totals.roundingDifference),
      "corrections_usd": .usd(cents: totals.creditCents),
      "tax_usd": .usd(cents: totals.taxCents),
      "received_usd": .usd(cents: totals.paidCents), "sha256": .string(sha256),
      "recorded": .bool(recorded),
    ]
  }
}
