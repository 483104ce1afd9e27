/// A fault in a JSON text, at its place.
public struct JSONProblem: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file, as it was named to the reader.
  public let source: String
  /// Line, counted from 1.
  public let line: Int
  /// Character within that line, counted from 1.
  public let column: Int
  /// Where in the tree, such as `pools[0].capacity`; empty for the whole text.
  public let path: String
  /// What is wrong.
  public let problem: String
  /// What to do next.
  public let advice: String

  /// A problem at a place that the caller has found.
  public init(source: String, line: Int, column: Int, path: String, problem: String, advice: String) {
    self.source = source
    self.line = line
    self.column = column
    self.path = path
    self.problem = problem
    self.advice = advice
  }

  /// `round.json line 3, column 19 (pools[0].capacity): "x" is not a whole number; write it like 8`.
  public var description: String {
    "\(source) line \(line), column \(column)\(path.isEmpty ? "" : " (\(path))"): \(problem); \(advice)"
  }
}
