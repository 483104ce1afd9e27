import Foundation
import Glibc

extension PrivateServer {
  /// The user the server runs as: the owner of its data; for new data this user, for root `postgres`.
  var owner: Account? {
    var found = stat()
    if stat(data, &found) == 0, found.st_uid != 0 { return Account(id: found.st_uid) }
    return geteuid() == 0 ? Account(name: "postgres") : Account.current
  }

  func needOwner() throws(PrivateServerError) -> Account {
    if let owner {
      guard geteuid() == 0 || geteuid() == owner.id else { throw foreign(owner.name) }
      return owner
    }
    guard geteuid() == 0 else {
      throw PrivateServerError(
        .homeUnusable, "A user without a name on this machine (number \(geteuid())) cannot run PostgreSQL.",
        nextStep: "Run this as a user that /etc/passwd lists.")
    }
    throw PrivateServerError(
      .binariesMissing, "PostgreSQL does not run as root, and there is no user named postgres.",
      nextStep: "Run `apt-get install postgresql-\(ServerPrograms.oldest)`, or run this as an ordinary user.")
  }

  func foreign(_ name: String) -> PrivateServerError {
    PrivateServerError(
      .homeUnusable, "The private server in \(home) belongs to \(name).",
      nextStep: "Run this as \(name), or name a folder of your own in GPUMARKET_HOME.")
  }

  /// Makes the home, the log and the socket's folder as far as they are missing.
  func makeHome(_ owner: Account) throws(PrivateServerError) {
    // pg_ctl hands the paths to a shell between double quotes, and libpq takes a comma for the end of a host.
    guard !home.utf8.contains(where: { "\"\\$`\n,".utf8.contains($0) }) else {
      throw PrivateServerError(
        .homeUnusable,
        "The private server's folder \(home) has a quote, backslash, dollar, comma or line break in its name.",
        nextStep: "Name another folder in GPUMARKET_HOME.")
    }
    let root = geteuid() == 0
    // The user postgres has to pass through root's.
    guard makeFolders(home, mode: root ? 0o755 : 0o700) else { throw unusable("cannot be made", errno) }
    let file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { throw unusable("cannot be written", errno) }
    if root { fchown(file, owner.id, owner.group) }
    close(file)

    guard mkdir(socketFolder, 0o700) == 0 || errno == EEXIST else { throw unusable("cannot be written", errno) }
    var found = stat()
    // Root's own folder was made just now, by this process or by one that starts the server at the same moment.
    if root, lstat(socketFolder, &found) == 0, found.st_uid == 0 { lchown(socketFolder, owner.id, owner.group) }
    guard lstat(socketFolder, &found) == 0, found.st_mode & S_IFMT == S_IFDIR, found.st_uid == owner.id,
      found.st_mode & 0o077 == 0
    else {
      throw PrivateServerError(
        .homeUnusable, "The socket's folder \(socketFolder) must be a folder that belongs to \(owner.name) alone.",
        nextStep: "Remove it, or name a folder with a shorter path in GPUMARKET_HOME.")
    }
  }

  /// Makes the data unless they are there. They get their name last, so that what a killed `initdb` left never counts.
  func prepareData(_ owner: Account) throws(PrivateServerError) {
    guard access(data + "/PG_VERSION", F_OK) != 0 else { return }
    guard access(data, F_OK) != 0 else {
      throw PrivateServerError(
        .homeUnusable, "\(data) exists and is no PostgreSQL data folder.",
        nextStep: "Move it away, or name another folder in GPUMARKET_HOME.")
    }
    let new = home + "/data.new"
    try remove(new)
    guard mkdir(new, 0o700) == 0 else { throw unusable("cannot be written", errno) }
    if geteuid() == 0 { lchown(new, owner.id, owner.group) }
    if geteuid() == 0 {
      let code = ChildProcess.run(
        asOwner(owner, ["/usr/bin/test", "-x", new]), environment: childEnvironment, log: log)
      guard code == 0 else {
        throw PrivateServerError(
          .homeUnusable, "The user \(owner.name), who runs root's server, cannot enter \(home).",
          nextStep: "Name a folder that \(owner.name) can enter in GPUMARKET_HOME; /var/lib/gpumarket is the usual one."
        )
      }
    }

    var options = ["-D", new, "-U", Self.superuser, "-A", "trust", "-E", "UTF8", "--locale=C"]
    if throwaway { options.append("-N") }
    try need(try run("initdb", options, as: owner), "initdb could not make the private server's data")
    // The only door is the socket, and its folder is the lock on it.
    try write("local all all trust\n", new + "/pg_hba.conf", owner)
    try write("", new + "/pg_ident.conf", owner)
    try append("\ninclude 'gpumarket.conf'\n", new + "/postgresql.conf")
    try write("", new + "/gpumarket.conf", owner)
    if throwaway {
      try append(
        "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nmarket.throwaway = 'on'\n",
        new + "/postgresql.conf")
    }
    try write("CREATE DATABASE \(Self.database)\n", new + "/create.sql", owner)
    let made = try run(
      "postgres", ["--single", "-D", new, "template1"], as: owner, input: new + "/create.sql")
    unlink(new + "/create.sql")
    try need(made, "the private server's database could not be made")
    guard rename(new, data) == 0 else { throw unusable("cannot be written", errno) }
  }

