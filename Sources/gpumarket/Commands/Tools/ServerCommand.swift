import ArgumentParser
import Files
import Foundation
import Postgres

struct ServerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "server", abstract: "Your private PostgreSQL server: start, stop, status.",
    discussion: """
      The server keeps its data in $GPUMARKET_HOME (default: ~/.gpumarket, for root /var/lib/gpumarket). It listens on a \
      Unix socket that only you can reach. Commands start it when they need it.

      EXAMPLE
        gpumarket server status
      """, subcommands: [Start.self, Stop.self, Status.self])

  struct HomeOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The server's folder.", valueName: "folder"))
    var home: String?
    @Flag(help: "Print JSON.")
    var json = false

    func server() throws -> PrivateServer {
      try PrivateServer(home: home, environment: ProcessInfo.processInfo.environment)
    }

    func show(_ server: PrivateServer) throws {
      let status = try server.status()
      let running = status != .stopped
      if json {
        printJSON([
          "running": .bool(running), "home": .string(server.home),
          "conninfo": running ? .string(server.conninfo()) : .null,
        ])
      } else {
        print(running ? "running: \(server.conninfo())" : "stopped; its data are in \(server.home)")
      }
    }
  }

  struct Start: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Start the private server.", discussion: "EXAMPLE\n  gpumarket server start")
    @OptionGroup var options: HomeOptions
    func run() throws {
      let server = try options.server()
      try server.start()
      try options.show(server)
    }
  }

  struct Stop: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Stop the private server.", discussion: "EXAMPLE\n  gpumarket server stop")
    @OptionGroup var options: HomeOptions
    func run() throws {
      let server = try options.server()
      try server.stop()
      try options.show(server)
    }
  }

  struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say whether the private server runs, and how to reach it.",
      discussion: "EXAMPLE\n  gpumarket server status --json")
    @OptionGroup var options: HomeOptions
    func run() throws { try options.show(options.server()) }
  }
}
