import Foundation
import Glibc

/// The server this tool runs for itself when no other is named: one a user, on a Unix socket, no TCP.
///
/// Everything lies in one home folder: `data`, `socket`, `server.log`. Whoever reaches the socket may log in as any
/// role, so the folder it lies in belongs to the starting user alone (mode 0700), as does the socket itself.
/// PostgreSQL refuses to run as root: root's server runs as the user `postgres`, whose folders root may enter.
public struct PrivateServer: Sendable {
  /// The database that every private server has from the start.
  public static let database = "gpumarket"
  /// The role that `initdb` makes, a superuser.
  public static let superuser = "postgres"

  /// The home folder, absolute, without symbolic links.
  public let home: String
  /// Whether data made by this value are made for a test: nothing is synchronised to disk, and the server says so by
  /// the setting `market.throwaway`. Data that exist keep what they were made with.
  public let throwaway: Bool

  let environment: [String: String]

  /// Names a private server; nothing is touched or started yet.
  ///
  /// - Parameters:
  ///   - home: its folder; else `$GPUMARKET_HOME`, else `~/.gpumarket`, for root `/var/lib/gpumarket`.
  ///   - environment: the process's environment; `GPUMARKET_HOME`, `GPUMARKET_PG_BIN` and `PATH` are read.
  ///   - throwaway: see `throwaway`.
  /// - Throws: `homeUnusable` where no folder is given and the user has none.
  public init(
    home: String? = nil, environment: [String: String] = ProcessInfo.processInfo.environment, throwaway: Bool = false
  ) throws(PrivateServerError) {
    self.home = canonicalPath(try Self.folder(home, environment))
    self.throwaway = throwaway
    self.environment = environment
  }

  private static func folder(
    _ home: String?, _ environment: [String: String]
  ) throws(PrivateServerError) -> String {
    if let home = home ?? environment["GPUMARKET_HOME"], !home.isEmpty { return home }
    if geteuid() == 0 { return "/var/lib/gpumarket" }
    if let user = environment["HOME"] ?? Account.current?.home, !user.isEmpty { return user + "/.gpumarket" }
    throw PrivateServerError(
      .homeUnusable, "This user has no home folder to keep the private server in.",
      nextStep: "Name a folder in GPUMARKET_HOME.")
  }

  /// What a private server is doing.
  public enum Status: Sendable, Equatable {
    /// It accepts connections, or will once it has recovered from a crash.
    case running(process: Int32, conninfo: String)
    /// No server runs on these data, or there are none yet.
    case stopped
  }

  /// Whether the server runs. What a crash left behind does not count.
  ///
  /// - Throws: `homeUnusable` where the data belong to another user.
  public func status() throws(PrivateServerError) -> Status {
    guard let postmaster = try postmaster() else { return .stopped }
    return .running(process: postmaster.process, conninfo: conninfo())
  }

  /// Starts the server unless it runs, making its data the first time, and waits until it accepts connections.
  ///
  /// Safe to call from several processes at once. The server outlives this process.
  ///
  /// - Throws: `binariesMissing`, `homeUnusable`, `busy`, `startFailed`.
  public func start() throws(PrivateServerError) {
    let owner = try needOwner()
    try makeHome(owner)
    try locked(for: owner) { () throws(PrivateServerError) in
      if let running = try postmaster() {
        if try awaitReadiness(of: running) { return }
      }
      try prepareData(owner)
      try launch(owner)
    }
  }

  /// Stops the server, breaking off what its clients are doing. Does nothing where it does not run.
  ///
  /// - Throws: `homeUnusable`, `busy`, `stopFailed`, and `binariesMissing` where PostgreSQL was removed meanwhile.
  public func stop() throws(PrivateServerError) {
    guard try postmaster() != nil else { return }
    let owner = try needOwner()
    try locked(for: owner) { () throws(PrivateServerError) in
      guard try postmaster() != nil else { return }
      let code = try run("pg_ctl", ["stop", "-D", data, "-m", "fast", "-w", "-t", "120", "-s"], as: owner)
      guard code == 0 else {
        throw PrivateServerError(
          .stopFailed, "The private server in \(home) did not stop.", nextStep: "Its log says why: \(log)")
      }
    }
  }

  /// The connection string of this server, running or not.
  ///
  /// - Parameter user: the role to log in as, nil for the superuser.
  public func conninfo(user: String? = nil, database: String = PrivateServer.database) -> String {
    var options = [
      "host": socketFolder, "port": String(Self.port), "user": user ?? Self.superuser, "dbname": database,
    ]
    // The client makes sure that nobody else listens in the server's place.
    if let owner { options["requirepeer"] = owner.name }
    return Conninfo(options).text
  }

  // MARK: Places

  /// Only names the socket's file; there is no TCP.
  static let port = 5432

  var data: String { home + "/data" }
  var log: String { home + "/server.log" }

  /// The folder of the socket: in the home, or where the home's path is too long for a socket's address (107 bytes)
  /// a folder under /tmp whose name follows from the home's.
  var socketFolder: String {
    let usual = home + "/socket"
    guard usual.utf8.count + "/.s.PGSQL.\(Self.port)".utf8.count > 107 else { return usual }
    // FNV-1a, 64 bits. A folder of that name made by somebody else is refused.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in home.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return "/tmp/gpumarket-" + String(hash, radix: 16)
  }
}
