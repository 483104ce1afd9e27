import Dispatch
import Foundation
import Glibc
import Postgres
import Synchronization
import TestSupport
import Testing

@Suite("Private server") struct PrivateServerTests {
  /// A folder for one test's server, below the shared server's: removed with it.
  private func home(_ name: String) throws -> String { try TestServer.shared().folder + "/" + name }

  private func process(_ server: PrivateServer) throws -> Int32? {
    guard case .running(let process, _) = try server.status() else { return nil }
    return process
  }

  private func setting(_ name: String, _ server: PrivateServer) throws -> String {
    var connection = try Connection(conninfo: server.conninfo())
    return try connection.query("SELECT current_setting(\(name)) AS value").one().get("value")
  }

  @Test func startsStopsAndKeepsItsData() throws {
    let server = try PrivateServer(home: home("plain"))
    #expect(try server.status() == .stopped)
    try server.stop()
    try server.start()
    let first = try #require(try process(server))
    try server.start()
    #expect(try process(server) == first)
    #expect(try server.status() == .running(process: first, conninfo: server.conninfo()))

    let settings = [
      "listen_addresses": "", "unix_socket_permissions": "0700", "max_connections": "100", "TimeZone": "UTC",
      "client_connection_check_interval": "500ms", "idle_in_transaction_session_timeout": "1min", "fsync": "on",
      "synchronous_commit": "on", "full_page_writes": "on", "server_encoding": "UTF8",
    ]
    for (name, value) in settings { #expect(try setting(name, server) == value, "\(name)") }
    #expect(try refused { try setting("market.throwaway", server) }.sqlState == "42704")

    do {
      var connection = try Connection(conninfo: server.conninfo())
      try connection.script("CREATE ROLE finance LOGIN; CREATE TABLE kept AS SELECT 42 AS n")
    }
    let role = try Connection(conninfo: server.conninfo(user: "finance"))
    #expect(role.user == "finance")
    try server.stop()
    #expect(try server.status() == .stopped)
    try server.start()
    var again = try Connection(conninfo: server.conninfo())
    #expect(try again.query("SELECT n FROM kept").one().get("n") == 42)
    try server.stop()
  }

  @Test func foldersAreClosedToOthers() throws {
    let server = try TestServer.shared().server
    for folder in ["data", "socket"] {
      var found = stat()
      #expect(stat(server.home + "/" + folder, &found) == 0)
      #expect(found.st_mode & 0o077 == 0, "\(folder)")
    }
  }

  @Test func throwawayIsDecidedWhenTheDataAreMade() throws {
    let shared = try TestServer.shared().server
    for name in ["fsync", "synchronous_commit", "full_page_writes"] { #expect(try setting(name, shared) == "off") }
    #expect(try setting("market.throwaway", shared) == "on")
  }

  @Test func manyStartersAtOnceStartOneServer() throws {
    let home = try home("crowd")
    let failures = Mutex<[String]>([])
    let processes = Mutex<Set<Int32>>([])
    DispatchQueue.concurrentPerform(iterations: 4) { _ in
      do {
        let server = try PrivateServer(home: home, throwaway: true)
        try server.start()
        var connection = try Connection(conninfo: server.conninfo())
        try connection.query("SELECT 1")
        let found = try process(server)
        processes.withLock { _ = $0.insert(found ?? 0) }
      } catch { failures.withLock { $0.append("\(error)") } }
    }
    #expect(failures.withLock { $0 } == [])
    #expect(processes.withLock { $0.count } == 1)
    try PrivateServer(home: home).stop()
  }

  @Test func killedServerStartsAgain() throws {
    let server = try PrivateServer(home: home("killed"))
    try server.start()
    var connection = try Connection(conninfo: server.conninfo())
    try connection.script("CREATE TABLE kept AS SELECT 42 AS n")
    let first = try #require(try process(server))
    kill(first, SIGKILL)
    while try process(server) == first { usleep(10_000) }
    #expect(try server.status() == .stopped)
    try server.start()
    var again = try Connection(conninfo: server.conninfo())
    #expect(try again.query("SELECT n FROM kept").one().get("n") == 42)
    try server.stop()
  }

  /// Whoever reads this program's output to its end must not wait for the server it started.
  @Test func serverHoldsNoFileOfItsStarter() throws {
    let server = try PrivateServer(home: home("pipe"), throwaway: true)
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    try server.start()
    close(ends[1])
    var reader = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
    #expect(poll(&reader, 1, 20_000) == 1)
    #expect(reader.revents & Int16(POLLHUP) != 0)
    close(ends[0])
    try server.stop()
  }

  /// In a container the numbers of processes start again with it: the old server's may be anybody's now.
  @Test func processNumberOfSomebodyElseIsNoServer() throws {
    let server = try PrivateServer(home: home("reused"), throwaway: true)
    try server.start()
    let first = try #require(try process(server))
    let path = server.home + "/data/postmaster.pid"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    kill(first, SIGKILL)
    while try process(server) == first { usleep(10_000) }
    try text.replacing("\(first)\n", with: "\(getpid())\n", maxReplacements: 1)
      .write(toFile: path, atomically: false, encoding: .utf8)
    #expect(try server.status() == .stopped)
    try server.start()
    #expect(try process(server) != nil)
    try server.stop()
  }

  @Test func halfMadeDataDoNotCount() throws {
    let server = try PrivateServer(home: home("half"), throwaway: true)
    try FileManager.default.createDirectory(
      atPath: server.home + "/data.new/base", withIntermediateDirectories: true)
    try server.start()
    #expect(try process(server) != nil)
    try server.stop()
  }

  @Test(arguments: ["with space", "it's; (one) é", String(repeating: "long", count: 40)])
  func homeMayHaveNearlyAnyName(name: String) throws {
    let server = try PrivateServer(home: home(name), throwaway: true)
    try server.start()
    var connection = try Connection(conninfo: server.conninfo())
    #expect(try connection.query("SELECT 1 AS one").one().get("one") == 1)
    let socket = try setting("unix_socket_directories", server)
    try server.stop()
    if name.hasPrefix("long") {
      #expect(socket.hasPrefix("\"/tmp/gpumarket-"))
      try FileManager.default.removeItem(atPath: String(socket.dropFirst().dropLast()))
    }
  }

  @Test func symbolicLinksLeadToTheSameServer() throws {
    let real = try home("real")
    let link = try home("link")
    mkdir(real, 0o700)
    symlink(real, link)
    #expect(try PrivateServer(home: link + "/./").home == real)
    #expect(try PrivateServer(home: link + "/new//deeper/").home == real + "/new/deeper")
  }

  // MARK: Errors

  private func trouble(_ body: () throws -> Void) throws -> PrivateServerError {
    do { try body() } catch let error as PrivateServerError { return error }
    throw Missing()
  }

  @Test func missingProgramsAreNamed() throws {
    let home = try home("nothing")
    let error = try trouble { try PrivateServer(home: home, environment: ["GPUMARKET_PG_BIN": "/nonexistent"]).start() }
    #expect(error.kind == .binariesMissing)
    #expect(
      error.description == """
        GPUMARKET_PG_BIN names /nonexistent, which holds no initdb, pg_ctl and postgres.
        Unset it, or let it name the bin folder of PostgreSQL 15.
        """)
  }

  @Test func dataOfAVersionThatIsNotInstalledAreKept() throws {
    let home = try home("old")
    try FileManager.default.createDirectory(atPath: home + "/data", withIntermediateDirectories: true)
    try "9\n".write(toFile: home + "/data/PG_VERSION", atomically: false, encoding: .utf8)
    chmod(home, 0o755)
    let error = try trouble { try PrivateServer(home: home, environment: [:]).start() }
    #expect(error.kind == .binariesMissing)
    #expect(error.nextStep.contains("`apt-get install postgresql-9`"))
  }

  @Test func foldersThatCannotServeAreRefused() throws {
    let file = try home("file")
    try "".write(toFile: file, atomically: false, encoding: .utf8)
    let error = try trouble { try PrivateServer(home: file + "/below").start() }
    #expect(error.kind == .homeUnusable)
    #expect(error.message == "The private server's folder \(file)/below cannot be made: Not a directory.")

    let shell = try trouble { try PrivateServer(home: home("a$(b)")).start() }
    #expect(shell.message.hasSuffix("has a quote, backslash, dollar, comma or line break in its name."))

    let foreign = try home("foreign")
    try FileManager.default.createDirectory(atPath: foreign + "/data/x", withIntermediateDirectories: true)
    #expect(try trouble { try PrivateServer(home: foreign).start() }.message.hasSuffix("is no PostgreSQL data folder."))
  }

  @Test func serverThatCannotStartSaysWhy() throws {
    let server = try PrivateServer(home: home("broken"), throwaway: true)
    try server.start()
    try server.stop()
    let path = server.home + "/data/postgresql.auto.conf"
    try "shared_buffers = 'plenty'\n".write(toFile: path, atomically: false, encoding: .utf8)
    let error = try trouble { try server.start() }
    #expect(error.kind == .startFailed)
    #expect(error.message.contains("invalid value for parameter \"shared_buffers\": \"plenty\""))
    #expect(error.nextStep == "The whole story is in \(server.home)/server.log.")
  }
}
