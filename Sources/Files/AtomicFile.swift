import Glibc

/// Writes a file that appears whole or not at all.
///
/// Bytes go to a hidden temporary file in the target's own folder; `commit()` makes them durable and
/// renames the file over the target, whose permissions are kept. Before that, and after a crash at any
/// step, the old file stands untouched. A value dropped without `commit()` removes its temporary file; a
/// killed process leaves it behind, named `.gpumarket-PID-….tmp`.
public struct AtomicFile: ~Copyable {
  /// The path as the caller gave it.
  public let path: String
  private let target: String
  private let temporary: String
  private var descriptor: Int32
  private var buffer: [UInt8] = []

  /// Begins a file that will replace `path`, which may be missing but must not be a folder or a device.
  public init(_ path: String) throws(FileProblem) {
    var status = stat()
    let exists = stat(path, &status) == 0
    if exists, status.st_mode & S_IFMT == S_IFDIR { throw .system(path, "write it", EISDIR) }
    guard !exists || status.st_mode & S_IFMT == S_IFREG else {
      throw FileProblem(
        path: path, reason: "it is not a regular file, so it cannot be replaced whole",
        advice: "name a file, or write to standard output instead")
    }
    let target = exists ? resolved(path) : path
    let parent = folder(of: target)
    var made: Int32 = -1
    var candidate = ""
    for _ in 0..<16 where made < 0 {
      candidate = "\(parent)/.gpumarket-\(getpid())-\(String(UInt32.random(in: .min ... .max), radix: 16)).tmp"
      made = open(candidate, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if made < 0, errno != EEXIST { break }
    }
    guard made >= 0 else { throw .system(path, "write it", errno) }
    if exists { fchmod(made, status.st_mode & 0o7777) }
    self.path = path
    self.target = target
    temporary = candidate
    descriptor = made
  }

  /// Appends bytes.
  public mutating func write(_ bytes: [UInt8]) throws(FileProblem) {
    if buffer.isEmpty, bytes.count >= Self.bufferBytes { return try put(bytes) }
    buffer.append(contentsOf: bytes)
    if buffer.count >= Self.bufferBytes { try flush() }
  }

  /// Appends text as UTF-8.
  public mutating func write(_ text: String) throws(FileProblem) { try write(Array(text.utf8)) }

  /// Makes the file durable and puts it in place of the old one.
  public consuming func commit() throws(FileProblem) {
    try flush()
    guard fsync(descriptor) == 0 else { throw .system(path, "make it durable", errno) }
    let closed = close(descriptor)
    descriptor = -1
    guard closed == 0, rename(temporary, target) == 0 else {
      let code = errno
      unlink(temporary)
      throw .system(path, "put it in place", code)
    }
    try makeDurable(folder(of: target), around: path)
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(temporary)
  }

  private static let bufferBytes = 1 << 16

  private mutating func flush() throws(FileProblem) {
    let pending = buffer
    buffer = []
    try put(pending)
  }

  private func put(_ bytes: [UInt8]) throws(FileProblem) {
    var at = 0
    while at < bytes.count {
      let done = bytes.withUnsafeBytes { raw in
        untilUninterrupted { Glibc.write(descriptor, raw.baseAddress! + at, raw.count - at) }
      }
      guard done >= 0 else { throw .system(path, "write it", errno) }
      at += done
    }
  }
}

/// Replaces the file at `path` with these bytes, whole or not at all.
public func writeAtomically(_ path: String, _ bytes: [UInt8]) throws(FileProblem) {
  var file = try AtomicFile(path)
  try file.write(bytes)
  try file.commit()
}

/// Replaces the file at `path` with this text in UTF-8, whole or not at all.
public func writeAtomically(_ path: String, _ text: String) throws(FileProblem) {
  try writeAtomically(path, Array(text.utf8))
}

/// Makes the name of a file or folder durable, which stands in the folder around it.
public func syncFolder(of path: String) throws(FileProblem) {
  var trimmed = Substring(path)
  while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
  try makeDurable(folder(of: String(trimmed)), around: path)
}

/// - Parameter path: what got its name there, for the error.
private func makeDurable(_ folder: String, around path: String) throws(FileProblem) {
  let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard descriptor >= 0 else { throw .system(path, "make its folder durable", errno) }
  let synced = fsync(descriptor)
  let code = errno
  close(descriptor)
  // Some file systems cannot sync a folder and say EINVAL; the name is there.
  guard synced == 0 || code == EINVAL else { throw .system(path, "make its folder durable", code) }
}

/// Where a symbolic link leads, so that the rename replaces the file and not the link.
private func resolved(_ path: String) -> String {
  guard let real = realpath(path, nil) else { return path }
  defer { free(real) }
  return String(cString: real)
}

private func folder(of path: String) -> String {
  guard let slash = path.lastIndex(of: "/") else { return "." }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}
