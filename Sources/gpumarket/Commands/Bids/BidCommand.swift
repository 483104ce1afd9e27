import ArgumentParser
import Files
import Market
import Postgres
import Units

struct BidCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bid", abstract: "A company's bids: block, curve, import, list, show, amend, withdraw.",
    subcommands: [Block.self, Curve.self, BidImport.self, List.self, Show.self, BidAmend.self, Withdraw.self])

  /// What each command that writes takes.
  struct WriteOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The round.", valueName: "round")) var round: String
    @Flag(help: "Do not ask for confirmation.") var yes = false
    @Flag(help: "Let the database check the request, but send nothing.") var dryRun = false
    @Option(help: ArgumentHelp("The key of an earlier try: the request is then done only once.", valueName: "key"))
    var key: String?
    @Option(help: ArgumentHelp("Also write the receipt to this file.", valueName: "file")) var receipt: String?
    @OptionGroup var sealing: EncryptedBidding
    @OptionGroup var acting: ActingCompany
    @OptionGroup var options: DatabaseOptions

    func connect() throws -> Connection { try options.connect(as: .company(acting.company)) }

    func openRound() throws -> Round {
      var connection = try connect()
      return try Rounds.named(round, &connection)
    }

    /// How bids go in a round: in clear, or sealed.
    func way(in round: Round) throws -> BidWay {
      var connection = try connect()
      return try sealing.way(in: round, options, &connection)
    }

    /// Holds a bid that is to be sealed to the round's rules: the door cannot, and at its opening it is too late.
    func check(_ bid: Bid, by way: BidWay) throws {
      guard way.box != nil else { return }
      var connection = try connect()
      let pools = try Rounds.pools(of: way.round.name, &connection)
      let caps = try caps(&connection)
      try BidRules(round: way.round, pools: pools, caps: caps).check(bid)
    }

    /// The company's caps; none where the request may repeat one that was accepted before they fell.
    func caps(_ connection: inout Connection) throws -> [(pool: String, gpus: Int)] {
      try key == nil ? Companies.account(&connection).caps : []
    }

    /// Previews, asks, sends, prints the receipts, keeps them in the file that is asked for.
    ///
    /// - Parameter way: nil where no bid is sent.
    func send(
      preview: String, by way: BidWay?, verb: String, _ body: (String, inout Connection) throws -> [Receipt]
    ) throws {
      let key = key ?? newIdempotencyKey()
      // Whoever is asked sees what about.
      if !options.json || dryRun || !yes {
        printError(preview + (way.map { "\n\($0.said)" } ?? ""))
      } else if let way, way.isWarning {
        printError(way.said)
      }
      if dryRun { return try rehearse(key: key, body) }
      try confirm("Send it?", yes: yes)
      guard let receipt else {
        _ = try sendAndPrint(key: key, verb: verb, body)
        return
      }
      // A file that cannot be written is found out before anything is sent.
      var file = try AtomicFile(receipt)
      let receipts = try sendAndPrint(key: key, verb: verb, body)
      do {
        try file.write(JSONText.array(receipts.map(\.json)).text(pretty: true) + "\n")
        try file.commit()
      } catch {
        throw Self.unkept(receipts, key: key, verb: verb, error)
      }
    }

    /// What was done, where its receipt could not be kept.
    private static func unkept(_ receipts: [Receipt], key: String, verb: String, _ problem: FileProblem) -> Failure {
      let done = verb == "withdrew" ? "withdrawn" : verb
      let some = receipts.prefix(3).map(\.bid).joined(separator: ", ") + (receipts.count > 3 ? ", …" : "")
      return Failure(
        .failed,
        (receipts.count == 1 ? "the bid was \(done)" : "the \(receipts.count) bids were \(done)")
          + " (\(some), key \(key)), but the receipt could not be kept: \(problem.path): \(problem.reason)",
        advice: "what is on standard output is the receipt; or run the same command with --key \(key) and another "
          + "--receipt: nothing is done twice")
    }

    private func sendAndPrint(
      key: String, verb: String, _ body: (String, inout Connection) throws -> [Receipt]
    ) throws -> [Receipt] {
      let receipts = try retrying(key: key, connect: connect) { try body(key, &$0) }
      if options.json {
        printJSON(receipts.count == 1 ? receipts[0].json : .array(receipts.map(\.json)))
      } else {
        for receipt in receipts {
          print("\(verb) \(receipt.bid) in round \(receipt.round) at \(receipt.acceptedAt)\n  receipt \(receipt.hash)")
        }
      }
      return receipts
    }

    /// Lets the database judge the request in a transaction that is rolled back: the key stays free.
    private func rehearse(key: String, _ body: (String, inout Connection) throws -> [Receipt]) throws {
      struct Rehearsed: Error { let entries: Int }
      var connection = try connect()
      do {
        try connection.transaction { connection in
          throw Rehearsed(entries: try body(key, &connection).count)
        }
      } catch let done as Rehearsed {
        if options.json {
          printJSON(["round": .string(round), "entries": .integer(Int64(done.entries)), "sent": .bool(false)])
        }
        printError("checked by the door, which would accept it now; nothing was sent")
      }
    }
  }

  /// A block as options, for placing and amending.
  struct BlockOptions: ParsableArguments {
    @Option(help: "The pool.") var pool: String
    @Option(help: "GPUs, a multiple of the pool's lot.") var gpus: Int
    @Option(help: ArgumentHelp("Consecutive hours, such as 24 or 1.5.", valueName: "hours")) var hours: String
    @Option(help: ArgumentHelp("When it may run: START/END or START/DURATION, with a time zone.", valueName: "window"))
    var window: String
    @Option(help: ArgumentHelp("The most you pay, in US dollars per GPU-hour.", valueName: "usd")) var limit: String
    @Option(help: ArgumentHelp("The fewest GPUs that you would accept (default: all of --gpus).", valueName: "gpus"))
    var minGpus: Int?
    @Option(
      name: .customLong("or"),
      help: ArgumentHelp(
        "Another way to fill the bid: 'pool=…,gpus=…,hours=…,limit=…[,window=…][,min=…]'; may be repeated.",
        valueName: "alternative"))
    var alternatives: [String] = []
    @Option(help: ArgumentHelp("Parent bid: this one wins only if that one wins.", valueName: "bid")) var parent:
      String?

    func bid(in round: Round) throws -> Bid {
      let text = BidText(round: round)
      let window = try text.window(window)
      let first = try text.block(pool: pool, gpus: gpus, minimum: minGpus, hours: hours, window: window, limit: limit)
      return .block([first] + (try alternatives.map { try text.alternative($0, defaultWindow: window) }))
    }
  }

  struct Block: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Bid for GPUs for a number of consecutive hours, anywhere in a window.",
      discussion: """
        With --or the bid has alternatives, of which at most one is awarded. Until the gate closes you can amend or \
        withdraw it.

        EXAMPLE
          gpumarket bid block --round 2026-12-07 --pool h100-us --gpus 64 --hours 24 --limit 2.40 \\
            --window 2026-12-07T00:00Z/2026-12-10T00:00Z --or 'pool=h100-eu,gpus=64,hours=24,limit=2.20' --as acme
        """)
    @OptionGroup var write: WriteOptions
    @OptionGroup var block: BlockOptions

    func run() throws {
      let round = try write.openRound()
      let bid = try block.bid(in: round)
      let way = try write.way(in: round)
      try write.check(bid, by: way)
      let preview = try way.preview(bid) + hangsOn(block.parent)
      try write.send(preview: preview, by: way, verb: "placed") { key, connection in
        [try way.place(bid, parent: block.parent, key: key, &connection)]
      }
    }
  }

  struct Curve: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Bid falling prices for more and more GPUs, in each slot of a period.",
      discussion: """
        Each step adds GPUs at a lower price. In the example the first 8 GPUs are worth up to 3.10 each hour, the next 16 up to \
        2.00. Any whole number of lots may be awarded, in each slot by itself.

        EXAMPLE
          gpumarket bid curve --round 2026-12-07 --pool h100-us --period 2026-12-07T00:00Z/P7D \\
            --step 8@3.10 --step 16@2.00 --as acme
        """)
    @OptionGroup var write: WriteOptions
    @Option(help: "The pool.") var pool: String
    @Option(help: ArgumentHelp("Its period (default: the whole delivery).", valueName: "period")) var period: String?
    @Option(
      name: .customLong("step"),
      help: ArgumentHelp("GPUS@LIMIT, in US dollars per GPU-hour; may be repeated.", valueName: "step"))
    var steps: [String]
    @Option(help: ArgumentHelp("Parent bid: this one wins only if that one wins.", valueName: "bid")) var parent:
      String?

    func run() throws {
      let round = try write.openRound()
      let text = BidText(round: round)
      let segment = CurveSegment(
        pool: pool, period: try period.map { try text.window($0) } ?? round.delivery, steps: try text.steps(steps))
      let bid = Bid.curve([segment])
      let way = try write.way(in: round)
      try write.check(bid, by: way)
      let preview = try way.preview(bid) + hangsOn(parent)
      try write.send(preview: preview, by: way, verb: "placed") { key, connection in
        [try way.place(bid, parent: parent, key: key, &connection)]
      }
    }
  }

  struct Withdraw: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Withdraw a bid and all its children.",
      discussion: "EXAMPLE\n  gpumarket bid withdraw b_52034bd77158630446d1c0fe9a37b2d8 --round 2026-12-07 --as acme")
    @Argument(help: "The bid's id, as bid list shows it.") var bid: String
    @OptionGroup var write: WriteOptions

    func validate() throws {
      guard write.sealing.clearingKey == nil else {
        throw ValidationError("leave out --clearing-key: a withdrawal is not sealed")
      }
    }

    func run() throws {
      let round = try write.openRound()
      let preview = "withdraw \(bid) and its children from round \(round.name)"
      try write.send(preview: preview, by: nil, verb: "withdrew") { key, connection in
        try OrderBook.withdraw(bid, in: round.name, key: key, &connection)
      }
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List your bids, and what became of them.",
      discussion: "EXAMPLE\n  gpumarket bid list --round 2026-12-07 --as acme")
    @Option(help: "Only this round.") var round: String?
    @OptionGroup var acting: ActingCompany
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      var connection = try options.connect(as: .company(acting.company))
      let rounds = Dictionary(uniqueKeysWithValues: try Rounds.list(&connection).map { ($0.name, $0) })
      if let round { _ = try Rounds.named(round, &connection) }
      let bids = try OrderBook.mine(round: round, &connection)
      let reasons = try reasons(bids, rounds, &connection)
      if options.json {
        printJSON(.array(bids.map { $0.json(reasons[$0.id]) }))
        return
      }
      var table = Table(
        ("round", .left), ("bid", .left), ("state, USD/GPU-hour", .left), ("what, USD/GPU-hour", .left),
        ("worst USD", .right),
        ("pays USD", .right))
      for bid in bids {
        let length = rounds[bid.round]?.slotLength ?? .hour
        table.add(
          bid.round, bid.id, bid.standing + (reasons[bid.id]?.needed.map { ": \($0.dollarsPerGPUHour) needed" } ?? ""),
          bid.isWithdrawn ? "" : try EncryptedBidding.readable(bid.body)?.summary(length) ?? "sealed",
          bid.exposure.cell(.centsUp), bid.payment?.cell(.exact) ?? "")
      }
      print(bids.isEmpty ? "no bids yet; gpumarket bid block places one" : table.text())
      if !reasons.isEmpty { print("why a bid lost: gpumarket bid show BID") }
    }

    /// Of the bids that won nothing in a published round, by bid.
    private func reasons(
      _ bids: [OwnBid], _ rounds: [String: Round], _ connection: inout Connection
    ) throws -> [String: LossReason] {
      var reasons: [String: LossReason] = [:]
      for (name, own) in Dictionary(grouping: bids, by: \.round) {
        guard let round = rounds[name], let totals = try Results.totals(name, &connection) else { continue }
        reasons.merge(try OrderBook.lossReasons(own, in: round, totals, &connection)) { first, _ in first }
      }
      return reasons
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show every entry of one of your bids, each with its receipt.",
      discussion: """
        --json prints a list of receipts, oldest first, as --receipt writes them. The last one also says what became of the \
        bid: state, award, payment_usd, why it lost, and your caps in the pools concerned.

        EXAMPLE
          gpumarket bid show b_52034bd77158630446d1c0fe9a37b2d8 --as acme
        """)
    @Argument(help: "The bid's id, as bid list shows it.") var bid: String
    @OptionGroup var acting: ActingCompany
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      var connection = try options.connect(as: .company(acting.company))
      let history = try OrderBook.history(of: bid, &connection)
      guard let last = history.last else {
        throw Failure(.refused, "you have no bid '\(bid)'", advice: "gpumarket bid list shows your bids")
      }
      let round = try Rounds.named(last.round, &connection)
      let mine = try OrderBook.mine(round: last.round, &connection)
      let own = mine.first { $0.id == bid }
      let totals = try Results.totals(last.round, &connection)
      var reason: LossReason?
      if let totals { reason = try OrderBook.lossReasons(mine, in: round, totals, &connection)[bid] }
      let pools = Set(reason?.needs.map(\.pool) ?? [])
      var caps: [(pool: String, gpus: Int)] = []
      if !pools.isEmpty { caps = try Companies.account(&connection).caps.filter { pools.contains($0.pool) } }
      if options.json {
        var entries = history.map(\.json)
        if let own, case .object(let members) = last.json {
          entries[entries.count - 1] = .object(members + own.outcome(reason, caps))
        }
        printJSON(.array(entries))
        return
      }
      for receipt in history {
        print("\(receipt.kind) at \(receipt.acceptedAt), receipt \(receipt.hash)")
        if !receipt.body.isEmpty {
          print(try EncryptedBidding.readable(receipt.body)?.preview(in: round) ?? "sealed to the round's key")
        }
        if let parent = receipt.parent { print("hangs on \(parent)") }
      }
      if let own { print("stands: \(own.standing)" + (own.payment.map { ", pays \($0)" } ?? "")) }
      if let totals, let reason { print(reason.text(totals)) }
      for cap in caps {
        print("  you may hold at most \(cap.gpus) GPUs of \(cap.pool) at a time, over all your awards")
      }
    }
  }
}

/// The line of a preview that names the parent.
func hangsOn(_ parent: String?) -> String {
  parent.map { "\nhangs on \($0): without it, this one does not win" } ?? ""
}
