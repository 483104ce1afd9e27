import ArgumentParser
import Door
import Market
import Postgres

struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Serve the front door: companies' signed requests over HTTP.",
    discussion: """
      TLS is ended by a reverse proxy before it (docs/operator.md has nginx's lines), so it listens on this machine only. \
      It logs lines on standard error, and on SIGTERM finishes what it has accepted.

      EXAMPLE
        gpumarket serve --door --listen 127.0.0.1:8443 --behind-proxy
      """)
  @Flag(help: "Serve the front door.") var door = false
  @Option(help: ArgumentHelp("Address and port; port 0 takes a free one.", valueName: "address"))
  var listen = "127.0.0.1:8443"
  @Flag(help: "A reverse proxy of yours stands before it: count clients by its X-Forwarded-For.") var behindProxy =
    false
  @OptionGroup var options: DatabaseOptions

  func validate() throws {
    guard door else { throw ValidationError("say what to serve: --door") }
    _ = try place()
  }

  func run() throws {
    let (host, port) = try place()
    let conninfo: String
    switch try options.resolve() {
    case .privateServer(let server):
      try server.start()
      conninfo = server.conninfo(user: "market_door", database: options.market ?? PrivateServer.database)
    case let address: conninfo = try address.reachableConninfo()
    }
    let server: DoorServer
    do {
      server = try DoorServer(
        DoorServer.Configuration(host: host, port: port, conninfo: conninfo, trustsProxy: behindProxy))
    } catch let error as PostgresError {
      throw error
    } catch {
      throw Failure(.unavailable, "the door cannot listen on \(listen): \(error)", advice: "choose another --listen")
    }
    guard server.runUntilTold() else {
      throw Failure(
        .failed, "the door stopped before all that it had accepted was finished", advice: "its log says when")
    }
  }

  /// Only this machine's own addresses: what comes from elsewhere comes through TLS.
  private func place() throws -> (host: String, port: Int) {
    guard let colon = listen.lastIndex(of: ":"), let port = Int(listen[listen.index(after: colon)...]),
      (0...65535).contains(port)
    else { throw ValidationError("'\(listen)' is no address with a port; write it like 127.0.0.1:8443") }
    let host = String(listen[..<colon])
    guard ["127.0.0.1", "localhost", "[::1]"].contains(host) else {
      throw ValidationError(
        "the door listens on this machine only: put a proxy that ends TLS before it, and write 127.0.0.1:\(port)")
    }
    return (host == "[::1]" ? "::1" : host, port)
  }
}
