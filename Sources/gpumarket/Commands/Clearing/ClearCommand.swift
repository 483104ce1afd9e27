import ArgumentParser
import Clearing
import Files
import Foundation
import Market
import Postgres
import Units

struct ClearCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clear", abstract: "Clear rounds whose gate has passed: seal, solve, audit, publish.",
    discussion: """
      Run it every minute. Two hosts may run it at once, and you may run it again after a crash: a round is published \
      only once. The same bids and effort give the same result. Solving stops in time for delivery, and the effort that it \
      reached is recorded. An encrypted round that was closed early waits for its gate, by this host's clock.

      EXAMPLES
        gpumarket clear --due
        gpumarket clear --round 2026-12-07 --dry-run
      """)

  @Flag(help: "Clear every round whose gate has passed.") var due = false
  @Option(help: "Clear this round.") var round: String?
  @Flag(help: "Solve a closed round and show the result, but write nothing.") var dryRun = false
  @Option(help: "How hard to look: quick, standard, thorough or a number of work units (default: the round's).")
  var effort: String?
  @Flag(help: "Print each better allocation as a JSON line on standard error.") var improvements = false
  @Option(help: ArgumentHelp("Append a JSON line for each round to this file.", valueName: "file")) var log: String?
  @OptionGroup var host: HostOptions
  @OptionGroup var options: DatabaseOptions

  func validate() throws {
    guard due != (round != nil) else { throw ValidationError("give --due, or --round R") }
  }

  func run() throws {
    var job = ClearingJob()
    job.dryRun = dryRun
    job.effort = try effort.map { try readEffort($0) }
    job.onStep = { step, round in
      if step != .done { showProgress("round \(round): \(step.rawValue)") }
      stopForTest(at: step)
    }
    let start = ContinuousClock.now
    let lines = improvements
    job.onImprovement = { improvement in
      let seconds = start.duration(to: .now)
      if lines {
        printError(improvement.json(seconds: seconds).text())
      } else {
        showProgress(
          "solving: welfare \(Money(microdollars: improvement.welfare).cell(.cents)) USD, gap \(percentUp(improvement.gap))"
        )
      }
    }
    var connection = try options.connect(as: .clearing)
    let host = try host.open()
    job.host = host
    if due, !dryRun {
      for name in try host.announceKeys(&connection) { printError("announced the key of the encrypted round \(name)") }
    }
    let rounds = try round.map { [$0] } ?? ClearingJob.dueRounds(&connection)
    var reports: [JSONText] = []
    var firstFailure: (any Error)?
    for round in rounds {
      do {
        // A connection of its own: one that breaks takes no other round along.
        if rounds.count > 1 { connection = try options.connect(as: .clearing) }
        let outcome = try job.run(round, &connection)
        endProgress()
        record(outcome.json)
        reports.append(outcome.json)
        if !options.json { try show(outcome, &connection) }
      } catch let waits as TrustProblem where due && waits.isEarly {
        // Nothing failed: an encrypted round that was closed early is cleared by the first run after its gate. Where the
        // database's clock is past that, no run may come: two clocks differ, and that is a failure.
        endProgress()
        let facts = waits.json(round: round)
        record(facts)
        if options.json { reports.append(facts) } else { printError("round \(round) waits: \(waits)") }
      } catch {
        endProgress()
        let failure = Failure(error)
        record(failure.json(round: round))
        // One bad round must not keep the others waiting; it is reported and the exit status tells.
        guard due else { throw error }
        if options.json {
          reports.append(failure.json(round: round))
        } else {
          printError("error: round \(round): \(failure)")
        }
        firstFailure = firstFailure ?? error
      }
    }
    if options.json { printJSON(.array(reports)) }
    if rounds.isEmpty, !options.json { print("no round is due") }
    if let firstFailure { throw ExitCode(Failure(firstFailure).status.rawValue) }
  }

  private func show(_ outcome: ClearingJob.Outcome, _ connection: inout Connection) throws {
    switch outcome.ending {
    case .alreadyPublished where outcome.clearing == nil:
      print("round \(outcome.round) is published already; nothing was done")
    case .alreadyPublished:
      print("round \(outcome.round): another clearing published it first; nothing was written")
    case .published:
      let round = try Rounds.named(outcome.round, &connection)
      print(try RoundFigures(round, &connection, withCompanies: true).text)
      print(
        "  took "
          + outcome.seconds.map { "\($0.step.rawValue) \(String(format: "%.2f", $0.seconds)) s" }.joined(
            separator: ", "))
    case .notWritten:
      guard let clearing = outcome.clearing else { return }
      print(
        "round \(outcome.round), not written: \(outcome.bids) bids, \(clearing.awards.count) awards, welfare \(Money(microdollars: clearing.welfare)), gap \(percentUp(clearing.gap)), result \(outcome.resultDigest ?? "")"
      )
      let asked = try Rounds.named(outcome.round, &connection).pricing
      if let said = fallbackText(from: asked, to: clearing.rule.rawValue) { print("  \(said)") }
    }
  }

  /// Appends a line to the log. A round that is published stays so when its line cannot be written.
  private func record(_ facts: JSONText) {
    guard let log, case .object(let members) = facts else { return }
    let stamp = Instant(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)).iso8601
    let line = JSONText.object([.init("at", .string(stamp))] + members).text() + "\n"
    guard let file = fopen(log, "a") else { return warn(log) }
    let written = fputs(line, file) >= 0
    if !written { warn(log) }
    if fclose(file) != 0, written { warn(log) }
  }

  private func warn(_ log: String) {
    printError("warning: the log \(log) cannot be written: \(String(cString: strerror(errno)))")
  }
}

