import ArgumentParser
import Files
import Foundation
import Market
import Postgres

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Check a receipt, or a whole published round, without trusting the database.",
    discussion: """
      A company checks its receipts with --receipt: the bid that was cleared is the bid in the receipt. With --statement it \
      also checks that the round still offers what it offered at its gate.

      The auditor checks a whole round with --round, or without a database with --offline. All is computed again from the \
      bids: hashes, order and root, awards, the bound, payments (by solving again) and postings. The answer is pass, or what \
      is wrong with which entry.

      EXAMPLES
        gpumarket verify --receipt receipt.json --statement 2026-12-07.json --clearing-key "$KEY" --as acme
        gpumarket verify --round 2026-12-07
        gpumarket verify export --round 2026-12-07 bundle.json
        gpumarket verify --offline bundle.json --statement 2026-12-07.json --clearing-key "$KEY"
      """, subcommands: [VerifyCheck.self, VerifyExport.self, VerifyKey.self],
    defaultSubcommand: VerifyCheck.self)
}

struct VerifyCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Check a receipt, a published round or an exported bundle (the default).",
    discussion: "EXAMPLE\n  gpumarket verify check --offline bundle.json")

  @Option(help: ArgumentHelp("A receipt that a bid command wrote.", valueName: "file")) var receipt: String?
  @Option(help: "A published round.") var round: String?
  @Option(help: ArgumentHelp("A bundle that verify export wrote.", valueName: "file")) var offline: String?
  @Option(help: ArgumentHelp("The clearing host's closing statement, to compare with.", valueName: "file"))
  var statement: String?
  @Option(help: ArgumentHelp("The clearing host's public key: it must have signed the statement.", valueName: "hex"))
  var clearingKey: String?
  @OptionGroup var acting: ActingCompany
  @OptionGroup var options: DatabaseOptions

  func validate() throws {
    guard [receipt, round, offline].compactMap({ $0 }).count == 1 else {
      throw ValidationError("give one of --receipt, --round and --offline")
    }
    guard receipt == nil || clearingKey == nil || statement != nil else {
      throw ValidationError(
        "--clearing-key says who must have signed the closing statement: give that too, with --statement FILE")
    }
  }

  func run() throws {
    let statement = try statement.map { try Statement(json: readFile($0), source: $0) }
    if let receipt { return try verifyReceipts(receipt, statement) }
    let bundle: VerifyBundle
    if let offline {
      bundle = try VerifyBundle(json: readFile(offline, limit: 1 << 30), source: offline)
    } else {
      var connection = try options.connect(as: .auditor)
      bundle = try VerifyBundle.load(round ?? "", &connection)
    }
    var verification = VerifyRound(bundle)
    verification.statement = statement
    verification.pinnedKey = clearingKey
    let findings = verification.findings { showProgress("checking: \($0)") }
    endProgress()
    let problems = findings.flatMap(\.problems)
    // Only a statement and the announcement of an encrypted round's key are signed.
    let keyIsUsed = statement != nil || bundle.encryption != nil
    if options.json {
      printJSON([
        "round": .string(bundle.round.name), "passed": .bool(problems.isEmpty),
        "clearing_key_used": clearingKey == nil ? .null : .bool(keyIsUsed),
        "checks": .array(
          findings.map { ["check": .string($0.check), "problems": .array($0.problems.map { .string($0) })] }),
      ])
    } else {
      print(
        "round \(bundle.round.name): \(bundle.entries.count) entries, \(bundle.awards.count) awards, root \(bundle.merkleRoot)"
      )
      for finding in findings {
        print("  \(finding.problems.isEmpty ? "pass" : "FAIL")  \(finding.check)")
        for problem in finding.problems.prefix(20) { print("        \(problem)") }
        if finding.problems.count > 20 { print("        and \(finding.problems.count - 20) more") }
      }
      print(problems.isEmpty ? "pass" : "FAIL")
      if clearingKey != nil, !keyIsUsed {
        printError(
          "the clearing key was not used: this round has nothing that it signed; give --statement FILE to compare with")
      }
      sayUnpinned(statement)
    }
    if !problems.isEmpty { throw ExitCode(ExitStatus.failed.rawValue) }
  }

  /// A signature says something only to whoever knows whose it must be.
  private func sayUnpinned(_ statement: Statement?) {
    guard let statement, clearingKey == nil else { return }
    printError(
      "the statement is signed by \(hexadecimal(statement.publicKey)): give --clearing-key with the key that you were told, "
        + "for anybody can sign one")
  }

  private func verifyReceipts(_ file: String, _ statement: Statement?) throws {
    var connection = try options.connect(as: .company(acting.company))
    var failed = false
    var reports: [JSONText] = []
    // Of the statement's one round, so asked once.
    var offerProblems: [String]?
    for receipt in try Receipt.read(readFile(file), source: file) {
      var problems: [String] = []
      var isHead: Bool?
      do {
        let proof = try SealProof(hash: receipt.hash, &connection)
        problems = proof.problems(of: receipt, statement: statement, pinnedKey: clearingKey)
        if let statement, statement.round == proof.round {
          if offerProblems == nil {
            offerProblems = statement.problems(offer: try Terms.offer(of: statement.round, &connection))
          }
          problems += offerProblems ?? []
        }
        isHead = proof.isHead
      } catch let error as PostgresError where error.sqlState == "GM404" || error.sqlState == "GM500" {
        problems = [error.message]
      }
      failed = failed || !problems.isEmpty
      if options.json {
        reports.append([
          "bid": .string(receipt.bid), "hash": .string(receipt.hash), "passed": .bool(problems.isEmpty),
          "standing": isHead.map { .string($0 ? "cleared" : "replaced") } ?? .null,
          "problems": .array(problems.map { .string($0) }),
        ])
      } else {
        let standing = isHead == true ? "it is what was cleared" : "a later entry of the bid took its place"
        print(
          "bid \(receipt.bid) in round \(receipt.round), accepted \(receipt.acceptedAt): \(problems.isEmpty ? "pass" : "FAIL")"
        )
        if problems.isEmpty { print("  the entry is in the sealed book, unchanged; \(standing)") }
        for problem in problems { print("  \(problem)") }
      }
    }
    if options.json { printJSON(.array(reports)) }
    if statement == nil, !options.json {
      printError("give --statement FILE to compare the book's root with what the clearing host signed")
    }
    if !options.json { sayUnpinned(statement) }
    if failed { throw ExitCode(ExitStatus.failed.rawValue) }
  }
}

