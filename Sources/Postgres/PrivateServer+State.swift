import Foundation
import Glibc

extension PrivateServer {
  /// A server that runs, as its `postmaster.pid` tells.
  struct Postmaster {
    let process: Int32
    /// `starting`, `ready`, `stopping`; empty in the first moment.
    let state: String
  }

  /// The server on these data if it runs.
  func postmaster() throws(PrivateServerError) -> Postmaster? {
    let path = data + "/postmaster.pid"
    guard let text = contents(path) else {
      if access(path, R_OK) != 0, errno == EACCES { throw foreign(owner?.name ?? "another user") }
      return nil
    }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    guard let process = lines.first.flatMap({ Int32($0) }), process > 0, isPostmaster(process) else { return nil }
    return Postmaster(process: process, state: lines.count > 7 ? lines[7] : "")
  }

  /// Whether a process is the server on these data. After a crash its number may belong to anyone, or to a dead
  /// process that nobody has waited for.
  private func isPostmaster(_ process: Int32) -> Bool {
    guard let line = contents("/proc/\(process)/cmdline") else { return false }
    let words = line.split(separator: "\0").map(String.init)
    guard let program = words.first, program.split(separator: "/").last == "postgres" else { return false }
    guard let flag = words.firstIndex(of: "-D"), flag + 1 < words.count else { return true }
    return words[flag + 1] == data || !words[flag + 1].hasPrefix("/")
  }

  /// Waits for a server that someone else started or stops; false when it has gone.
  func awaitReadiness(of first: Postmaster) throws(PrivateServerError) -> Bool {
    var found: Postmaster? = first
    for _ in 0..<6000 {
      guard let running = found else { return false }
      if running.state == "ready" { return true }
      usleep(50_000)
      found = try postmaster()
    }
    throw PrivateServerError(
      .startFailed, "The private server in \(home) has not been ready for five minutes.",
      nextStep: "Its log says why: \(log)")
  }

  /// Clears away what a killed server left, once its last backends are gone; call it when no server runs.
  ///
  /// PostgreSQL clears up by itself unless the old server's number belongs to some process: in a container that happens
  /// at the first restart, and a dead process that nobody waits for is enough.
  func clearAfterCrash() {
    let path = data + "/postmaster.pid"
    let lines = contents(path)?.split(separator: "\n", omittingEmptySubsequences: false) ?? []
    // A backend that lives on still writes: as long as the old shared memory has users no new server may start, and
    // the file is what tells PostgreSQL so.
    if lines.count > 6, let segment = lines[6].split(separator: " ").last {
      for attempt in 0..<200 where sharedMemoryUsers(segment) > 0 {
        if attempt == 199 { return }
        usleep(50_000)
      }
    }
    unlink(path)
    for name in ["", ".lock"] { unlink(socketFolder + "/.s.PGSQL.\(Self.port)" + name) }
  }

  private func sharedMemoryUsers(_ segment: Substring) -> Int {
    guard let table = contents("/proc/sysvipc/shm") else { return 0 }
    for line in table.split(separator: "\n") {
      // key shmid perms size cpid lpid nattch …
      let fields = line.split(separator: " ")
      if fields.count > 6, fields[1] == segment { return Int(fields[6]) ?? 0 }
    }
    return 0
  }
}
