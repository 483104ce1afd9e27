import Glibc

/// A temporary folder that a watchdog removes when this process ends, however it ends. Servers whose data lie anywhere
/// in it are stopped first.
public final class TestFolder: Sendable {
  /// Absolute; any user may pass through it, only this one may look into it.
  public let path: String
  /// Closed by the kernel when this process ends: that is the watchdog's signal.
  private let lifeline: Int32

  /// Makes the folder and its watchdog.
  ///
  /// - Parameter inMemory: prefers a folder in memory, where a database is made in a tenth of the time.
  public init(inMemory: Bool = false) throws(TestServerError) {
    let base = inMemory && Self.hasRoom("/dev/shm") ? "/dev/shm" : "/tmp"
    var name = Array("\(base)/gpumarket-test-XXXXXX".utf8CString)
    guard mkdtemp(&name) != nil else {
      throw TestServerError("no temporary folder: \(String(cString: strerror(errno)))")
    }
    path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // The user postgres has to pass through root's folder; what must stay closed has its own mode.
    chmod(path, 0o711)
    var ends: [Int32] = [0, 0]
    // A pair of sockets, because they can be born closed to programs started at the same moment by another thread.
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
      throw TestServerError("no watchdog: \(String(cString: strerror(errno)))")
    }
    lifeline = ends[1]
    let started = Self.watch(path, lifeline: ends[0])
    close(ends[0])
    guard started == 0 else { throw TestServerError("no watchdog: \(String(cString: strerror(started)))") }
  }

  private static let common = Result { () throws(TestServerError) in try TestFolder() }

  /// A new folder that only this user enters, in one that all tests of this process share; it goes when the process does.
  public static func make() throws(TestServerError) -> String {
    var name = Array("\(try common.get().path)/XXXXXX".utf8CString)
    guard mkdtemp(&name) != nil else {
      throw TestServerError("no temporary folder: \(String(cString: strerror(errno)))")
    }
    return String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// A cluster takes 40 MB and each database 8, of which a run makes some hundreds; a container may have 64 MB in all.
  private static func hasRoom(_ folder: String) -> Bool {
    var found = statvfs()
    return statvfs(folder, &found) == 0 && UInt64(found.f_bavail) * UInt64(found.f_frsize) >= 4 << 30
  }

  /// Waits for the end of the lifeline, then stops every server below the folder and removes it.
  ///
  /// The watchdog is in a session of its own, so that an interrupt from the keyboard does not take it along, and holds
  /// no file of this process but its end of the lifeline: whoever reads this process's output to its end is not kept.
  private static func watch(_ path: String, lifeline: Int32) -> Int32 {
    let script = """
      cat >/dev/null
      find "$1" -name postmaster.pid -exec sh -c 'kill -QUIT "$(head -n 1 "$1")"' sh {} ';'
      for attempt in 1 2 3 4 5 6 7 8 9 10; do
        rm -rf "$1" && break
        sleep 0.2
      done
      """
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    // The lifeline may itself have one of the low numbers; it is moved before the others are opened.
    posix_spawn_file_actions_adddup2(&files, lifeline, 0)
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0)
    for file in 3..<Int32(1024) { posix_spawn_file_actions_addclose(&files, file) }

    var process: pid_t = 0
    let command = ["/usr/bin/setsid", "/bin/sh", "-c", script, "watchdog", path]
    let arguments = command.map { strdup($0) } + [nil]
    let variables = [strdup("PATH=/usr/bin:/bin")] + [nil]
    defer { for text in arguments + variables { free(text) } }
    return posix_spawn(&process, "/usr/bin/setsid", &files, nil, arguments, variables)
  }
}
