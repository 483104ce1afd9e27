import Glibc

/// Starts PostgreSQL's own programs so that nothing of this process leaks into a server that outlives it.
package enum ChildProcess {
  /// Runs a program to its end and gives its exit code; 128 + signal when a signal ended it.
  ///
  /// It gets `/` as folder, `input` as standard input and appends its output to the file `log`. No other open file is
  /// handed down: a server that held the write end of somebody's pipe would keep the reader waiting for ever.
  package static func run(
    _ command: [String], environment: [String: String], input: String = "/dev/null", log: String
  ) -> Int32 {
    var process: pid_t = 0
    guard spawn(command, environment: environment, input: input, log: log, &process) == 0 else { return 127 }
    var status: Int32 = 0
    while waitpid(process, &status, 0) == -1 {
      guard errno == EINTR else { return 127 }
    }
    return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
  }

  private static func spawn(
    _ command: [String], environment: [String: String], input: String, log: String, _ process: inout pid_t
  ) -> Int32 {
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    posix_spawn_file_actions_addopen(&files, 0, input, O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&files, 1, log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600)
    posix_spawn_file_actions_adddup2(&files, 1, 2)
    for file in 3..<highestOpenFile() + 256 { posix_spawn_file_actions_addclose(&files, file) }

    // Signals that this program blocks or ignores must reach the server all the same.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    // The server's user need not be able to enter the folder this program was called in.
    let moved = ["/usr/bin/env", "-C", "/"] + command
    let arguments = moved.map { strdup($0) } + [nil]
    let variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in arguments + variables { free(text) } }
    return posix_spawn(&process, moved[0], &files, &attributes, arguments, variables)
  }

  private static func highestOpenFile() -> Int32 {
    guard let folder = opendir("/proc/self/fd") else { return 1024 }
    defer { closedir(folder) }
    var highest: Int32 = 2
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if let file = Int32(name) { highest = max(highest, file) }
    }
    return highest
  }
}
