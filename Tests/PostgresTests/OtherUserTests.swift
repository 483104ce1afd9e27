import Foundation
import Glibc
import Postgres
import TestSupport
import Testing

/// Who may run a private server and who may reach it. Each test changes its user in a process of its own.
@Suite("Private server and users") struct OtherUserTests {
  private func folder(_ name: String, mode: mode_t) throws -> String {
    let folder = try TestServer.shared().folder + "/" + name
    guard mkdir(folder, mode) == 0 else { throw Missing() }
    return folder
  }

  @Test func ordinaryUserRunsAServer() async throws {
    let home = try folder("ordinary", mode: 0o700)
    if geteuid() == 0 { chown(home, 65534, 65534) }
    await #expect(processExitsWith: .success) { [home = home as String] in
      if geteuid() == 0 { try become(65534) }
      let server = try PrivateServer(home: home, throwaway: true)
      try server.start()
      do {
        var connection = try Connection(conninfo: server.conninfo())
        try connection.script("CREATE ROLE finance LOGIN")
        #expect(try Connection(conninfo: server.conninfo(user: "finance")).user == "finance")
      }
      try server.stop()
      #expect(try server.status() == .stopped)
    }
  }

  @Test(.enabled(if: geteuid() == 0, "only root can become another user"))
  func rootRunsAnotherUsersServerAsThatUser() async throws {
    let home = try folder("borrowed", mode: 0o700)
    chown(home, 65534, 65534)
    await #expect(processExitsWith: .success) { [home = home as String] in
      try become(65534)
      try PrivateServer(home: home, throwaway: true).start()
    }
    let server = try PrivateServer(home: home)
    _ = try Connection(conninfo: server.conninfo())
    try server.stop()
    try server.start()
    var found = stat()
    #expect(stat(home + "/data/postmaster.pid", &found) == 0)
    #expect(found.st_uid == 65534)
    try server.stop()
  }

  @Test(.enabled(if: geteuid() == 0, "only root can become another user"))
  func nobodyElseGetsIn() async throws {
    let shared = try TestServer.shared()
    let home = shared.server.home
    let conninfo = shared.conninfo()
    await #expect(processExitsWith: .success) { [home = home as String, conninfo = conninfo as String] in
      try become(65534)
      let error = try refused { try Connection(conninfo: conninfo) }
      #expect(error.message.contains("Permission denied"))
      let server = try PrivateServer(home: home)
      for call in [server.start, server.stop, { _ = try server.status() }] {
        do {
          try call()
          Issue.record("another user's server was reached")
        } catch let error as PrivateServerError {
          #expect(error.kind == .homeUnusable)
          #expect(error.message == "The private server in \(home) belongs to postgres.")
        }
      }
    }
  }

  @Test(.enabled(if: geteuid() == 0, "root's server runs as another user"))
  func folderThatPostgresCannotEnterIsRefused() throws {
    let home = try folder("closed", mode: 0o700) + "/home"
    do {
      try PrivateServer(home: home).start()
      Issue.record("the server started")
    } catch {
      #expect(error.kind == .homeUnusable)
      #expect(error.message == "The user postgres, who runs root's server, cannot enter \(home).")
      #expect(error.nextStep.contains("/var/lib/gpumarket"))
    }
  }
}

/// Turns this process into one of an ordinary user, for good.
private func become(_ user: uid_t) throws {
  guard setgroups(0, nil) == 0, setgid(user) == 0, setuid(user) == 0 else { throw Missing() }
}
