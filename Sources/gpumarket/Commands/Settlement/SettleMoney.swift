import ArgumentParser
import Files
import Settlement
import Units

/// What every record of money takes.
struct ReceiptOptions: ParsableArguments {
  @Option(help: "The company.") var company: String
  @Option(help: ArgumentHelp("US dollars, such as 12500.00.", valueName: "usd")) var amount: String
  @Option(help: ArgumentHelp("The UTC day to book it on, such as 2026-12-20.", valueName: "day")) var on: String
  @Option(
    help: ArgumentHelp("The bank's reference. The same request again changes nothing.", valueName: "text"))
  var reference: String

  func record(_ receipt: Books.Receipt, _ options: DatabaseOptions) throws {
    let amount = try Money(dollars: amount)
    do {
      _ = try Instant(iso8601: on + "T00:00Z")
    } catch {
      throw Failure(.usage, "'\(on)' is no day", advice: "give the UTC day as 2026-12-20")
    }
    var connection = try options.connect(as: .finance)
    let number = try Books.record(
      receipt, company: company, amount: amount, day: on, reference: reference, &connection)
    if options.json {
      printJSON(["transaction": .integer(number), "company": .string(company), "amount_usd": .usd(amount)])
    } else {
      print("transaction \(number): \(receipt.rawValue) of \(company), \(amount)")
    }
  }
}

struct SettlePayment: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "payment", abstract: "Payments received from companies.",
    subcommands: [Record.self, Return.self, List.self])

  struct Record: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Record a payment.",
      discussion: """
        EXAMPLE
          gpumarket settle payment record --company acme --amount 12500.00 --on 2026-12-20 --reference FT26355
        """)
    @OptionGroup var receipt: ReceiptOptions
    @OptionGroup var options: DatabaseOptions
    func run() throws { try receipt.record(.payment, options) }
  }

  struct Return: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Undo a payment that bounced or was recorded wrongly.",
      discussion: "EXAMPLE\n  gpumarket settle payment return 17 --reason \"bounced\"")
    @Argument(help: "The payment's transaction number.") var number: Int64
    @Option(help: "The reason; the statement shows it.") var reason: String
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      var connection = try options.connect(as: .finance)
      let made = try Books.returnPayment(number, reason: reason, &connection)
      if options.json {
        printJSON(["transaction": .integer(made), "corrects": .integer(number)])
      } else {
        print("transaction \(made): payment \(number) taken back")
      }
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List payments and deposits.", discussion: "EXAMPLE\n  gpumarket settle payment list --company acme")
    @Option(help: "Only this company's.") var company: String?
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      var connection = try options.connect(as: .finance)
      let receipts = try Books.receipts(company: company, &connection)
      if options.json {
        return printJSON(
          .array(
            receipts.map {
              [
                "transaction": .integer($0.number), "kind": .string($0.kind), "booked_on_utc": .string($0.bookedOn),
                "company": .string($0.company), "amount_usd": .usd(cents: $0.moved),
                "reference": $0.reference.map { .string($0) } ?? .null,
                "corrects": $0.corrects.map { .integer($0) } ?? .null,
              ]
            }))
      }
      var table = Table(
        ("number", .right), ("booked (UTC)", .left), ("what", .left), ("company", .left), ("USD", .right),
        ("reference", .left))
      for each in receipts {
        table.add(
          String(each.number), each.bookedOn, each.kind, each.company, Money(cents: each.moved).cell(.cents),
          each.reference ?? each.corrects.map { "takes back \($0)" } ?? "")
      }
      print(receipts.isEmpty ? "no payments" : table.text())
    }
  }
}

struct SettleDeposit: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "deposit", abstract: "Deposits: received, used for what is owed, returned.",
    subcommands: [Record.self, Use.self, Return.self])

  struct Record: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Record a deposit received; it covers what the company owes.",
      discussion:
        "EXAMPLE\n  gpumarket settle deposit record --company acme --amount 5000.00 --on 2026-12-01 --reference wire-811"
    )
    @OptionGroup var receipt: ReceiptOptions
    @OptionGroup var options: DatabaseOptions
    func run() throws { try receipt.record(.deposit, options) }
  }

  struct Use: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Pay what a company owes from its deposit.",
      discussion:
        "EXAMPLE\n  gpumarket settle deposit use --company acme --amount 1200.00 --on 2026-12-20 --reference invoice-7")
    @OptionGroup var receipt: ReceiptOptions
    @OptionGroup var options: DatabaseOptions
    func run() throws { try receipt.record(.depositUse, options) }
  }

  struct Return: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Record a deposit sent back.",
      discussion:
        "EXAMPLE\n  gpumarket settle deposit return --company acme --amount 3800.00 --on 2026-12-31 --reference wire-902"
    )
    @OptionGroup var receipt: ReceiptOptions
    @OptionGroup var options: DatabaseOptions
    func run() throws { try receipt.record(.depositReturn, options) }
  }
}

extension JournalTransaction {
  /// What changed hands, in cents, without a sign.
  var moved: Int64 { postings.map(\.cents).max() ?? 0 }
}
