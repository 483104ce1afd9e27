import CSodium
import Files
import Glibc

/// A check that failed, or a key or statement that cannot be used: a sentence and the next step.
public struct TrustProblem: Error, Sendable, Equatable, CustomStringConvertible {
  /// One sentence.
  public let problem: String
  /// What to do about it.
  public let advice: String
  /// Whether it is only too early: nothing is wrong, and the same will do later.
  public let isEarly: Bool
  /// Whether it is too early by the host's clock alone, and not by the database's: one of the two is wrong.
  public let clocksDiffer: Bool

  public init(_ problem: String, _ advice: String, isEarly: Bool = false, clocksDiffer: Bool = false) {
    self.problem = problem
    self.advice = advice
    self.isEarly = isEarly
    self.clocksDiffer = clocksDiffer
  }

  /// The sentence and the next step.
  public var description: String { "\(problem); \(advice)" }
}

/// The clearing host's signing key (Ed25519). It never leaves the host; companies know its public half.
public struct StatementKey: Sendable {
  private let secret: [UInt8]
  /// 32 bytes.
  public let publicKey: [UInt8]
  /// Whether there was none in the file before.
  public let isNew: Bool

  private static let format = FileFormat("clearing key", 1)

  /// Reads the key from a file, or makes one there the first time, readable by its owner alone (mode 0600).
  ///
  /// Safe where two processes begin at once: the file gets its name complete, and one of them wins.
  ///
  /// - Throws: `TrustProblem` for a file that others may read or that holds no key; `FileProblem`.
  public init(file path: String) throws {
    guard sodium_init() >= 0 else { throw TrustProblem("libsodium cannot find randomness", "check /dev/urandom") }
    removeCopies(of: globPattern(path))
    isNew = access(path, F_OK) != 0
    if isNew { try Self.make(path) }
    var found = stat()
    guard stat(path, &found) == 0, found.st_mode & 0o077 == 0 else {
      throw TrustProblem(
        "the key \(path) may be read by others", "run chmod 600 \(path), and make a new key if it was copied")
    }
    let lines = String(decoding: try readFile(path), as: UTF8.self).split(separator: "\n")
    try requireFormat(Self.format, lines, path)
    guard lines.count == 2, let secret = bytes(hex: String(lines[1])), secret.count == Int(crypto_sign_SECRETKEYBYTES)
    else {
      throw TrustProblem("\(path) holds no clearing key", "restore it from a backup; a new one has to be announced")
    }
    self.secret = secret
    publicKey = Array(secret.suffix(32))
  }

  private static func make(_ path: String) throws {
    var publicKey = [UInt8](repeating: 0, count: Int(crypto_sign_PUBLICKEYBYTES))
    var secret = [UInt8](repeating: 0, count: Int(crypto_sign_SECRETKEYBYTES))
    crypto_sign_keypair(&publicKey, &secret)
    try writeSecret(path, "\(format.text)\n\(hex(secret))\n")
  }

  /// A signature over a text, 64 bytes.
  public func sign(_ text: String) -> [UInt8] {
    let message = Array(text.utf8)
    var signature = [UInt8](repeating: 0, count: Int(crypto_sign_BYTES))
    crypto_sign_detached(&signature, nil, message, UInt64(message.count), secret)
    return signature
  }

  /// Whether a signature over a text is that of a public key.
  public static func verifies(_ signature: [UInt8], _ text: String, publicKey: [UInt8]) -> Bool {
    guard signature.count == Int(crypto_sign_BYTES), publicKey.count == Int(crypto_sign_PUBLICKEYBYTES) else {
      return false
    }
    let message = Array(text.utf8)
    return crypto_sign_verify_detached(signature, message, UInt64(message.count), publicKey) == 0
  }
}

/// Refuses a key file whose first line names another format, or none. What is no heading is not repeated: it may be the secret.
func requireFormat(_ format: FileFormat, _ lines: [Substring], _ path: String) throws(TrustProblem) {
  let heading = lines.first.flatMap { $0.hasPrefix("gpumarket ") ? String($0) : nil }
  do { try format.check(heading) } catch {
    throw TrustProblem("\(path): \(error.problem)", error.advice)
  }
}

/// Writes a file that its owner alone may read, complete or not at all; one that exists is left alone.
func writeSecret(_ path: String, _ text: String) throws {
  let new = "\(path).gpumarket-\(getpid()).new"
  let file = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
  guard file >= 0 else {
    throw TrustProblem(
      "the key \(path) cannot be written: \(String(cString: strerror(errno)))", "name another place with --key")
  }
  defer { unlink(new) }
  let written = writeAll(file, Array(text.utf8)) && fsync(file) == 0
  let fault = errno
  close(file)
  guard written else {
    throw TrustProblem(
      "the key \(path) cannot be written: \(String(cString: strerror(fault)))", "name another place with --key")
  }
  // A link keeps what another process put there a moment ago.
  guard link(new, path) == 0 || errno == EEXIST else {
    throw TrustProblem(
      "the key \(path) cannot be written: \(String(cString: strerror(errno)))", "name another place with --key")
  }
  // The name too must survive a crash, before anyone is told the key; also where the other process has not come so far.
  try nameForGood(path)
}

/// Makes the name of a file or folder durable; a disk that cannot is no mistake of the command line.
func nameForGood(_ path: String) throws(TrustProblem) {
  do { try syncFolder(of: path) } catch { throw TrustProblem(error.description, "try again once the disk is sound") }
}

/// Removes what processes that were killed while they wrote a secret have left beside it.
///
/// - Parameter secrets: the paths of secrets, as a pattern of glob(7).
func removeCopies(of secrets: String) {
  var found = glob_t()
  defer { globfree(&found) }
  guard glob("\(secrets).gpumarket-*.new", 0, nil, &found) == 0 else { return }
  for index in 0..<Int(found.gl_pathc) {
    guard let copy = found.gl_pathv[index].map({ String(cString: $0) }),
      let process = copy.split(separator: "-").last.flatMap({ pid_t($0.dropLast(".new".count)) }), process > 0
    else { continue }
    // Its writer may be at work this moment; this process has not begun.
    if process == getpid() || (kill(process, 0) != 0 && errno == ESRCH) { unlink(copy) }
  }
}

/// A path as a pattern that matches nothing else.
func globPattern(_ path: String) -> String {
  path.unicodeScalars.map { "\\*?[".unicodeScalars.contains($0) ? "\\\($0)" : String($0) }.joined()
}

/// Writes all of it, however little the system takes at a time; false with `errno` where it takes no more.
private func writeAll(_ file: Int32, _ bytes: [UInt8]) -> Bool {
  var at = 0
  while at < bytes.count {
    let done = bytes.withUnsafeBytes { raw in write(file, raw.baseAddress.map { $0 + at }, raw.count - at) }
    if done < 0, errno == EINTR { continue }
    guard done > 0 else {
      if done == 0 { errno = ENOSPC }
      return false
    }
    at += done
  }
  return true
}