/// Ends this process as a crash would when `GPUMARKET_CRASH_AT` names the step: for the fault tests.
private func stopForTest(at step: ClearingJob.Step) {
  if ProcessInfo.processInfo.environment["GPUMARKET_CRASH_AT"] == step.rawValue { kill(getpid(), SIGKILL) }
}

extension Improvement {
  func json(seconds: Duration) -> JSONText {
    [
      "seconds": .fraction((Double(seconds.components.seconds) + Double(seconds.components.attoseconds) / 1e18)),
      "work": .integer(Int64(work)), "welfare": .integer(welfare), "bound": .integer(bound), "gap": .fraction(gap),
    ]
  }
}

extension TrustProblem {
  /// The facts of a clearing that has to wait.
  fileprivate func json(round: String) -> JSONText {
    ["round": .string(round), "outcome": "waiting", "message": .string(problem), "advice": .string(advice)]
  }
}

extension Failure {
  /// The facts of a clearing that failed.
  func json(round: String) -> JSONText {
    [
      "round": .string(round), "outcome": "failed", "status": .string("\(status)"), "message": .string(message),
      "advice": advice.map { .string($0) } ?? .null,
    ]
  }
}

extension ClearingJob.Outcome {
  /// The facts of one clearing.
  var json: JSONText {
    var members: [JSONText.Member] = [
      .init("round", .string(round)), .init("outcome", .string(ending.rawValue)), .init("bids", .integer(Int64(bids))),
    ]
    if let clearing {
      members += [
        .init("awards", .integer(Int64(clearing.awards.count))),
        .init("welfare_usd", .usd(microdollars: clearing.welfare)),
        .init("bound_usd", .usd(microdollars: clearing.bound)), .init("gap", .fraction(clearing.gap)),
        .init("proven", .bool(clearing.proven)), .init("engine", .string(clearing.engineVersion)),
        .init("effort", .string(clearing.effort.text)), .init("work", .integer(Int64(clearing.workDone))),
        .init("stopped_early", .bool(clearing.stoppedEarly)), .init("priced_by", .string(clearing.rule.rawValue)),
        .init("result_digest", resultDigest.map { .string($0) } ?? .null),
      ]
    }
    members.append(
      .init(
        "seconds", .object(seconds.map { .init($0.step.rawValue, .fraction(($0.seconds * 1000).rounded() / 1000)) })))
    return .object(members)
  }
}
