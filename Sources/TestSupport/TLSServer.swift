import Foundation
import Glibc
import Postgres

/// A server as finance's would be: on TCP, TLS only, passwords by SCRAM, synchronised to disk. Its certificate names
/// `localhost` and comes from an authority made for the occasion.
public final class TLSServer: Sendable {
  /// The server behind it, to reach it by its socket and to stop it.
  public let server: TestServer
  /// The TCP port on 127.0.0.1.
  public let port: Int
  /// The authority's certificate, for `sslrootcert`.
  public var authority: String { server.folder + "/authority.crt" }
  /// The certificate of an authority that has nothing to do with this server.
  public var stranger: String { server.folder + "/stranger.crt" }

  /// Starts one. Takes about two seconds.
  public init(environment: [String: String] = [:]) throws {
    server = try TestServer.durable(environment: environment)
    port = try Self.freePort()
    try makeCertificates()
    try listen()
  }

  /// The superuser's connection string by the socket.
  public func localConninfo(user: String? = nil, database: String = PrivateServer.database) -> String {
    server.conninfo(user: user, database: database) + " port=\(port)"
  }

  /// The part of a TCP connection string that names the server and nothing of security.
  public var address: String { "host=localhost port=\(port) dbname=\(PrivateServer.database)" }

  private func makeCertificates() throws {
    let folder = server.folder
    for name in ["authority", "stranger"] {
      try openssl(["-keyout", "\(folder)/\(name).key", "-out", "\(folder)/\(name).crt", "-subj", "/CN=\(name)"])
    }
    try openssl([
      "-keyout", "\(folder)/server.key", "-out", "\(folder)/server.crt", "-subj", "/CN=localhost",
      "-CA", "\(folder)/authority.crt", "-CAkey", "\(folder)/authority.key",
      "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE",
    ])
    var data = stat()
    guard stat(server.server.home + "/data", &data) == 0 else { throw TestServerError("the server has no data") }
    for file in ["server.key", "server.crt"] { chown("\(folder)/\(file)", data.st_uid, data.st_gid) }
  }

  private func openssl(_ arguments: [String]) throws {
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2"]
    let code = ChildProcess.run(
      ["/usr/bin/openssl", "req", "-x509"] + key + arguments, environment: ["PATH": "/usr/bin:/bin"],
      log: server.folder + "/openssl.log")
    guard code == 0 else { throw TestServerError("openssl made no certificate: exit code \(code)") }
  }

  private func listen() throws {
    do {
      var connection = try Connection(conninfo: server.conninfo())
      let settings = [
        "listen_addresses": "127.0.0.1", "port": String(port), "ssl": "on",
        "ssl_cert_file": server.folder + "/server.crt", "ssl_key_file": server.folder + "/server.key",
      ]
      for (name, value) in settings {
        try connection.execute("ALTER SYSTEM SET \(identifier: name) = '\(unsafeRaw: value)'")
      }
    }
    let rules = FileHandle(forWritingAtPath: server.server.home + "/data/pg_hba.conf")
    try rules?.seekToEnd()
    try rules?.write(contentsOf: Data("hostssl all all 127.0.0.1/32 scram-sha-256\n".utf8))
    try rules?.close()
    try server.server.stop()
    try server.server.start()
  }

  private static func freePort() throws -> Int {
    let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(probe) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let found = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(probe, $0, size) == 0 && getsockname(probe, $0, &size) == 0
      }
    }
    guard found else { throw TestServerError("no free port: \(String(cString: strerror(errno)))") }
    return Int(UInt16(bigEndian: address.sin_port))
  }
}
