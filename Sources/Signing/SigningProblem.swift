/// A key or signature that cannot be used: a sentence and the next step.
public struct SigningProblem: Error, Sendable, Equatable, CustomStringConvertible {
  /// One sentence.
  public let problem: String
  /// What to do about it.
  public let advice: String

  /// A sentence and the next step.
  public init(_ problem: String, _ advice: String) {
    self.problem = problem
    self.advice = advice
  }

  /// Both.
  public var description: String { "\(problem); \(advice)" }
}
