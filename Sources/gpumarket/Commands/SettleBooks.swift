import ArgumentParser
import Files
import Postgres
import Settlement
import Units

struct SettleBalances: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "balances", abstract: "Balances of accounts, or totals by company, pool, round or period.",
    discussion: "EXAMPLES\n  gpumarket settle balances\n  gpumarket settle balances --by company")
  @Option(help: "company, pool, round or period.") var by: String?
  @OptionGroup var options: DatabaseOptions

  func run() throws {
    var connection = try options.connect(as: .finance)
    guard let by else {
      let balances = try Books.balances(&connection)
      if options.json {
        return printJSON(
          .array(
            balances.map {
              ["account": .string($0.account), "balance_usd": .string(Money(cents: $0.cents).dollars)]
            }))
      }
      var table = Table(("account", .left), ("debit USD", .right), ("credit USD", .right))
      for each in balances {
        table.add(
          each.account, each.cents > 0 ? Money(cents: each.cents).dollars : "",
          each.cents < 0 ? Money(cents: -each.cents).dollars : "")
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
              "charged_usd": .string(Money(cents: $0.chargedCents).dollars),
              "credited_usd": .string(Money(cents: $0.creditedCents).dollars),
              "tax_usd": .string(Money(cents: $0.taxCents).dollars),
              "paid_usd": .string(Money(cents: $0.paidCents).dollars),
            ]
          }))
    }
    var table = Table(
      (by, .left), ("awards", .right), ("charged USD", .right), ("credited USD", .right), ("tax USD", .right),
      ("paid USD", .right))
    for each in totals {
      table.add(
        each.name, grouped(each.awards), Money(cents: each.chargedCents).dollars,
        Money(cents: each.creditedCents).dollars, Money(cents: each.taxCents).dollars,
        Money(cents: each.paidCents).dollars)
    }
    print(totals.isEmpty ? "the ledger is empty" : table.text())
  }
}

struct SettleCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Prove the ledger, or an exported file; exit code 1 where something is wrong.",
    discussion: """
      Without a file: balances, the chain of hashes, awards and certificate against postings, control totals, \
      invoices, closed periods. With one: its checksums, control totals and arithmetic, without a database.

      EXAMPLES
        gpumarket settle check
        gpumarket settle check settlement.csv
      """)
  @Argument(help: "An exported file.") var file: String?
  @OptionGroup var options: DatabaseOptions

  func run() throws {
    let problems: [String]
    if let file {
      let check = try ExportCheck(path: file)
      problems = check.problems
      if !options.json { print("\(file): " + check.checked.joined(separator: "; ")) }
    } else {
      var connection = try options.connect(as: .finance)
      problems = try Books.problems(&connection).map { "\($0.0): \($0.1)" }
      if !options.json { try printControls(&connection) }
    }
    if options.json {
      printJSON(["ok": .bool(problems.isEmpty), "problems": .array(problems.map { .string($0) })])
    }
    guard problems.isEmpty else {
      throw Failure(
        .failed, problems.joined(separator: "\n"), advice: "do not bill from this; find out what changed it")
    }
    if !options.json { print("all agrees") }
  }

  private func printControls(_ connection: inout Connection) throws {
    var table = Table(
      ("round", .left), ("awards", .right), ("exact USD", .right), ("posted USD", .right), ("difference USD", .right))
    for each in try Books.roundControls(round: nil, &connection) {
      table.add(
        each.round, grouped(each.awards), each.exact.dollars, Money(cents: each.postedCents).dollars,
        each.difference.dollars)
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
