/// Why the private server could not be started, stopped or looked at: a sentence and the next step.
public struct PrivateServerError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What kind of trouble it is.
  public enum Kind: Sendable, Equatable {
    /// PostgreSQL's programs were not found.
    case binariesMissing
    /// The home folder cannot be made, entered or written, or belongs to someone else.
    case homeUnusable
    /// Another process has been starting or stopping this server for too long.
    case busy
    /// `initdb` or the server itself gave up.
    case startFailed
    /// The server did not stop.
    case stopFailed
  }

  /// What kind of trouble it is.
  public let kind: Kind
  /// One sentence.
  public let message: String
  /// What to do about it.
  public let nextStep: String

  init(_ kind: Kind, _ message: String, nextStep: String) {
    self.kind = kind
    self.message = message
    self.nextStep = nextStep
  }

  /// The sentence and the next step, a line each.
  public var description: String { message + "\n" + nextStep }
}
