import ArgumentParser
import Files
import Market
import Postgres
import Units

struct AuditCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "Show who did what and when (auditor).",
    discussion: """
      Every act of the operator, the clearing host and finance is in this log, and none of them can change it. --check looks \
      at all rounds and the whole ledger instead, and prints what is not as it must be.

      EXAMPLES
        gpumarket audit --since 2026-12-01T00:00Z
        gpumarket audit --check
      """)

  @Option(help: ArgumentHelp("Only from this instant on, with a time zone.", valueName: "instant")) var since: String?
  @Option(help: ArgumentHelp("How many lines at most, newest first (default: 200).", valueName: "lines")) var most: Int?
  @Flag(help: "Check all rounds and the ledger.") var check = false
  @OptionGroup var options: DatabaseOptions

  func validate() throws {
    guard !check || (since == nil && most == nil) else {
      throw ValidationError("--check looks at everything: leave out --since and --most")
    }
  }

  func run() throws {
    let most = try checked(most ?? 200, in: 1...1_000_000, "--most")
    let since = try since.map { try Instant(iso8601: $0) }
    var connection = try options.connect(as: .auditor)
    if check { return try checkAll(&connection) }
    let lines = try AuditLine.read(since: since, most: most, &connection)
    if options.json {
      printJSON(
        .array(
          lines.map { line in
            [
              "at": .string(line.at.iso8601), "actor": .string(line.actor), "act": .string(line.act),
              "subject": .string(line.subject), "details": .string(line.details),
            ]
          }))
      return
    }
    var table = Table(("at (UTC)", .left), ("actor", .left), ("act", .left), ("on", .left), ("what", .left))
    for line in lines {
      table.add(line.at.iso8601ToSecond, line.actor, line.act, line.subject, String(line.details.prefix(100)))
    }
    print(lines.isEmpty ? "nothing was done yet" : table.text())
  }

  private func checkAll(_ connection: inout Connection) throws {
    let problems = try AuditInvariants.problems(&connection)
    if options.json {
      printJSON(["problems": .array(problems.map { .string($0) })])
    } else {
      for problem in problems { print(problem) }
      if problems.isEmpty { print("all that must hold does hold") }
    }
    if !problems.isEmpty { throw ExitCode(ExitStatus.failed.rawValue) }
  }
}
