import Postgres

/// A password for a company's login, and what the server is given in its place.
public struct NewPassword: Sendable {
  /// How many characters one may have that its owner chose.
  public static let chosenLength = 15...200

  /// For its owner alone.
  public let text: String
  /// SCRAM-SHA-256, as PostgreSQL stores it. Whoever has it can try guesses on it; nobody can log in by it.
  public let verifier: String

  /// A random one of 160 bits.
  ///
  /// - Throws: as `scramVerifier`.
  public init() throws(PostgresError) {
    text = randomPassword()
    verifier = try scramVerifier(password: text)
  }

  /// One that its owner chose.
  ///
  /// - Throws: `TrustProblem` where it is too short or too long, or holds control characters; else as `scramVerifier`.
  public init(chosen text: String) throws {
    guard Self.chosenLength.contains(text.unicodeScalars.count) else {
      throw TrustProblem(
        "a password of \(text.unicodeScalars.count) characters is not taken",
        "choose \(Self.chosenLength.lowerBound) to \(Self.chosenLength.upperBound), or let a random one be made")
    }
    guard text.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 }) else {
      throw TrustProblem("the password holds a control character", "choose one of characters that can be typed")
    }
    self.text = text
    verifier = try scramVerifier(password: text)
  }
}
