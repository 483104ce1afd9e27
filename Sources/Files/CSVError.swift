/// A fault in a CSV text, at its place.
public struct CSVError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file, as it was named to the reader.
  public let source: String
  /// Line in the file, counted from 1; a quoted field may span several.
  public let line: Int
  /// Character within that line, counted from 1.
  public let column: Int
  /// The header's name for the field, where the fault lies in one.
  public let field: String?
  /// What is wrong.
  public let problem: String
  /// What to do next.
  public let advice: String

  /// An error at a place that the caller has found.
  public init(source: String, line: Int, column: Int, field: String?, problem: String, advice: String) {
    self.source = source
    self.line = line
    self.column = column
    self.field = field
    self.problem = problem
    self.advice = advice
  }

  /// `jobs.csv line 3, column 9 (gpus): "x" is not a whole number; write it like 8`.
  public var description: String {
    "\(source) line \(line), column \(column)\(field.map { " (\($0))" } ?? ""): \(problem); \(advice)"
  }
}
