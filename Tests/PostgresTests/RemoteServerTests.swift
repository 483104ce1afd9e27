import Foundation
import Glibc
import Postgres
import TestSupport
import Testing

/// The tool and a server across the network: verified TLS, SCRAM, service files.
@Suite("Remote server") struct RemoteServerTests {
  private static let made = Result { try prepared() }

  private static func prepared() throws -> TLSServer {
    let server = try TLSServer()
    var connection = try Connection(conninfo: server.localConninfo())
    try connection.script("CREATE ROLE finance LOGIN PASSWORD 'right'")
    return server
  }

  private func connect(
    _ conninfo: String, environment: [String: String] = [:], allowPlaintext: Bool = false
  ) throws -> Connection {
    let address = try ServerAddress.resolve(
      database: conninfo, environment: environment, allowPlaintext: allowPlaintext)
    return try Connection(conninfo: address.reachableConninfo())
  }

  @Test func verifiedConnectionIsMadeWithoutAsking() throws {
    let server = try Self.made.get()
    var connection = try connect("\(server.address) user=finance password=right sslrootcert=\(server.authority)")
    #expect(connection.user == "finance")
    let ssl = try connection.query("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()").one()
    #expect(try ssl.get("ssl", as: Bool.self))
    #expect(try ssl.get("version", as: String.self) == "TLSv1.3")
    let uri = "postgresql://finance:right@localhost:\(server.port)/gpumarket?sslrootcert=\(server.authority)"
    #expect(try connect(uri).user == "finance")
  }

  @Test func wrongAuthorityIsRefused() throws {
    let server = try Self.made.get()
    let login = "\(server.address) user=finance password=right"
    let error = try refused { try connect("\(login) sslrootcert=\(server.stranger)") }
    #expect(error.kind == .unavailable)
    #expect(error.message.contains("certificate verify failed"))
    #expect(try refused { try connect("\(login) sslrootcert=/nonexistent") }.message.contains("root certificate file"))
  }

  @Test func wrongNameIsRefused() throws {
    let server = try Self.made.get()
    let conninfo = "\(server.address) host=127.0.0.1 user=finance password=right sslrootcert=\(server.authority)"
    #expect(try refused { try connect(conninfo) }.message.contains("does not match host name \"127.0.0.1\""))
  }

  @Test func wrongPasswordIsRefused() throws {
    let server = try Self.made.get()
    let conninfo = "\(server.address) user=finance password=wrong sslrootcert=\(server.authority)"
    let error = try refused { try connect(conninfo) }
    #expect(error.message.contains("password authentication failed for user \"finance\""))
  }

  @Test func plainTextIsRefusedByBothSides() throws {
    let server = try Self.made.get()
    let conninfo = "\(server.address) user=finance password=right sslmode=disable"
    #expect(try refused { try connect(conninfo) }.kind == .configuration)
    #expect(try refused { try connect(conninfo, allowPlaintext: true) }.message.contains("no encryption"))
  }

  @Test func serviceFileNamesTheServer() async throws {
    let server = try Self.made.get()
    let file = server.server.folder + "/services"
    let common = "host=localhost\nport=\(server.port)\ndbname=gpumarket\nuser=finance\npassword=right\n"
    try """
    [market]
    \(common)sslrootcert=\(server.authority)
    [plain]
    \(common)sslmode=disable
    [required]
    \(common)sslmode=require
    """.write(toFile: file, atomically: false, encoding: .utf8)
    // libpq finds the file by the real environment, which only a process of its own may change.
    await #expect(processExitsWith: .success) { [file = file as String] in
      try expectServices(file)
    }
  }
}

private func expectServices(_ file: String) throws {
  setenv("PGSERVICEFILE", file, 1)
  func resolve(_ database: String?, _ environment: [String: String] = [:]) throws -> String {
    try ServerAddress.resolve(database: database, environment: environment).reachableConninfo()
  }
  let strict = "channel_binding='require' gssencmode='disable' service='market' sslmode='verify-full'"
  #expect(try withoutLiveness(resolve("service=market")) == strict)
  #expect(try Connection(conninfo: resolve("service=market")).user == "finance")
  #expect(try withoutLiveness(resolve("service=required")) == "service='required'")
  #expect(try Connection(conninfo: resolve("service=required")).user == "finance")
  #expect(try refused { try resolve("service=plain") }.kind == .configuration)
  #expect(try withoutLiveness(resolve("service=plain", ["GPUMARKET_ALLOW_PLAINTEXT": "1"])) == "service='plain'")
  setenv("PGSERVICE", "market", 1)
  let bare = "channel_binding='require' gssencmode='disable' sslmode='verify-full'"
  #expect(try withoutLiveness(resolve(nil, ["PGSERVICE": "market"])) == bare)
  #expect(try Connection(conninfo: bare).user == "finance")
}
