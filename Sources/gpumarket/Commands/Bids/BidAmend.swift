import ArgumentParser
import Market
import Postgres
import Units

struct BidAmend: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "amend", abstract: "Replace a bid; it takes a new place in the order of acceptance.",
    discussion: """
      Name every option again, as for a new block or curve: the new bid replaces the whole old one. It keeps its \
      parent unless you give --parent or --no-parent.

      EXAMPLES
        gpumarket bid amend b_52034bd77158630446d1c0fe9a37b2d8 --round 2026-12-07 --pool h100-us --gpus 64 --hours 24 --limit 2.60 \\
          --window 2026-12-07T00:00Z/P3D --as acme
        gpumarket bid amend b_81c2e0f6a94d7b350f62ae91d84c5b17 --round 2026-12-07 --pool h100-us --step 8@3.30 --step 16@2.10 --as acme
      """)
  @Argument(help: "The bid's id, as bid list shows it.") var bid: String
  @OptionGroup var write: BidCommand.WriteOptions
  @Option(help: "The pool.") var pool: String
  @Option(help: "Block: GPUs, a multiple of the pool's lot.") var gpus: Int?
  @Option(help: ArgumentHelp("Block: consecutive hours, such as 24 or 1.5.", valueName: "hours")) var hours: String?
  @Option(
    help: ArgumentHelp("Block: when it may run, START/END or START/DURATION, with a time zone.", valueName: "window"))
  var window: String?
  @Option(help: ArgumentHelp("Block: the most you pay, in US dollars per GPU-hour.", valueName: "usd"))
  var limit: String?
  @Option(help: ArgumentHelp("Block: the fewest GPUs that you would accept.", valueName: "gpus")) var minGpus: Int?
  @Option(
    name: .customLong("or"),
    help: ArgumentHelp(
      "Block: another way to fill the bid, 'pool=…,gpus=…,hours=…,limit=…[,window=…][,min=…]'; may be repeated.",
      valueName: "alternative"))
  var alternatives: [String] = []
  @Option(
    name: .customLong("step"),
    help: ArgumentHelp("Curve: a step GPUS@LIMIT, in US dollars per GPU-hour; may be repeated.", valueName: "step"))
  var steps: [String] = []
  @Option(help: ArgumentHelp("Curve: its period (default: the whole delivery).", valueName: "period"))
  var period: String?
  @Option(help: ArgumentHelp("Parent bid: this one wins only if that one wins.", valueName: "bid"))
  var parent: String?
  @Flag(help: "Remove the parent.") var noParent = false

  private var isCurve: Bool { !steps.isEmpty }

  func validate() throws {
    guard parent == nil || !noParent else { throw ValidationError("give --parent or --no-parent, not both") }
    let ofBlock = [gpus != nil, hours != nil, window != nil, limit != nil]
    if isCurve {
      guard !ofBlock.contains(true), minGpus == nil, alternatives.isEmpty else {
        throw ValidationError("--step makes it a curve: leave out the options of a block")
      }
    } else {
      guard !ofBlock.contains(false) else {
        throw ValidationError("a block needs --gpus, --hours, --window and --limit; a curve needs --step")
      }
      guard period == nil else { throw ValidationError("--period belongs to a curve; give --step too") }
    }
  }

  func run() throws {
    let round = try write.openRound()
    let replacement = try replacement(in: round)
    let before = try parentNow()
    let after = noParent ? nil : parent ?? before
    let way = try write.way(in: round)
    try write.check(replacement, by: way)
    var preview = try way.preview(replacement) + hangsOn(after)
    if let before, before != after { preview += "\nno longer hangs on \(before)" }
    try write.send(preview: preview, by: way, verb: "amended") { key, connection in
      [try way.amend(bid, to: replacement, parent: after, key: key, &connection)]
    }
  }

  private func replacement(in round: Round) throws -> Bid {
    let text = BidText(round: round)
    guard let gpus, let hours, let window, let limit else {
      return .curve([
        CurveSegment(
          pool: pool, period: try period.map { try text.window($0) } ?? round.delivery, steps: try text.steps(steps))
      ])
    }
    let own = try text.window(window)
    let first = try text.block(pool: pool, gpus: gpus, minimum: minGpus, hours: hours, window: own, limit: limit)
    return .block([first] + (try alternatives.map { try text.alternative($0, defaultWindow: own) }))
  }

  /// What the bid hangs on as it stands; whether there is such a bid, the door says.
  private func parentNow() throws -> String? {
    var connection = try write.connect()
    return try OrderBook.mine(round: write.round, &connection).first { $0.id == bid }?.parent
  }
}