struct VerifyExport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write a published round to a file, to check it without a database (auditor).",
    discussion: "EXAMPLE\n  gpumarket verify export --round 2026-12-07 bundle.json")
  @Option(help: "The round.") var round: String
  @Argument(help: "The file.") var file: String
  @OptionGroup var options: DatabaseOptions

  func run() throws {
    var connection = try options.connect(as: .auditor)
    let bundle = try VerifyBundle.load(round, &connection)
    try writeAtomically(file, bundle.text)
    options.json
      ? printJSON(["round": .string(round), "file": .string(file), "entries": .integer(Int64(bundle.entries.count))])
      : print("wrote \(bundle.entries.count) entries and \(bundle.awards.count) awards of round \(round) to \(file)")
  }
}

struct VerifyKey: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key", abstract: "Print this clearing host's public key, for the companies.",
    discussion: "EXAMPLE\n  gpumarket verify key")
  @OptionGroup var host: HostOptions
  @Flag(help: "Print JSON.") var json = false

  func validate() throws {
    guard host.statements == nil else {
      throw ValidationError("leave out --statements: this command writes none")
    }
  }

  func run() throws {
    let found = try host.open().key
    let key = hexadecimal(found.publicKey)
    // Asked on another machine, or as another user, it is not the key that signs.
    if found.isNew { printError("there was no key here, so one was made: is this the clearing host, and its user?") }
    json ? printJSON(["public_key": .string(key)]) : print(key)
  }
}

/// Where the clearing host keeps its key and its statements.
struct HostOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The clearing host's key file (default: clearing.key in the private server's folder).", valueName: "file"))
  var key: String?
  @Option(
    help: ArgumentHelp(
      "Folder for signed closing statements (default: statements in the private server's folder).", valueName: "folder")
  )
  var statements: String?

  func open() throws -> StatementHost {
    let home = try PrivateServer(environment: ProcessInfo.processInfo.environment).home
    return try StatementHost(home: home, keyFile: key, statements: statements)
  }
}

func hexadecimal(_ bytes: [UInt8]) -> String { bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
