import ArgumentParser
import Clearing
import Files
import Market
import Postgres
import Units

struct RoundCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "round", abstract: "Auction rounds: open, list, show, prices, close, cancel.",
    subcommands: [Open.self, List.self, Show.self, RoundPricesCommand.self, Close.self, Cancel.self])

  struct Open: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Open a round for bids (operator).",
      discussion: """
        A round takes its capacity from the pools when it opens. What it does not award returns when it is published or \
        cancelled.

        EXAMPLE
          gpumarket round open --delivery 2026-12-07T00:00Z/P7D --gate 2026-12-06T12:00Z --pricing vcg
        """)
    @Option(
      help: ArgumentHelp(
        "When the GPUs are delivered: START/END or START/DURATION, with a time zone.", valueName: "period"))
    var delivery: String
    @Option(help: ArgumentHelp("When bidding ends, with a time zone.", valueName: "instant")) var gate: String
    @Option(help: "How winners pay: \(choice(of: PricingRule.ofRounds)).") var pricing: String
    @Option(help: ArgumentHelp("Its name (default: the first day of delivery).", valueName: "name")) var name: String?
    @Option(name: .customLong("pool"), help: "A pool to offer; may be repeated (default: all).") var pools: [String] =
      []
    @Option(help: "How hard to look for the best allocation: quick, standard, thorough or a number of work units.")
    var effort = "standard"
    @Flag(help: "Encrypt bids to the clearing host's key: nobody can read them before the gate.")
    var encrypted = false
    @OptionGroup var host: HostOptions
    @OptionGroup var options: DatabaseOptions

    func validate() throws {
      guard host.statements == nil else {
        throw ValidationError("leave out --statements: this command writes none")
      }
      guard encrypted || host.key == nil else {
        throw ValidationError(
          "--key is for encrypted rounds: add --encrypted, or leave out --key")
      }
    }

    func run() throws {
      if host.key != nil, case .named = try options.resolve() {
        throw Failure(
          .usage, "--key is for the private server: on this server the clearing host signs",
          advice: "leave it out; on the clearing host give it to gpumarket clear --due if its key lies elsewhere")
      }
      let delivery = try TimeRange(iso8601: delivery)
      let gate = try Instant(iso8601: gate)
      _ = try readEffort(effort)
      var connection = try options.connect(as: .operator)
      // Both or neither: between the two a bid could come in that is not sealed, and then the round is never encrypted.
      let name = try connection.transaction { (connection: inout Connection) throws -> String in
        let opened = try Rounds.open(
          &connection, name: self.name, delivery: delivery, gate: gate, pricing: pricing, effort: effort,
          pools: pools.isEmpty ? nil : pools)
        if encrypted { try Rounds.encrypt(opened, &connection) }
        return opened
      }
      if encrypted { try announceKey() }
      try show(try Rounds.named(name, &connection), try Rounds.pools(of: name, &connection), json: options.json)
    }

    /// On the private server this is the clearing host too; elsewhere the next `clear --due` announces the key.
    private func announceKey() throws {
      guard case .privateServer = try options.resolve() else {
        printError(
          "the clearing host announces the round's key with its next clear --due; bids can be placed from then on")
        return
      }
      var clearing = try options.connect(as: .clearing)
      _ = try host.open().announceKeys(&clearing)
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the rounds.", discussion: "EXAMPLE\n  gpumarket round list")
    @OptionGroup var acting: ActingCompany
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      var connection = try options.connect(as: acting.company == nil ? .operator : .company(acting.company))
      let rounds = try Rounds.list(&connection)
      if options.json {
        printJSON(.array(rounds.map(\.json)))
        return
      }
      var table = Table(
        ("round", .left), ("state", .left), ("delivery (UTC)", .left), ("gate (UTC)", .left), ("pricing", .left))
      for round in rounds {
        table.add(round.name, round.state.rawValue, "\(round.delivery)", "\(round.gate)", round.pricing)
      }
      print(rounds.isEmpty ? "no rounds yet; gpumarket round open makes one" : table.text())
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show what a round offers and, once it is published, its result.",
      discussion: "EXAMPLE\n  gpumarket round show 2026-12-07")
    @Argument(help: "The round.") var name: String
    @OptionGroup var acting: ActingCompany
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      var connection = try options.connect(as: acting.company == nil ? .operator : .company(acting.company))
      let round = try Rounds.named(name, &connection)
      if round.state == .published {
        let report = try RoundFigures(round, &connection, withCompanies: acting.company == nil)
        options.json ? printJSON(report.json) : print(report.text)
      } else {
        try show(round, try Rounds.pools(of: name, &connection), json: options.json)
      }
    }
  }

  struct Close: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Close a round's gate now and seal its book (operator).",
      discussion:
        """
        You cannot undo this. You rarely need it: clear --due closes rounds after their gate. An encrypted round that you \
        close early still waits for its gate before its bids are opened and cleared.

        EXAMPLE
          gpumarket round close 2026-12-07 --yes
        """
    )
    @Argument(help: "The round.") var name: String
    @Flag(help: "Do not ask for confirmation.") var yes = false
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      var connection = try options.connect(as: .operator)
      let round = try Rounds.named(name, &connection)
      if round.state == .open, round.serverTime < round.gate {
        if try EncryptionAnnouncement(name, &connection).isEncrypted {
          printError("round \(name) is encrypted: closed now, it is opened and cleared at its gate all the same")
        }
        try confirm("Close round \(name) now, before its gate at \(round.gate)?", yes: yes)
      }
      let outcome = try Rounds.close(name, &connection)
      options.json
        ? printJSON(["round": .string(name), "outcome": .string(outcome)]) : print("round \(name): \(outcome)")
    }
  }

  struct Cancel: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Cancel a round: nothing is awarded and its capacity returns (operator).",
      discussion:
        "If the round was published, its postings are reversed.\n\nEXAMPLE\n  gpumarket round cancel 2026-12-07 --reason 'cluster moves' --yes"
    )
    @Argument(help: "The round.") var name: String
    @Option(help: "Why; bidders read it.") var reason: String
    @Flag(help: "Do not ask for confirmation.") var yes = false
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      var connection = try options.connect(as: .operator)
      let round = try Rounds.named(name, &connection)
      try confirm("Cancel round \(name), which is \(round.state.rawValue)?", yes: yes)
      let outcome = try Rounds.cancel(name, reason: reason, &connection)
      options.json
        ? printJSON(["round": .string(name), "outcome": .string(outcome)]) : print("round \(name): \(outcome)")
    }
  }

  static func show(_ round: Round, _ pools: [OfferedPool], json: Bool) throws {
    if json {
      var members: [JSONText.Member] = []
      if case .object(let own) = round.json { members = own }
      members.append(
        .init(
          "pools",
          .array(
            pools.map { pool in
              [
                "pool": .string(pool.name), "lot": .integer(Int64(pool.lotGPUs)),
                "reserve_usd_per_gpu_hour": .usd(pool.reserve),
                "gpus_by_slot": .array(pool.capacityGPUs.map { .integer(Int64($0)) }),
              ]
            })))
      printJSON(.object(members))
      return
    }
    print("round     \(round.name), \(round.state.rawValue)\(round.cancelReason.map { ": \($0)" } ?? "")")
    print("delivery  \(round.delivery), \(round.slotCount) slots of \(round.slotLength.minutes) minutes")
    print("gate      \(round.gate); it is \(round.serverTime.iso8601ToSecond) by the server's clock")
    print("pricing   \(round.pricing), effort \(round.effort)")
    var table = Table(("pool", .left), ("GPUs", .right), ("lot", .right), ("reserve USD/GPU-hour", .right))
    for pool in pools {
      let (low, high) = (pool.capacityGPUs.min() ?? 0, pool.capacityGPUs.max() ?? 0)
      table.add(
        pool.name, low == high ? "\(high)" : "\(low) to \(high)", "\(pool.lotGPUs)", pool.reserve.cell)
    }
    print(table.text())
  }
}

private func show(_ round: Round, _ pools: [OfferedPool], json: Bool) throws {
  try RoundCommand.show(round, pools, json: json)
}

extension Round {
  var json: JSONText {
    [
      "round": .string(name), "state": .string(state.rawValue), "delivery_start": .string(delivery.start.iso8601),
      "delivery_end": .string(delivery.end.iso8601), "gate": .string(gate.iso8601), "pricing": .string(pricing),
      "effort": .string(effort), "slot_minutes": .integer(Int64(slotLength.minutes)), "simulated": .bool(isSimulated),
      "cancel_reason": cancelReason.map { .string($0) } ?? .null, "server_time": .string(serverTime.iso8601),
    ]
  }
}
