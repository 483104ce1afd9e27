/// What a file says that it is: a kind and a number, such as `gpumarket bundle 2`. JSON says it under its key `format`, a key file
/// in its first line.
///
/// There is one number for each kind of file, raised whenever the file changes. Readers take that number and no other.
public struct FileFormat: Sendable, Equatable {
  /// Such as `bundle`.
  public let kind: String
  /// From 1.
  public let number: Int

  /// - Parameters:
  ///   - kind: what kind of file it is.
  ///   - number: from 1.
  public init(_ kind: String, _ number: Int) {
    self.kind = kind
    self.number = number
  }

  /// As the file has it.
  public var text: String { "gpumarket \(kind) \(number)" }

  /// Why a file is not read: what it is, and the next step.
  public struct Refusal: Error, Equatable, Sendable {
    /// Follows the file's name and a colon.
    public let problem: String
    /// What to do next.
    public let advice: String
  }

  /// Refuses a file of another number or kind, or one that says neither.
  ///
  /// - Parameter found: what the file says of itself; nil where it says nothing.
  public func check(_ found: String?) throws(Refusal) {
    if found == text { return }
    if let found, found.hasPrefix("gpumarket \(kind) "), let other = Int(found.dropFirst("gpumarket \(kind) ".count)) {
      throw Refusal(
        problem: "this is format \(other) of the \(kind), and this tool reads format \(number)",
        advice: "use the gpumarket that made it")
    }
    throw Refusal(
      problem: found.map { "this is \"\($0)\", and not \"\(text)\"" } ?? "this does not say that it is \"\(text)\"",
      advice: "give a file of that format; if this one is damaged, restore it from a backup")
  }
}

extension JSONValue {
  /// Refuses a file of another number or kind, or one that says neither.
  public func require(format: FileFormat) throws(JSONProblem) {
    let said = self["format"]
    let text = try said?.string()
    do { try format.check(text) } catch { throw (said ?? self).problem(error.problem, error.advice) }
  }
}