  /// Starts the server and waits until it accepts connections.
  func launch(_ owner: Account) throws(PrivateServerError) {
    // Written at each start: the home may have moved, or a newer version of this tool may want other settings.
    try write(settings, data + "/gpumarket.conf", owner)
    clearAfterCrash()
    try need(
      try run("pg_ctl", ["start", "-D", data, "-l", log, "-w", "-t", "300", "-s"], as: owner),
      "the private server did not start")
  }

  private var settings: String {
    // A list of folders, each in double quotes, within a string in single ones.
    let quoted = "\"" + prefixing("\"", with: "\"", in: socketFolder) + "\""
    let folder = prefixing("'", with: "'", in: prefixing("\\", with: "\\", in: quoted))
    return """
      # Written by gpumarket at each start; put changes into postgresql.conf below the include, or use ALTER SYSTEM.
      listen_addresses = ''
      port = \(Self.port)
      unix_socket_directories = '\(folder)'
      unix_socket_permissions = 0700
      max_connections = 100
      timezone = 'UTC'
      log_timezone = 'UTC'
      client_connection_check_interval = '500ms'
      idle_in_transaction_session_timeout = '60s'

      """
  }

  // MARK: Programs and files

  /// Runs one of PostgreSQL's programs as the server's user; what it says goes to the log.
  func run(
    _ program: String, _ arguments: [String], as owner: Account, input: String = "/dev/null"
  ) throws(PrivateServerError) -> Int32 {
    let made = contents(data + "/PG_VERSION").flatMap { Int(trimmed($0)) }
    let programs = try ServerPrograms.find(version: made, environment: environment)
    return ChildProcess.run(
      asOwner(owner, ["\(programs.folder)/\(program)"] + arguments), environment: childEnvironment, input: input,
      log: log)
  }

  private func asOwner(_ owner: Account, _ command: [String]) -> [String] {
    guard geteuid() == 0 else { return command }
    let runuser = access("/usr/sbin/runuser", X_OK) == 0 ? "/usr/sbin/runuser" : "/sbin/runuser"
    return [runuser, "-u", owner.name, "--"] + command
  }

  /// No `PG*` variable of the caller may steer the server; libraries loaded first may (a clock for tests).
  private var childEnvironment: [String: String] {
    environment.filter { $0.key.hasPrefix("LD_") || $0.key.hasPrefix("FAKETIME") }
      .merging(["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"]) { $1 }
  }

  private func need(_ code: Int32, _ what: String) throws(PrivateServerError) {
    guard code != 0 else { return }
    let said = (contents(log) ?? "").suffix(4096).split(separator: "\n")
      .filter { !$0.hasPrefix("pg_ctl:") && !$0.hasPrefix("Examine the log") }
      .suffix(3).joined(separator: " | ")
    throw PrivateServerError(
      .startFailed, "In \(home) \(what): \(said.isEmpty ? "exit code \(code)" : said)",
      nextStep: "The whole story is in \(log).")
  }

  private func write(_ text: String, _ path: String, _ owner: Account) throws(PrivateServerError) {
    let new = path + ".new"
    unlink(new)
    let file = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw unusable("cannot be written", errno) }
    let bytes = Array(text.utf8)
    let written = Glibc.write(file, bytes, bytes.count)
    if geteuid() == 0 { fchown(file, owner.id, owner.group) }
    close(file)
    guard written == bytes.count, rename(new, path) == 0 else { throw unusable("cannot be written", errno) }
  }

  private func append(_ text: String, _ path: String) throws(PrivateServerError) {
    let file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW)
    guard file >= 0 else { throw unusable("cannot be written", errno) }
    defer { close(file) }
    let bytes = Array(text.utf8)
    guard Glibc.write(file, bytes, bytes.count) == bytes.count else { throw unusable("cannot be written", errno) }
  }

  private func remove(_ folder: String) throws(PrivateServerError) {
    guard access(folder, F_OK) == 0 else { return }
    do {
      try FileManager.default.removeItem(atPath: folder)
    } catch {
      throw unusable("holds a half-made data.new that cannot be removed", EACCES)
    }
  }
}
