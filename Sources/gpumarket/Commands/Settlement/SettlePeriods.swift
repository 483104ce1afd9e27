import ArgumentParser
import Files
import Settlement
import Units

struct SettlePeriod: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "period", abstract: "Accounting periods: UTC calendar months.", subcommands: [List.self, Close.self])

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the periods, open and closed.", discussion: "EXAMPLE\n  gpumarket settle period list")
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      var connection = try options.connect(as: .finance)
      let periods = try Books.periods(&connection)
      if options.json {
        return printJSON(
          .array(
            periods.map {
              [
                "period": .string($0.name), "transactions": .integer(Int64($0.transactions)),
                "charged_usd": .usd(cents: $0.chargedCents),
                "tax_usd": .usd(cents: $0.taxCents),
                "received_usd": .usd(cents: $0.receivedCents),
                "invoices": .integer(Int64($0.invoices)),
                "closed_at": $0.closedAt.map { .string($0.iso8601) } ?? .null,
              ]
            }))
      }
      var table = Table(
        ("period (UTC)", .left), ("transactions", .right), ("charged USD", .right), ("tax USD", .right),
        ("received USD", .right), ("invoices", .right), ("closed (UTC)", .left))
      for period in periods {
        table.add(
          period.name, grouped(period.transactions), Money(cents: period.chargedCents).cell(.cents),
          Money(cents: period.taxCents).cell(.cents), Money(cents: period.receivedCents).cell(.cents),
          String(period.invoices), period.closedAt.map { $0.iso8601ToSecond } ?? "open")
      }
      print(periods.isEmpty ? "the ledger is empty" : table.text())
    }
  }

  struct Close: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Close a period for good, and issue the invoices that are missing.",
      discussion: """
        Close periods in order. A later correction goes into the first open period.

        EXAMPLE
          gpumarket settle period close 2026-12
        """)
    @Argument(help: "The UTC month, such as 2026-12.") var period: String
    @Flag(help: "Close it before it has ended: later charges go into the next period.") var early = false
    @Flag(help: "Do not ask for confirmation.") var yes = false
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      var connection = try options.connect(as: .finance)
      try confirm("Close the period \(period) for good?", yes: yes)
      let invoices = try Books.close(period: period, early: early, &connection)
      if options.json {
        printJSON(["period": .string(period), "invoices_issued": .integer(Int64(invoices))])
      } else {
        print("period \(period) is closed, \(invoices) invoices issued")
      }
    }
  }
}

struct SettleInvoice: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "invoice", abstract: "Invoices: one for each company and period, numbered without gaps.",
    subcommands: [Issue.self, List.self, Show.self])

  struct Issue: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Issue the invoices of a period.",
      discussion: "EXAMPLE\n  gpumarket settle invoice issue --period 2026-12")
    @Option(help: ArgumentHelp("The UTC month, such as 2026-12.", valueName: "month")) var period: String
    @Option(help: "Only this company's.") var company: String?
    @Flag(help: "Issue before the month has ended: later charges go on the next invoice.") var early = false
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      var connection = try options.connect(as: .finance)
      let count = try Books.issueInvoices(period: period, company: company, early: early, &connection)
      let invoices = try Invoice.list(period: period, company: company, &connection)
      if options.json {
        return printJSON([
          "period": .string(period), "invoices_issued": .integer(Int64(count)),
          "invoices": .array(invoices.map { .object(SettleInvoice.members($0)) }),
        ])
      }
      printError("\(count) invoices issued")
      SettleInvoice.show(invoices, json: false)
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List invoices and what is open on each.",
      discussion: "EXAMPLE\n  gpumarket settle invoice list --company acme")
    @Option(help: ArgumentHelp("Only this UTC month.", valueName: "month")) var period: String?
    @Option(help: "Only this company's.") var company: String?
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      var connection = try options.connect(as: .finance)
      SettleInvoice.show(try Invoice.list(period: period, company: company, &connection), json: options.json)
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show an invoice with its lines, as text or as a page.",
      discussion: "EXAMPLE\n  gpumarket settle invoice show INV-000001 --out INV-000001.html")
    @Argument(help: "Its number, such as INV-000001.") var invoice: String
    @Option(
      help: ArgumentHelp("Write it to this file: .html, .pdf (needs Chromium), .json or text.", valueName: "file"))
    var out: String?
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      var connection = try options.connect(as: .finance)
      let document = try InvoiceDocument(number: invoice, &connection)
      let json = JSONText.array([
        .object(SettleInvoice.members(document.invoice) + [.init("lines", document.linesJSON)])
      ])
      if let out {
        return try writeDocument(text: document.text, html: document.html, json: json, asJSON: options.json, to: out)
      }
      options.json ? printJSON(json) : print(document.text, terminator: "")
    }
  }

  /// What JSON says of an invoice, but for its lines.
  fileprivate static func members(_ invoice: Invoice) -> [JSONText.Member] {
    [
      .init("invoice", .string(invoice.number)), .init("company", .string(invoice.company)),
      .init("period", .string(invoice.period)), .init("issued_on_utc", .string(invoice.issuedOn)),
      .init("due_on_utc", .string(invoice.dueOn)), .init("net_usd", .usd(cents: invoice.netCents)),
      .init("tax_rate_ppm", .integer(Int64(invoice.taxRatePPM))),
      .init("tax_usd", .usd(cents: invoice.taxCents)),
      .init("total_usd", .usd(cents: invoice.totalCents)),
      .init("open_usd", .usd(cents: invoice.openCents)),
    ]
  }

  fileprivate static func show(_ invoices: [Invoice], json: Bool) {
    if json { return printJSON(.array(invoices.map { .object(members($0)) })) }
    var table = Table(
      ("invoice", .left), ("company", .left), ("period (UTC)", .left), ("issued (UTC)", .left), ("due (UTC)", .left),
      ("net USD", .right), ("tax", .right), ("tax USD", .right), ("total USD", .right), ("open USD", .right))
    for each in invoices {
      table.add(
        each.number, each.company, each.period, each.issuedOn, each.dueOn, Money(cents: each.netCents).cell(.cents),
        each.taxRateText, Money(cents: each.taxCents).cell(.cents), Money(cents: each.totalCents).cell(.cents),
        Money(cents: each.openCents).cell(.cents))
    }
    print(invoices.isEmpty ? "no invoices" : table.text())
  }
}
