import Glibc

/// A file that could not be read or written: which, why, and what to do next.
public struct FileProblem: Error, Equatable, Sendable, CustomStringConvertible {
  /// The path as the caller gave it; "-" is standard input.
  public let path: String
  /// What is wrong, as a clause that follows the path.
  public let reason: String
  /// What to do next, as a clause.
  public let advice: String
  /// Whether the machine failed and not what was asked of it: a full or broken disk, no more open files.
  public let isSystemFailure: Bool

  /// A problem in the caller's own words: two clauses without a final stop.
  public init(path: String, reason: String, advice: String, isSystemFailure: Bool = false) {
    self.path = path
    self.reason = reason
    self.advice = advice
    self.isSystemFailure = isSystemFailure
  }

  /// One sentence: `jobs.csv.gz: its gzip data ends too early; copy the file again`.
  public var description: String {
    "\(path == "-" ? "standard input" : path): \(reason); \(advice)"
  }
}

extension FileProblem {
  /// A system call's failure, with the step that most often helps.
  static func system(_ path: String, _ verb: String, _ code: Int32) -> FileProblem {
    let reason = "cannot \(verb): " + String(cString: strerror(code))
    let advice: String
    switch code {
    case ENOENT: advice = "check the path, and that its folder exists"
    case EACCES, EPERM, EROFS: advice = "check who may read and write there, or choose another path"
    case EISDIR, ENOTDIR: advice = "name a file in an existing folder"
    case ENOSPC, EDQUOT, EFBIG: advice = "free space on that disk, or choose another path"
    case EMFILE, ENFILE: advice = "close other programs or raise the limit of open files (ulimit -n)"
    default: advice = "check the disk and try again"
    }
    let failures = [ENOSPC, EDQUOT, EIO, EROFS, EMFILE, ENFILE]
    return FileProblem(path: path, reason: reason, advice: advice, isSystemFailure: failures.contains(code))
  }
}

/// Repeats a system call that a signal interrupted.
func untilUninterrupted(_ call: () -> Int) -> Int {
  while true {
    let result = call()
    if result >= 0 || errno != EINTR { return result }
  }
}
