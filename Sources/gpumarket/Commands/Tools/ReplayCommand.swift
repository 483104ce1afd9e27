import ArgumentParser
import Clearing
import Files
import Foundation
import Market
import Postgres
import Replay
import Units

struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay", abstract: "Turn a job history into a market and clear it through the database.",
    discussion: """
      The history is what Slurm's sacct prints (the second example makes it), or CSV with the columns \
      job_id,owner,submit_unix,gpus,duration_s,gpu_type. Both may be gzipped. Owners become companies and jobs become \
      block bids. A history has no prices, so a seeded model makes them. The market is a database of its own on your \
      private server, made anew each time. The result is compared with first come, first served.

      EXAMPLES
        gpumarket replay philly.csv.gz --from 2017-09-25 --days 7 --pool gpu=512
        \(Trace.sacctCommand
        .replacing(" --format", with: " \\\n          --format").replacing(" --start", with: " \\\n          --start")) > jobs.txt
        gpumarket replay jobs.txt --from 2026-12-07 --pool h100=256 --pool a100=128
      """)

  @Argument(help: "The history; - is standard input.") var trace: String
  @Option(help: ArgumentHelp("First day, UTC.", valueName: "date")) var from: String
  @Option(help: "Days to replay.") var days = 7
  @Option(
    name: .customLong("pool"), help: ArgumentHelp("A pool and its GPUs; may be repeated.", valueName: "name=gpus"))
  var pools: [String]
  @Option(help: ArgumentHelp("Reserve price of every pool, in US dollars per GPU-hour.", valueName: "usd"))
  var reserve =
    "0.50"
  @Option(help: "How winners pay: \(choice(of: PricingRule.ofRounds)).") var pricing = "vcg"
  @Option(help: "Seed of the price model.") var seed: UInt64 = 1
  @Option(help: "Length of a slot in minutes: 60, 30 or 15.") var slotMinutes = 60
  @Option(help: ArgumentHelp("How many hours later than possible a job may end.", valueName: "hours"))
  var slackHours = 12
  @Option(help: ArgumentHelp("And how many percent of its run time later.", valueName: "percent")) var slackPercent = 50
  @Option(help: "How hard to look: quick, standard, thorough or a number of work units.") var effort = "quick"
  @OptionGroup var options: DatabaseOptions

  func run() throws {
    try checked(days, in: 1...366, "--days")
    try checked(slackHours, in: 0...366 * 24, "--slack-hours")
    try checked(slackPercent, in: 0...1000, "--slack-percent")
    let horizon = try TimeRange(iso8601: "\(from.contains("T") ? from : from + "T00:00Z")/P\(days)D")
    let slotLength = try SlotLength(minutes: slotMinutes)
    let reserve = try Price(dollarsPerGPUHour: reserve)
    let replayPools = try pools.map { try ReplayPool($0, reserve: reserve) }
    let slack = try Slack(base: TimeSpan(hours: Int64(slackHours)), percentOfDuration: slackPercent)
    // Before anything is made: making the market drops the replay before it.
    let effort = try readEffort(effort)
    try readPricing(pricing, among: PricingRule.ofRounds)
    for pool in replayPools { try MarketName.check(pool: pool.name) }
    var stages = Stages()

    let history = try stages.run("read history") {
      do {
        return try Trace.read(trace)
      } catch let problem as TraceProblem {
        throw Failure(.usage, "\(problem)")
      }
    }
    let jobs = history.select(from: horizon.start, days: days)
    guard !jobs.isEmpty else {
      throw Failure(.usage, "\(trace) has no job in \(horizon)", advice: "choose other days with --from and --days")
    }
    let book = try stages.run("draw bids") {
      try ReplayBook(
        jobs: jobs, horizon: horizon, slotLength: slotLength, pools: replayPools, slack: slack,
        prices: PriceModel(seed: seed))
    }
    for owner in book.owners { try MarketName.check(company: owner) }
    let market = ReplayMarket(options: options, name: options.market ?? "replay", book: book)
    try stages.run("make market") { try market.create() }
    let round = "replay-" + String(horizon.start.date)
    let ids = try stages.run("place bids") { try market.placeBids(round: round, pricing: pricing, effort: effort) }
    let outcome = try stages.run("clear") { try market.clear(round: round) }
    let placements = try stages.run("read awards") { try market.placements(round: round, ids: ids) }
    let queue = stages.run("queue") { FirstComeFirstServed(book) }

    let comparison = ServiceComparison(
      book,
      [
        ("market (\(pricing))", ServiceSummary(placements, in: book)),
        ("first come, first served, EASY backfill", ServiceSummary(queue.placements, in: book)),
      ])
    var reader = try market.connect(user: "market_operator")
    let report = try RoundFigures(Rounds.named(round, &reader), &reader, withCompanies: true)
    if options.json {
      let skipped: JSONText = [
        "without_gpus": .integer(Int64(history.skippedWithoutGPUs)),
        "without_duration": .integer(Int64(history.skippedWithoutDuration)),
      ]
      printJSON([
        "jobs": .integer(Int64(jobs.count)), "bids": .integer(Int64(book.bids.count)),
        "owners": .integer(Int64(book.owners.count)),
        "skipped_in_whole_history": skipped,
        "left_out": .object(
          book.leftOut.sorted { $0.key.rawValue < $1.key.rawValue }.map {
            .init("\($0.key)", .integer(Int64($0.value)))
          }),
        "price_model": .string(book.prices.sentence), "slack": .string("\(book.slack)"), "market": .string(market.name),
        "result": report.json,
        "comparison": .array(
          comparison.columns.map { name, summary in
            [
              "name": .string(name), "value_usd": .usd(summary.value),
              "gpu_hours": .number(summary.gpuHours),
              "bids_served": .integer(Int64(summary.bidsServed)),
              "companies_served": .integer(Int64(summary.ownersServed)),
              "median_wait_seconds": summary.medianWait.map { .integer($0.seconds) } ?? .null,
            ]
          }),
        "seconds": .object(stages.seconds.map { .init($0.name, .fraction(($0.seconds * 1000).rounded() / 1000)) }),
        "seconds_of_clear": .object(
          outcome.seconds.map { .init($0.step.rawValue, .fraction(($0.seconds * 1000).rounded() / 1000)) }),
      ])
      return
    }
    print("history \(trace): \(grouped(jobs.count)) jobs of \(Set(jobs.map(\.owner)).count) owners in \(horizon)")
    if history.skippedWithoutGPUs + history.skippedWithoutDuration > 0 {
      print(
        "  skipped in the whole history: \(grouped(history.skippedWithoutGPUs)) jobs without GPUs, "
          + "\(grouped(history.skippedWithoutDuration)) that never ran")
    }
    print(
      "  \(grouped(book.bids.count)) became bids"
        + book.leftOut.sorted { $0.key.rawValue < $1.key.rawValue }.map { "; \($0.value) \($0.key.rawValue)" }.joined())
    print("\n\(report.text)\n")
    print("the same bids and windows (\(book.prices.sentence)):\n\(comparison.text)")
    print(
      "seconds: " + stages.seconds.map { "\($0.name) \(String(format: "%.2f", $0.seconds))" }.joined(separator: ", ")
        + "; of clear: "
        + outcome.seconds.map { "\($0.step.rawValue) \(String(format: "%.2f", $0.seconds))" }.joined(separator: ", "))
    if outcome.clearing?.stoppedEarly == true { print("solving stopped early") }
    print(
      "look further: gpumarket round show \(round) --market \(market.name); gpumarket award list --market \(market.name)"
    )
  }
}

