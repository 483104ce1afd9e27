import ArgumentParser
import Files
import Postgres
import Settlement
import Units

struct SettleBalances: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "balances", abstract: "Show balances of accounts, or totals by company, pool, round or period.",
    discussion: "EXAMPLES\n  gpumarket settle balances\n  gpumarket settle balances --by company")
  @Option(help: "Totals by company, pool, round or period.") var by: String?
  @OptionGroup var options: DatabaseOptions

  func run() throws {
    var connection = try options.connect(as: .finance)
    guard let by else {
      let balances = try Books.balances(&connection)
      if options.json {
        return printJSON(
          .array(
            balances.map {
              ["account": .string($0.account), "balance_usd": .usd(cents: $0.cents)]
            }))
      }
      var table = Table(("account", .left), ("debit USD", .right), ("credit USD", .right))
      for each in balances {
        table.add(
          each.account, each.cents > 0 ? Money(cents: each.cents).cell(.cents) : "",
          each.cents < 0 ? Money(cents: -each.cents).cell(.cents) : "")
      }
      return print(balances.isEmpty ? "the ledger is empty" : table.text())
    }
    guard let grouping = Books.Grouping(rawValue: by) else {
      throw Failure(
        .usage, "totals go by company, pool, round or period, not by \"\(by)\"", advice: "choose one of them")
    }
    let totals = try Books.totals(by: grouping, &connection)
    if options.json {
      return printJSON(
        .array(
          totals.map {
            [
              "name": .string($0.name), "awards": .integer(Int64($0.awards)),
              "charged_usd": .usd(cents: $0.chargedCents),
              "credited_usd": .usd(cents: $0.creditedCents),
              "tax_usd": .usd(cents: $0.taxCents),
              "paid_usd": .usd(cents: $0.paidCents),
            ]
          }))
    }
    var table = Table(
      (by, .left), ("awards", .right), ("charged USD", .right), ("credited USD", .right), ("tax USD", .right),
      ("paid USD", .right))
    for each in totals {
      table.add(
        each.name, grouped(each.awards), Money(cents: each.chargedCents).cell(.cents),
        Money(cents: each.creditedCents).cell(.cents), Money(cents: each.taxCents).cell(.cents),
        Money(cents: each.paidCents).cell(.cents))
    }
    print(totals.isEmpty ? "the ledger is empty" : table.text())
  }
}

struct SettleCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Check the ledger, or an exported file.",
    discussion: """
      Without a file it checks the ledger: balances, the chain of hashes, awards against postings, control totals, invoices \
      and closed periods. With a file it checks checksums, control totals and arithmetic, and needs no database. Of a \
      file for hledger or beancount it checks only the checksums, because those programs check the rest. If something is \
      wrong it prints it and ends with exit code 1.

      EXAMPLES
        gpumarket settle check
        gpumarket settle check settlement.csv
      """)
  @Argument(help: "An exported file.") var file: String?
  @OptionGroup var options: DatabaseOptions

  func run() throws {
    let problems: [String]
    var agrees = "all agrees"
    let said: [JSONText.Member]
    if let file {
      let check = try ExportCheck(path: file)
      problems = check.problems
      said = [
        .init("checked", .array(check.checked.map { .string($0) })),
        .init("not_checked", check.notChecked.map { .string($0) } ?? .null),
      ]
      if let rest = check.notChecked { agrees = "that agrees; not checked here: \(rest)" }
      if !options.json { print("\(file): " + check.checked.joined(separator: "; ")) }
    } else {
      var connection = try options.connect(as: .finance)
      problems = try Books.problems(&connection).map { "\($0.0): \($0.1)" }
      let controls = try Books.roundControls(round: nil, &connection)
      said = [.init("rounds", .array(controls.map { json($0) }))]
      if !options.json { show(controls) }
    }
    if options.json {
      let outcome: [JSONText.Member] = [
        .init("ok", .bool(problems.isEmpty)), .init("problems", .array(problems.map { .string($0) })),
      ]
      printJSON(.object(outcome + said))
    }
    guard problems.isEmpty else {
      throw Failure(
        .failed, problems.joined(separator: "\n"), advice: "do not bill from this; find out what changed it")
    }
    if !options.json { print(agrees) }
  }

  private func json(_ control: Books.RoundControl) -> JSONText {
    [
      "round": .string(control.round), "awards": .integer(Int64(control.awards)),
      "award_payments_exact_usd": .usd(control.exact),
      "award_payments_posted_usd": .usd(cents: control.postedCents),
      "rounding_difference_usd": .usd(control.difference),
    ]
  }

  private func show(_ controls: [Books.RoundControl]) {
    var table = Table(
      ("round", .left), ("awards", .right), ("exact USD", .right), ("posted USD", .right), ("difference USD", .right))
    for each in controls {
      table.add(
        each.round, grouped(each.awards), each.exact.cell(.exact), Money(cents: each.postedCents).cell(.cents),
        each.difference.cell(.exact))
    }
    if !table.isEmpty { print(table.text()) }
  }
}

struct SettleAccounts: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "accounts", abstract: "Print the built-in account mapping, to start your own from.",
    discussion: "EXAMPLE\n  gpumarket settle accounts > accounts.csv")
  @Flag(help: "Print JSON; --accounts takes the CSV.") var json = false

  func run() { json ? printJSON(AccountMap.templateJSON) : print(AccountMap.template, terminator: "") }
}
