import Foundation
import Postgres
import Synchronization

/// A real PostgreSQL for tests, gone when the test process is.
///
/// Most suites share one server, which does not synchronise to disk, and take a database each:
///
///     let server = try TestServer.shared()
///     var connection = try Connection(conninfo: server.conninfo(database: server.makeDatabase()))
public final class TestServer: Sendable {
  /// The server behind it, for tests that stop, kill or restart it.
  public let server: PrivateServer
  /// Where the tests may put files of their own; removed with the server. A private server whose home a test places here
  /// is stopped then, too.
  public var folder: String { temporary.path }

  private let temporary: TestFolder
  private let names = Atomic(0)
  private let templates = Mutex<[String: Result<String, any Error>]>([:])

  /// The server all suites of this process share, started by the first call. It is marked as throw-away.
  public static func shared() throws -> TestServer { try common.get() }

  private static let common = Result { try TestServer(throwaway: true) }

  /// A server of its own for tests of faults, synchronised to disk as a real one is.
  ///
  /// - Parameter environment: more variables for the server's programs, such as `LD_PRELOAD`.
  public static func durable(environment: [String: String] = [:]) throws -> TestServer {
    try TestServer(throwaway: false, environment: environment)
  }

  private init(throwaway: Bool, environment: [String: String] = [:]) throws {
    temporary = try TestFolder(inMemory: throwaway)
    let all = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    server = try PrivateServer(home: temporary.path + "/home", environment: all, throwaway: throwaway)
    try server.start()
  }

  /// A connection string; the user is the superuser unless named.
  public func conninfo(user: String? = nil, database: String = PrivateServer.database) -> String {
    server.conninfo(user: user, database: database)
  }

  /// Makes a database of its own for a test and gives its name.
  ///
  /// - Parameter template: the database to copy, nil for an empty one.
  public func makeDatabase(template: String? = nil) throws -> String {
    let name = "test_\(names.add(1, ordering: .relaxed).newValue)"
    var connection = try Connection(conninfo: conninfo(database: "postgres"))
    try connection.execute(
      "CREATE DATABASE \(identifier: name) TEMPLATE \(identifier: template ?? "template1")")
    return name
  }

  /// A database that many tests copy: made by the first call for its name, found by the others.
  ///
  /// - Parameter prepare: fills it, given its connection string; it must close what it opens, for a database with
  ///   connections cannot be copied.
  /// - Returns: the name to hand to `makeDatabase`.
  public func template(_ name: String, _ prepare: (String) throws -> Void) throws -> String {
    try templates.withLock { made in
      if let known = made[name] { return try known.get() }
      let result = Result {
        let database = try makeDatabase()
        try prepare(conninfo(database: database))
        return database
      }
      made[name] = result
      return try result.get()
    }
  }
}

/// Why a test has no server.
public struct TestServerError: Error, CustomStringConvertible {
  /// One sentence.
  public let description: String

  init(_ description: String) { self.description = description }
}
