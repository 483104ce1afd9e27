import ArgumentParser
import Foundation
import Market
import Postgres

/// What every command that talks to the database takes.
struct DatabaseOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Server as a connection string or URI (default: PG* variables, else your private server).", valueName: "conninfo")
  )
  var database: String?

  @Option(help: ArgumentHelp("A database of your private server (default: gpumarket).", valueName: "name"))
  var market: String?

  @Flag(help: "Print JSON.")
  var json = false

  /// Opens a connection: on the private server as `role`, on another as its address says.
  ///
  /// - Parameter password: in place of the one that is configured.
  func connect(as role: Role, password: String? = nil) throws -> Connection {
    let configured = try resolve()
    let address = try password.map { try configured.withPassword($0) } ?? configured
    if case .named = address, market != nil {
      throw Failure(.usage, "--market names a database of the private server", advice: "put dbname=… into --database")
    }
    switch role {
    case .company(let name):
      guard case .privateServer = address else {
        guard name == nil else {
          throw Failure(
            .usage, "--as works on the private server only",
            advice: "on another server you are who you log in as: give the company's credential in --database")
        }
        return try Connection(conninfo: address.reachableConninfo())
      }
      guard let name else {
        throw Failure(
          .usage, "this command acts for a company, and none is named",
          advice: "add --as COMPANY; gpumarket company list shows them")
      }
      var asOperator = try open(address, user: "market_operator")
      guard let company = try Companies.list(&asOperator).first(where: { $0.name == name }) else {
        throw Failure(.refused, "there is no company '\(name)'", advice: "gpumarket company list shows the companies")
      }
      return try open(address, user: company.login)
    case .migration: return try open(address, user: nil)
    case .operator: return try open(address, user: "market_operator")
    case .clearing: return try open(address, user: "market_clearing")
    case .finance: return try open(address, user: "market_finance")
    case .auditor: return try open(address, user: "market_auditor")
    }
  }

  /// Which server is meant.
  func resolve() throws -> ServerAddress {
    try ServerAddress.resolve(database: database, environment: ProcessInfo.processInfo.environment)
  }

  private func open(_ address: ServerAddress, user: String?) throws -> Connection {
    guard case .privateServer(let server) = address else {
      return try Connection(conninfo: address.reachableConninfo())
    }
    if try server.status() == .stopped { printError("starting your private server in \(server.home)") }
    try server.start()
    let conninfo = server.conninfo(user: user, database: market ?? PrivateServer.database)
    return try Self.connect(conninfo, market: market)
  }

  private static func connect(_ conninfo: String, market: String?) throws(Failure) -> Connection {
    do {
      return try Connection(conninfo: conninfo)
    } catch {
      let option = market.map { " --market \($0)" } ?? ""
      if error.message.contains("role \"market_") {
        throw Failure(.refused, "this server has no market yet", advice: "run gpumarket migrate\(option)")
      }
      let failure = Failure(error)
      guard failure.status == .refused, let market else { throw failure }
      throw Failure(.refused, "there is no database '\(market)'", advice: "run gpumarket migrate\(option)")
    }
  }
}

/// On whose behalf a command connects.
enum Role {
  case migration, `operator`, clearing, finance, auditor
  case company(String?)
}

/// For commands that act for one company.
struct ActingCompany: ParsableArguments {
  @Option(
    name: .customLong("as"), help: ArgumentHelp("Act for this company, on the private server.", valueName: "company"))
  var company: String?
}