/// The names that a market takes: the rules of market.add_pool and market.add_company, for those who must know before
/// anything is done.
enum MarketName {
  private static let lowerCase = "abcdefghijklmnopqrstuvwxyz"
  private static let digits = "0123456789"

  static func check(pool name: String) throws(Failure) {
    guard fits(name, beginning: lowerCase + digits, also: "._-") else {
      throw Failure(
        .refused, "'\(name.prefix(80))' cannot be a pool's name",
        advice: "use up to 63 lower-case letters, digits, dots, dashes and underscores, such as h100-us")
    }
  }

  static func check(company name: String) throws(Failure) {
    guard fits(name, beginning: lowerCase + lowerCase.uppercased() + digits, also: "._/ -") else {
      throw Failure(
        .refused, "'\(name.prefix(80))' cannot be a company's name",
        advice: "use up to 63 letters, digits, blanks, dots, dashes, slashes and underscores")
    }
  }

  /// - Parameters:
  ///   - beginning: what it may begin with.
  ///   - more: what may follow beside that.
  private static func fits(_ name: String, beginning: String, also more: String) -> Bool {
    let first = Set(beginning.utf8)
    let others = first.union(more.utf8)
    guard (1...63).contains(name.utf8.count), let byte = name.utf8.first else { return false }
    return first.contains(byte) && name.utf8.allSatisfy { others.contains($0) }
  }
}

/// Times the stages of a long command, and says on a terminal which one runs.
struct Stages {
  private(set) var seconds: [(name: String, seconds: Double)] = []

  mutating func run<T>(_ name: String, _ body: () throws -> T) rethrows -> T {
    showProgress("\(name) …")
    defer { endProgress() }
    let start = ContinuousClock.now
    let value = try body()
    let (whole, fraction) = start.duration(to: .now).components
    seconds.append((name, Double(whole) + Double(fraction) / 1e18))
    return value
  }
}
