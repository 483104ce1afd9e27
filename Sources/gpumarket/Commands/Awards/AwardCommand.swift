import ArgumentParser
import Files
import Market
import Postgres
import Units

struct AwardCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "award", abstract: "What was awarded, and what it costs.", subcommands: [List.self])

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List awards: a company's own, or all for the operator.",
      discussion:
        "EXAMPLES\n  gpumarket award list --round 2026-12-07 --as acme\n  gpumarket award list --csv > awards.csv")
    @Option(help: "Only this round.") var round: String?
    @Flag(help: "Print CSV.") var csv = false
    @Flag(help: "Your own awards, by your own login on a shared server.") var mine = false
    @OptionGroup var acting: ActingCompany
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      let own = mine || acting.company != nil
      var connection = try options.connect(as: own ? .company(acting.company) : .operator)
      let awards = try Results.awards(round: round, ownOnly: own, &connection)
      if options.json {
        printJSON(.array(awards.map(\.json)))
      } else if csv {
        print(awardsCSV(awards), terminator: "")
      } else {
        var table = Table(
          ("round", .left), ("company", .left), ("award", .left), ("pool", .left), ("start (UTC)", .left),
          ("end (UTC)", .left),
          ("GPUs", .right), ("GPU-h", .right), ("bid USD", .right), ("pays USD", .right))
        for award in awards {
          let span = award.span
          table.add(
            award.round, award.company, award.id, award.pools, "\(span.start)", "\(span.end)", award.gpusText,
            award.slotLength.hours(slots: award.gpuSlots), award.value.cell(.exact), award.payment.cell(.exact))
        }
        print(awards.isEmpty ? try whyNone(own: own, &connection) : table.text())
      }
    }

    /// An empty list before the clearing means something else than one after it.
    private func whyNone(own: Bool, _ connection: inout Connection) throws -> String {
      guard let round else { return "no awards" }
      let found = try Rounds.named(round, &connection)
      switch found.state {
      case .open:
        return "round \(round) is open: nothing is awarded before its gate, at \(found.gate), and its clearing"
      case .closed: return "round \(round) is closed and not cleared yet: gpumarket clear --round \(round)"
      case .cancelled: return "round \(round) was cancelled: nothing is awarded"
      case .published:
        return own
          ? "you won nothing in round \(round); gpumarket bid list --round \(round) shows what was needed"
          : "no awards in round \(round)"
      }
    }
  }
}

/// Awards as CSV, one line each, units in the header.
func awardsCSV(_ awards: [AwardRecord]) -> String {
  var csv = CSVWriter(columns: [
    "round", "company", "award", "bid", "pool", "start_utc", "end_utc", "gpus", "gpu_hours", "bid_usd",
    "reserve_cost_usd",
    "payment_usd", "receipt_hash",
  ])
  for award in awards {
    let span = award.span
    csv.row([
      .text(award.round), .text(award.company), .text(award.id), .text(award.bid), .text(award.pools),
      .text(span.start.iso8601ToSecond), .text(span.end.iso8601ToSecond), .text(award.gpusText),
      .decimal(award.slotLength.hours(slots: award.gpuSlots)), .decimal(award.value.dollars),
      .decimal(award.reserveCost.dollars), .decimal(award.payment.dollars), .text(award.entryHash),
    ])
  }
  return String(decoding: csv.take(), as: UTF8.self)
}

extension AwardRecord {
  /// From the first slot to the last; a curve's award may have holes.
  var span: (start: Instant, end: Instant) {
    (
      uses.map(\.period.start).min() ?? Instant(microseconds: 0),
      uses.map(\.period.end).max() ?? Instant(microseconds: 0)
    )
  }
}
