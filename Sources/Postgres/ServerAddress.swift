/// Which database a command talks to: one that was named, or the private server of this user.
public enum ServerAddress: Sendable {
  /// A server named by `--database`, `PG*` variables or a service file; remote ones over verified TLS.
  case named(conninfo: String)
  /// Nothing was named.
  case privateServer(PrivateServer)

  /// Finds the address, and makes a TCP connection verify its server.
  ///
  /// Every TCP host counts as remote, loopback too: another user of the machine can listen there. Unless the address,
  /// `PGSSLMODE` or the service file says otherwise, a remote connection gets `sslmode=verify-full` and
  /// `channel_binding=require`; libpq's own default would fall back to plain text in silence. It also gets limits of time
  /// after which a server that is gone counts as gone, each unless it is set.
  ///
  /// - Parameters:
  ///   - database: a libpq connection string or URI, as `--database` gives it.
  ///   - environment: the process's environment. A service file is found through the real one.
  ///   - home: the private server's folder, nil for the usual one.
  ///   - allowPlaintext: lets `sslmode` be `disable`, `allow` or `prefer`; `GPUMARKET_ALLOW_PLAINTEXT=1` does the same.
  /// - Throws: `PostgresError` of kind `configuration` for an address libpq cannot read or a connection that might be
  ///   plain text; `PrivateServerError` where there is no home folder.
  public static func resolve(
    database: String?, environment: [String: String], home: String? = nil, allowPlaintext: Bool = false
  ) throws -> ServerAddress {
    let naming = ["PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE"]
    guard database != nil || naming.contains(where: { environment[$0]?.isEmpty == false }) else {
      return .privateServer(try PrivateServer(home: home, environment: environment))
    }
    let stated = try Conninfo(parsing: database ?? "")
    let plain = allowPlaintext || environment["GPUMARKET_ALLOW_PLAINTEXT"] == "1"
    return .named(conninfo: try secured(stated, environment: environment, allowPlaintext: plain).text)
  }

  /// A connection string that works now: starts the private server where that is the address.
  ///
  /// - Parameter user: the role to log in as on the private server; a named server's address says it itself.
  public func reachableConninfo(user: String? = nil) throws(PrivateServerError) -> String {
    switch self {
    case .named(let conninfo): return conninfo
    case .privateServer(let server):
      try server.start()
      return server.conninfo(user: user)
    }
  }

  /// The same address with another password, whatever the environment and the password file hold. The private server
  /// asks for none.
  ///
  /// - Throws: `configuration` for an address that libpq cannot read.
  public func withPassword(_ password: String) throws(PostgresError) -> ServerAddress {
    guard case .named(let conninfo) = self else { return self }
    var stated = try Conninfo(parsing: conninfo)
    stated.options["password"] = password
    return .named(conninfo: stated.text)
  }

  /// What finds out within a minute or two that the other side of a TCP connection is gone, as libpq's keywords. The
  /// system's own keep-alives take more than two hours, in which a clearing would wait.
  private static let liveness = [
    "connect_timeout": "10", "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3",
    "tcp_user_timeout": "60000",
  ]

  private static func secured(
    _ stated: Conninfo, environment: [String: String], allowPlaintext: Bool
  ) throws(PostgresError) -> Conninfo {
    // libpq's order: the address itself, the service file, the environment.
    let variables = Conninfo.variables()
    let service = stated.options["service"] ?? environment["PGSERVICE"]
    var asked = stated
    asked.options["service"] = service
    let effective = service == nil ? stated : try asked.expandingService()
    func value(_ keyword: String) -> String? {
      let found = effective.options[keyword] ?? variables[keyword].flatMap { environment[$0] }
      return found?.isEmpty == true ? nil : found
    }

    guard value("hostaddr") != nil || isTCP(value("host")) else { return stated }
    var secured = stated
    for (keyword, usual) in liveness where value(keyword) == nil { secured.options[keyword] = usual }
    let own = stated.options["sslmode"] ?? environment["PGSSLMODE"]
    // Of a service file only the outcome is known: there `prefer` may be libpq's default, so it counts as unsaid.
    let fromService = effective.options["sslmode"].flatMap { $0 == "prefer" ? nil : $0 }
    guard let mode = stated.options["sslmode"] ?? fromService ?? own else {
      secured.options["sslmode"] = "verify-full"
      // A Kerberos ticket would otherwise take the place of TLS.
      for (keyword, strict) in [("channel_binding", "require"), ("gssencmode", "disable")]
      where stated.options[keyword] == nil && value(keyword) ?? "prefer" == "prefer" {
        secured.options[keyword] = strict
      }
      return secured
    }
    guard allowPlaintext || !["disable", "allow", "prefer"].contains(mode) else {
      throw PostgresError(
        .configuration,
        "sslmode=\(mode) may send bids and passwords to \(value("host") ?? "the server") in plain text.",
        hint: "use sslmode=verify-full with the server's root certificate (sslrootcert=…), "
          + "or set GPUMARKET_ALLOW_PLAINTEXT=1 if the network between is yours alone")
    }
    return secured
  }

  /// Whether any of a comma-separated list of hosts is not a socket folder.
  private static func isTCP(_ hosts: String?) -> Bool {
    guard let hosts else { return false }
    return hosts.split(separator: ",").contains { !$0.hasPrefix("/") && !$0.hasPrefix("@") }
  }
}
