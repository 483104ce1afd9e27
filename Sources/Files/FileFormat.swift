/// What a file says that it is: a name and a number, such as `gpumarket bundle 2`, under its key `format`.
///
/// There is one number for each kind of file, raised whenever the file changes. Readers take that number and no other.
public struct FileFormat: Sendable, Equatable {
  /// As the file has it.
  public let text: String

  /// - Parameters:
  ///   - name: what kind of file it is.
  ///   - number: from 1.
  public init(_ name: String, _ number: Int) { text = "\(name) \(number)" }
}

extension JSONValue {
  /// Refuses a file of another kind, or of another number.
  public func require(format: FileFormat) throws(JSONProblem) {
    let advice = "this gpumarket reads \"\(format.text)\"; name such a file, or use the gpumarket that wrote this one"
    guard let found = self["format"] else { throw problem("\"format\" is missing", advice) }
    let text = try found.string()
    guard text == format.text else { throw found.problem("the file's format is \"\(text)\"", advice) }
  }
}
