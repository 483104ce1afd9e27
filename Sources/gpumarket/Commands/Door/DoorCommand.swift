import ArgumentParser
import DoorClient
import Files
import Market
import Signing

struct DoorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "door", abstract: "Speak to a market's front door: ask, place, amend, withdraw.",
    subcommands: [Ask.self, Place.self, Amend.self, Withdraw.self])

  /// Which market, and who asks.
  struct Options: ParsableArguments {
    @Option(help: ArgumentHelp("The market's address, such as https://market.example.", valueName: "url"))
    var at: String
    @Option(
      name: .customLong("key-file"), help: ArgumentHelp("Your key (gpumarket company key make).", valueName: "file"))
    var keyFile: String
    @Option(
      help: ArgumentHelp("Certificates that vouch for the market, in place of the system's (PEM).", valueName: "file"))
    var authorities: String?
    @Flag(help: "Print JSON.") var json = false

    func client() throws -> DoorClient {
      try DoorClient(market: at, key: CompanyKey(file: keyFile), authorities: authorities)
    }

    /// Signs one wish, sends it, and prints the receipts.
    func enter(_ wish: DoorClient.Wish, round: String) throws {
      let client = try client()
      let market = try client.ask("GET", "/v1/account").at("market").string()
      let terms = try client.ask("GET", "/v1/rounds/\(DoorClient.escaped(round))").at("terms").string()
      let answer = try client.enter([wish], round: round, market: market, terms: terms)
      let receipts = try answer.at("receipts")
      guard !json else { return printJSON(receipts.text) }
      for receipt in try receipts.elements() {
        print(
          "\(try receipt.at("kind").string()) \(try receipt.at("bid").string()) in round \(round) at "
            + "\(try receipt.at("accepted_at").string())\n  receipt \(try receipt.at("hash").string())")
      }
    }
  }

  /// Of a bid that is sent.
  struct Writing: ParsableArguments {
    @Option(help: "The round.") var round: String
    @Option(help: ArgumentHelp("Idempotency key of an earlier try, to repeat it safely.", valueName: "key")) var key:
      String?
    @OptionGroup var options: Options

    var keyOrNew: String {
      let key = key ?? newIdempotencyKey()
      printError("key \(key)")
      return key
    }
  }

  struct Ask: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Sign a question and print the answer, which is JSON.",
      discussion:
        "EXAMPLE\n  gpumarket door ask /v1/rounds --at https://market.example --key-file acme.key")
    @Argument(help: "Path and query, percent-encoded (docs/openapi.json).") var path: String
    @OptionGroup var options: Options

    func run() throws {
      let halves = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      printJSON(try options.client().ask("GET", halves[0], query: halves.count > 1 ? halves[1] : "").text)
    }
  }

  struct Place: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Place a bid given as JSON.",
      discussion:
        "EXAMPLE\n  gpumarket door place --round 2026-12-07 --body - \\\n    --at https://market.example --key-file acme.key"
    )
    @Option(help: "The bid as JSON; - reads standard input.") var body: String
    @Option(help: "A bid of yours without which this one must not win.") var parent: String?
    @OptionGroup var writing: Writing

    func run() throws {
      try writing.options.enter(
        .init(kind: "place", parent: parent, key: writing.keyOrNew, body: try text(body)), round: writing.round)
    }
  }

  struct Amend: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Replace a bid by another, given as JSON.",
      discussion: """
        EXAMPLE
          gpumarket door amend b_52034b… --round 2026-12-07 --body - \\
            --at https://market.example --key-file acme.key
        """)
    @Argument(help: "The bid.") var bid: String
    @Option(help: "The bid as JSON; - reads standard input.") var body: String
    @Option(help: "A bid of yours without which this one must not win.") var parent: String?
    @OptionGroup var writing: Writing

    func run() throws {
      try writing.options.enter(
        .init(kind: "amend", bid: bid, parent: parent, key: writing.keyOrNew, body: try text(body)),
        round: writing.round)
    }
  }

  struct Withdraw: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Withdraw a bid that no other of yours hangs on.",
      discussion: """
        EXAMPLE
          gpumarket door withdraw b_52034b… --round 2026-12-07 \\
            --at https://market.example --key-file acme.key
        """)
    @Argument(help: "The bid.") var bid: String
    @OptionGroup var writing: Writing

    func run() throws {
      try writing.options.enter(.init(kind: "withdraw", bid: bid, key: writing.keyOrNew), round: writing.round)
    }
  }

  private static func text(_ body: String) throws -> String {
    guard body == "-" else { return body }
    let text = String(decoding: try readFile("-"), as: UTF8.self)
    return text.hasSuffix("\n") ? String(text.dropLast()) : text
  }
}
