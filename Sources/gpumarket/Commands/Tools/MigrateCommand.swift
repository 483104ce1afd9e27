import ArgumentParser
import Files
import Market
import Postgres
import Units

struct MigrateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate", abstract: "Create the market in a database, or bring it to this version.",
    discussion: """
      Safe to run again. Each file of tables is applied once; all functions are applied again where this version has \
      others. A database that a newer version has migrated is refused. On a server of your own choice the login must be \
      a superuser, or own the database and have CREATEROLE.

      EXAMPLES
        gpumarket migrate
        gpumarket migrate --slot-minutes 30
        gpumarket migrate --status
      """)

  @Flag(help: "Only show what is applied and what is pending.")
  var status = false
  @Option(
    help: ArgumentHelp(
      "Length of a slot: 60, 30 or 15 minutes. You can set it only when the market is created.", valueName: "minutes"))
  var slotMinutes: Int?
  @OptionGroup var options: DatabaseOptions

  func validate() throws {
    guard !status || slotMinutes == nil else {
      throw ValidationError("give --status or --slot-minutes, not both: --status only shows")
    }
  }

  func run() throws {
    let slotLength = try slotMinutes.map { try SlotLength(minutes: $0) }
    let migrator = try Migrator()
    var connection = try connect()
    var applied: [String] = []
    if !status {
      applied = try migrator.migrate(&connection, slotLength: slotLength) { showProgress("applying \($0)") }
      endProgress()
    }
    let all = try migrator.status(&connection)
    if options.json {
      printJSON([
        "applied_now": .array(applied.map { .string($0) }),
        "migrations": .array(
          all.map {
            [
              "name": .string($0.name), "sha256": .string($0.checksum),
              "applied_at": $0.appliedAt.map { .string($0.iso8601) } ?? .null,
            ]
          }),
      ])
    } else if status {
      var table = Table(("migration", .left), ("applied at", .left), ("sha256", .left))
      for migration in all {
        table.add(
          migration.name, migration.appliedAt?.iso8601ToSecond ?? "pending", String(migration.checksum.prefix(16)))
      }
      print(table.text())
    } else {
      print(
        applied.isEmpty ? "up to date: \(all.count) migrations" : "applied \(applied.count) of \(all.count) migrations")
    }
  }

  /// A database named by `--market` is made on the private server when it is missing.
  private func connect() throws -> Connection {
    guard let name = options.market, case .privateServer(let server) = try options.resolve() else {
      return try options.connect(as: .migration)
    }
    try server.start()
    var root = try Connection(conninfo: server.conninfo())
    if try root.query("SELECT FROM pg_database WHERE datname = \(name)").isEmpty {
      guard !status else {
        throw Failure(.refused, "there is no database '\(name)'", advice: "run gpumarket migrate --market \(name)")
      }
      try root.script("CREATE DATABASE \"\(name.replacing("\"", with: "\"\""))\"")
    }
    return try options.connect(as: .migration)
  }
}
