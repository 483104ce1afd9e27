import ArgumentParser
import Files
import Market
import Units

struct CompanyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "company",
    abstract: "Companies that take part: add, list, credit, cap, quota, key, rotate, revoke, password, verifier.",
    subcommands: [
      Add.self, List.self, Credit.self, Cap.self, CompanyQuota.self, CompanyRotate.self, CompanyRevoke.self,
      CompanyKeyCommand.self, CompanyPassword.self, CompanyVerifier.self,
    ])

  struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Add a company and print its login and password, once (operator).",
      discussion: """
        Hand the password over now: it is stored nowhere. On the private server nobody needs it. With --verifier you never \
        see a password: the company makes its own and sends you what gpumarket company verifier printed.

        EXAMPLES
          gpumarket company add acme --credit 500000
          gpumarket company add acme --credit 500000 --verifier 'SCRAM-SHA-256$4096:…'
        """)
    @Argument(help: "Its name.") var name: String
    @Option(
      help: ArgumentHelp("Credit in US dollars: its open bids and what it owes never exceed this.", valueName: "usd"))
    var credit: String
    @OptionGroup var given: GivenVerifier
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      let credit = try Money(dollars: credit)
      var connection = try options.connect(as: .operator)
      let credential = try Companies.add(&connection, name: name, credit: credit, verifier: given.verifier)
      if options.json {
        printJSON(credential.json(name, .init("credit_usd", .usd(credit))))
      } else {
        print("added company \(name), credit \(credit)\n\(credential.text)")
      }
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the companies (operator), or one company's account.",
      discussion: "EXAMPLES\n  gpumarket company list\n  gpumarket company list --as acme")
    @Flag(help: "Your own account, by your own login on a shared server.") var mine = false
    @OptionGroup var acting: ActingCompany
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      if mine || acting.company != nil {
        var connection = try options.connect(as: .company(acting.company))
        let account = try Companies.account(&connection)
        if options.json {
          printJSON([
            "company": .string(account.company), "credit_usd": .usd(account.credit),
            "exposure_usd": .usd(account.exposure), "owed_usd": .usd(account.owed),
            "caps": .object(account.caps.map { .init($0.pool, .integer(Int64($0.gpus))) }),
          ])
        } else {
          print(
            "\(account.company): credit \(account.credit), exposure \(account.exposure), of it owed \(account.owed)")
          for cap in account.caps { print("  at most \(cap.gpus) GPUs of \(cap.pool) in any slot") }
        }
        return
      }
      var connection = try options.connect(as: .operator)
      let companies = try Companies.list(&connection)
      if options.json {
        printJSON(
          .array(
            companies.map { company in
              [
                "company": .string(company.name), "login": .string(company.login),
                "credit_usd": .usd(company.credit),
                "caps": .object(company.caps.map { .init($0.pool, .integer(Int64($0.gpus))) }),
                "revoked": .bool(company.revoked),
              ]
            }))
        return
      }
      var table = Table(("company", .left), ("credit USD", .right), ("caps GPUs", .left), ("login", .left))
      for company in companies {
        table.add(
          company.name + (company.revoked ? " (revoked)" : ""), company.credit.cell(.cents),
          company.caps.map { "\($0.pool) \($0.gpus)" }.joined(separator: ", "), company.login)
      }
      print(companies.isEmpty ? "no companies yet; gpumarket company add makes one" : table.text())
    }
  }

  struct Credit: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Set a company's credit (operator).", discussion: "EXAMPLE\n  gpumarket company credit acme 750000")
    @Argument(help: "The company.") var name: String
    @Argument(help: "US dollars.") var usd: String
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      let credit = try Money(dollars: usd)
      var connection = try options.connect(as: .operator)
      try Companies.setCredit(&connection, company: name, to: credit)
      if options.json {
        printJSON(["company": .string(name), "credit_usd": .usd(credit)])
      } else {
        print("credit of \(name) is now \(credit)")
      }
    }
  }

  struct Cap: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Limit the GPUs of a pool that a company may hold at a time (operator).",
      discussion:
        "EXAMPLES\n  gpumarket company cap acme --pool h100-us --gpus 128\n  gpumarket company cap acme --pool h100-us --none"
    )
    @Argument(help: "The company.") var name: String
    @Option(help: "The pool.") var pool: String
    @Option(help: "The most GPUs in any slot.") var gpus: Int?
    @Flag(help: "Remove the cap.") var none = false
    @OptionGroup var options: DatabaseOptions

    func validate() throws {
      guard (gpus == nil) == none else { throw ValidationError("give --gpus N, or --none to remove the cap") }
    }

    func run() throws {
      if let gpus { try checked(gpus, in: 0...mostGPUs, "--gpus") }
      var connection = try options.connect(as: .operator)
      try Companies.setCap(&connection, company: name, pool: pool, gpus: gpus)
      if options.json {
        printJSON(["company": .string(name), "pool": .string(pool), "gpus": gpus.map { .integer(Int64($0)) } ?? .null])
      } else {
        print(
          gpus.map { "\(name) may hold at most \($0) GPUs of \(pool) in any slot" } ?? "\(name) has no cap in \(pool)")
      }
    }
  }
}
