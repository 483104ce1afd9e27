import Glibc

extension PrivateServer {
  /// Runs `body` while no other process starts or stops this server; the kernel ends the lock of one that dies.
  func locked<T>(for owner: Account, _ body: () throws(PrivateServerError) -> T) throws(PrivateServerError) -> T {
    let path = home + "/lock"
    let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { throw unusable("cannot be written", errno) }
    defer { close(file) }
    if geteuid() == 0 { fchown(file, owner.id, owner.group) }
    // Making data takes a second or two, recovery after a crash can take minutes.
    for _ in 0..<6000 {
      if flock(file, LOCK_EX | LOCK_NB) == 0 { return try body() }
      guard errno == EWOULDBLOCK || errno == EINTR else { throw unusable("cannot be locked", errno) }
      usleep(50_000)
    }
    throw PrivateServerError(
      .busy, "Another process has held the private server in \(home) for five minutes.",
      nextStep: "Find it with `fuser \(path)` and end it, then try again.")
  }

  func unusable(_ what: String, _ code: Int32) -> PrivateServerError {
    PrivateServerError(
      .homeUnusable, "The private server's folder \(home) \(what): \(String(cString: strerror(code))).",
      nextStep: "Name another folder in GPUMARKET_HOME, or make this one writable.")
  }
}
