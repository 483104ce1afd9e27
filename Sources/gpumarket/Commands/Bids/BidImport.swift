import ArgumentParser
import Files
import Market
import Postgres
import Units

struct BidImport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Place many bids from a CSV or JSON file, all or none.",
    discussion: """
      CSV has the columns ref, pool, gpus, hours, window, limit. Optional columns are min_gpus, parent, kind (block or \
      curve) and steps. Rows with the same ref are alternatives of one bid. A parent is the ref of another row or the \
      id of a bid that you have. A row of a curve has kind=curve, its period in window, and steps such as \
      "8@3.10 16@2.00"; its gpus, hours and limit stay empty.

      JSON is a list of {"ref", "parent", "alternatives": [{"pool", "gpus", "min_gpus", "hours", "window", "limit"}]} or \
      {"ref", "curve": [{"pool", "window", "steps": [[gpus, "limit"], …]}]}.

      If there is an error, nothing is placed. The first 100 errors are shown, each with its line and column.

      EXAMPLE
        gpumarket bid import bids.csv --round 2026-12-07 --as acme --yes
      where bids.csv holds
        ref,pool,gpus,hours,window,limit
        train,h100-us,64,24,2026-12-07T00:00Z/P3D,2.40
        train,h100-eu,64,24,2026-12-07T00:00Z/P3D,2.20
      """)

  @Argument(help: "The file; - is standard input.") var file: String
  @OptionGroup var write: BidCommand.WriteOptions

  func run() throws {
    let round = try write.openRound()
    let bids: [BidFile.Item]
    do {
      var connection = try write.connect()
      let pools = try Rounds.pools(of: write.round, &connection)
      let caps = try write.caps(&connection)
      bids = try BidFile.read(try readFile(file), source: file, round: round, pools: pools, caps: caps)
    } catch let errors as BidFile.Errors {
      throw refusal(errors.problems)
    }
    guard !bids.isEmpty else {
      throw Failure(.usage, "\(file) holds no bid", advice: "gpumarket bid import --help shows the form")
    }
    let preview = try BidFile.preview(bids, in: round)
    let way = try write.way(in: round)
    try write.send(preview: preview, by: way, verb: "placed") { key, connection in
      let items = bids.enumerated().map { (bid: $1.bid, parent: $1.parent, key: "\(key)/\($0 + 1)") }
      do {
        return try way.placeAll(items, &connection)
      } catch let error as PostgresError {
        guard let refusals = OrderBook.refusals(in: error) else { throw error }
        throw refusal(
          refusals.map {
            "\(file == "-" ? "standard input" : file) line \(bids[$0.index].line), column \(bids[$0.index].column): \($0.message); \($0.advice)"
          })
      }
    }
  }

  private func refusal(_ problems: [String]) -> Failure {
    let shown = Array(problems.prefix(100))
    let message =
      "\(problems.count) \(problems.count == 1 ? "error" : "errors") in \(file); nothing was placed"
      + (problems.count > shown.count ? "; the first \(shown.count) are shown" : "")
    let advice = "mend the lines above and import the file again"
    // Beside the JSON of the error there are no plain lines: it carries them.
    guard !write.options.json else {
      return Failure(.refused, message, advice: (shown + [advice]).joined(separator: "\n"))
    }
    for problem in shown { printError(problem) }
    return Failure(.refused, message, advice: advice)
  }
}
