import ArgumentParser
import Files
import Market

struct CompanyRotate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate", abstract: "Give a company a new password, shown once; the old one ends (operator).",
    discussion: """
      A company that lost its password can make a new one itself with gpumarket company verifier, and send you the \
      verifier for --verifier.

      EXAMPLE
        gpumarket company rotate acme --yes
      """)
  @Argument(help: "The company.") var name: String
  @OptionGroup var given: GivenVerifier
  @Flag(help: "Do not ask for confirmation.") var yes = false
  @OptionGroup var options: DatabaseOptions

  func run() throws {
    try confirm("End the credential and the sessions of \(name)?", yes: yes)
    var connection = try options.connect(as: .operator)
    let credential = try Companies.rotate(&connection, company: name, verifier: given.verifier)
    if options.json {
      printJSON(credential.json(name))
    } else {
      print(credential.text)
    }
  }
}

struct CompanyRevoke: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "End a company's access at once (operator).",
    discussion:
      "Its open bids stay in their rounds.\n\nEXAMPLE\n  gpumarket company revoke acme --reason 'left the fund' --yes"
  )
  @Argument(help: "The company.") var name: String
  @Option(help: "The reason; the audit log keeps it.") var reason: String
  @Flag(help: "Do not ask for confirmation.") var yes = false
  @OptionGroup var options: DatabaseOptions

  func run() throws {
    try confirm("End all access of \(name)?", yes: yes)
    var connection = try options.connect(as: .operator)
    try Companies.revoke(&connection, company: name, reason: reason)
    options.json
      ? printJSON(["company": .string(name), "revoked": .bool(true)])
      : print("revoked \(name); its open bids stand, if it has any")
  }
}

struct CompanyQuota: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quota", abstract: "Set how many entries a company may make in one round (operator).",
    discussion:
      "Bids, amendments and withdrawals count. A company that used up its quota can still withdraw.\n\nEXAMPLE\n  gpumarket company quota acme 5000"
  )
  @Argument(help: "The company.") var name: String
  @Argument(help: "Entries in one round.") var entries: Int
  @OptionGroup var options: DatabaseOptions

  func run() throws {
    try checked(entries, in: 1...1_000_000, "a quota of")
    var connection = try options.connect(as: .operator)
    try Companies.setQuota(&connection, company: name, entries: entries)
    options.json
      ? printJSON(["company": .string(name), "entries": .integer(Int64(entries))])
      : print("\(name) may make \(grouped(entries)) entries in one round")
  }
}
