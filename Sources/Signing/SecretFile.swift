import Files
import Glibc

/// Files that their owner alone may read.
enum SecretFile {
  /// The text of a secret.
  ///
  /// - Throws: `SigningProblem` where others may read it, or it cannot be read.
  static func read(_ path: String) throws(SigningProblem) -> String {
    var found = stat()
    guard stat(path, &found) == 0 else {
      throw SigningProblem(
        "the key \(path) cannot be read: \(String(cString: strerror(errno)))",
        "name the file that gpumarket company key wrote")
    }
    guard found.st_mode & 0o077 == 0 else {
      throw SigningProblem(
        "the key \(path) may be read by others", "run chmod 600 \(path), and make a new key if it was copied")
    }
    do {
      return String(decoding: try readFile(path), as: UTF8.self)
    } catch {
      throw SigningProblem("the key \(path) cannot be read: \(error)", "name the file that gpumarket company key wrote")
    }
  }

  /// Writes a secret, complete or not at all, mode 0600. One that exists is never overwritten.
  static func write(_ path: String, _ text: String) throws(SigningProblem) {
    let new = "\(path).gpumarket-\(getpid()).new"
    func problem(_ fault: Int32) -> SigningProblem {
      fault == EEXIST
        ? SigningProblem("there is a file \(path) already", "name another place: a key in use is never overwritten")
        : SigningProblem("\(path) cannot be written: \(String(cString: strerror(fault)))", "name another place")
    }
    let file = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { throw problem(errno) }
    defer { unlink(new) }
    let bytes = Array(text.utf8)
    let written = Glibc.write(file, bytes, bytes.count) == bytes.count && fsync(file) == 0
    let fault = errno
    close(file)
    guard written else { throw problem(fault) }
    guard link(new, path) == 0 else { throw problem(errno) }
    do { try syncFolder(of: path) } catch {
      throw SigningProblem("\(path) may not outlast a crash: \(error.description)", "try again once the disk is sound")
    }
  }
}
