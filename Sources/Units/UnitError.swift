/// Text that is not the quantity it should be, with what to write instead.
public struct UnitError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is wrong, quoting the text.
  public let problem: String
  /// What to do next, as a sentence.
  public let advice: String

  public init(_ problem: String, advice: String) {
    self.problem = problem
    self.advice = advice
  }

  public var description: String { "\(problem); \(advice)" }
}
