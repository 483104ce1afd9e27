/// Parses JSON (RFC 8259) into a tree that remembers where everything stood.
///
/// Stricter than the grammar in two points, both refused with their place: an object with the same key
/// twice, and an escape of half a surrogate pair, which no text can hold. A byte order mark is skipped.
public enum JSONReader {
  /// The deepest nesting accepted unless told otherwise.
  public static let depthLimit = 128

  /// Parses one value that fills the text.
  /// - Parameters:
  ///   - source: how errors name the file.
  ///   - depthLimit: the most arrays and objects inside one another.
  public static func parse(_ bytes: [UInt8], source: String, depthLimit: Int = depthLimit) throws(JSONProblem)
    -> JSONValue
  {
    let name = source == "-" ? "standard input" : source
    var parser = JSONParser(limit: depthLimit)
    do throws(JSONParser.Fault) {
      try parser.parse(bytes.span)
    } catch {
      let place = textPlace(of: error.offset, in: bytes)
      throw JSONProblem(
        source: name, line: place.line, column: place.column, path: parser.path(in: bytes),
        problem: error.problem, advice: error.advice)
    }
    return JSONValue(tree: JSONTree(bytes: bytes, source: name, nodes: parser.nodes), index: 0)
  }
}

/// A parsed text: its bytes, and eight bytes for each value or key in the order of the text.
final class JSONTree: Sendable {
  struct Node {
    /// Byte offset of the first character, whose kind is the node's kind.
    let offset: UInt32
    /// The node after this one and all that is inside it.
    var next: UInt32
  }

  let bytes: [UInt8]
  let source: String
  let nodes: [Node]

  init(bytes: [UInt8], source: String, nodes: [Node]) {
    self.bytes = bytes
    self.source = source
    self.nodes = nodes
  }

  /// The decoded text of a key or string node.
  func text(_ node: Int) -> String {
    let bytes = self.bytes
    return decodedString(bytes.span, at: Int(nodes[node].offset))
  }
}
