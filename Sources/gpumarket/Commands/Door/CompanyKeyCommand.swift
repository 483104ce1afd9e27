import ArgumentParser
import Files
import Market
import Signing

struct CompanyKeyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key", abstract: "Keys that a company's people sign with: make, register, revoke, list.",
    subcommands: [Make.self, Register.self, Revoke.self, List.self])

  struct Make: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a key pair and print its public half (company).",
      discussion: """
        The file stays with you: whoever has it bids in your name. Give the operator the public half over a way that \
        both of you trust.

        EXAMPLE
          gpumarket company key make acme --file acme.key
        """)
    @Argument(help: "The company's name, as the operator registered it.") var company: String
    @Option(help: ArgumentHelp("Where to put the key; it must not exist yet.", valueName: "file")) var file: String
    @Flag(help: "Print JSON.") var json = false

    func run() throws {
      let key = try CompanyKey.make(company: company, file: file)
      json
        ? printJSON(["company": .string(company), "file": .string(file), "public_key": .string(key.id)])
        : print("made \(file)\npublic half, for the operator: \(key.id)")
    }
  }

  struct Register: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Register the public half of a key (operator).",
      discussion: """
        From then on the company signs all its bids, and sends them through the front door. A member has two keys at \
        most, so that a new one can be brought in before the old one goes.

        EXAMPLE
          gpumarket company key register acme --member alice --public 3b6a27bc…
        """)
    @Argument(help: "The company.") var company: String
    @Option(help: "Whose key it is; the audit log names him.") var member: String
    @Option(name: .customLong("public"), help: ArgumentHelp("The public half, 64 digits.", valueName: "hex"))
    var publicKey: String
    @Flag(help: "It may read and not bid.") var readOnly = false
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      var connection = try options.connect(as: .operator)
      try CompanyKeys.register(publicKey, company: company, member: member, mayBid: !readOnly, &connection)
      options.json
        ? printJSON(["company": .string(company), "member": .string(member), "public_key": .string(publicKey)])
        : print("registered the key of \(member) of \(company)\(readOnly ? ", for reading" : "")")
    }
  }

  struct Revoke: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "End a key at once (operator).",
      discussion: "What it signed before stands.\n\nEXAMPLE\n  gpumarket company key revoke 3b6a27bc…")
    @Argument(help: "The public half, 64 digits.") var publicKey: String
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      var connection = try options.connect(as: .operator)
      try CompanyKeys.revoke(publicKey, &connection)
      options.json ? printJSON(["public_key": .string(publicKey), "revoked": true]) : print("revoked \(publicKey)")
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List keys with their history (operator).", discussion: "EXAMPLE\n  gpumarket company key list acme")
    @Argument(help: "One company only.") var company: String?
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      var connection = try options.connect(as: .operator)
      let keys = try CompanyKeys.list(company: company, &connection)
      guard !options.json else {
        return printJSON(
          .array(
            keys.map { key in
              [
                "company": .string(key.company), "member": .string(key.member), "may_bid": .bool(key.mayBid),
                "public_key": .string(key.publicKey), "vouched_by": key.vouchedBy.map { .string($0) } ?? .null,
                "registered_at": .string(key.registeredAt.iso8601),
                "revoked_at": key.revokedAt.map { .string($0.iso8601) } ?? .null,
              ]
            }))
      }
      if keys.isEmpty { print("no keys; gpumarket company key register brings one in") }
      for key in keys {
        let vouched = key.vouchedBy == nil ? "on the operator's word" : "signed by the key before it"
        let end = key.revokedAt.map { ", revoked \($0.iso8601)" } ?? ""
        print(
          "\(key.publicKey) \(key.company), \(key.member)\(key.mayBid ? "" : ", reads only"), registered "
            + "\(key.registeredAt.iso8601) \(vouched)\(end)")
      }
    }
  }
}
