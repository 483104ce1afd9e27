/// One step down a JSON tree: a key or a position. Write `value.at("pools", 0)`.
public enum JSONStep: Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
  /// Of a member of an object.
  case key(String)
  /// Of an element of an array, from 0.
  case position(Int)

  public init(stringLiteral value: String) { self = .key(value) }
  public init(integerLiteral value: Int) { self = .position(value) }
}

extension JSONValue {
  /// The elements of an array, in order.
  public func elements() throws(JSONProblem) -> JSONElements {
    try need(.array)
    return JSONElements(tree: tree, at: index + 1, end: Int(tree.nodes[index].next))
  }

  /// The members of an object, in the order of the text.
  public func members() throws(JSONProblem) -> JSONMembers {
    try need(.object)
    return JSONMembers(tree: tree, at: index + 1, end: Int(tree.nodes[index].next))
  }

  /// The member with this key; nil when the value is no object or has no such member.
  public subscript(key: String) -> JSONValue? {
    guard kind == .object else { return nil }
    let end = Int(tree.nodes[index].next)
    var node = index + 1
    while node < end {
      if isKey(node, key) { return JSONValue(tree: tree, index: node + 1) }
      node = Int(tree.nodes[node + 1].next)
    }
    return nil
  }

  /// The value that a path of keys and positions leads to. To visit all elements use `elements()`:
  /// a position is found by walking from the first.
  /// - Throws: `JSONProblem` at the value where the path ends too early.
  public func at(_ steps: JSONStep...) throws(JSONProblem) -> JSONValue {
    var value = self
    for step in steps {
      switch step {
      case .key(let key):
        try value.need(.object)
        guard let member = value[key] else { throw value.problem("\"\(key)\" is missing", "add it") }
        value = member
      case .position(let position):
        var rest = try value.elements()
        var found = rest.next()
        for _ in 0..<max(0, position) where found != nil { found = rest.next() }
        guard let found, position >= 0 else {
          throw value.problem("it has no element \(position), counted from 0", "add it")
        }
        value = found
      }
    }
    return value
  }

  /// Refuses a member of this object that is in neither list, or misses one that is needed.
  public func require(keys needed: [String], optional: [String] = []) throws(JSONProblem) {
    for member in try members() where !needed.contains(member.key) && !optional.contains(member.key) {
      throw member.value.problem(
        "\"\(member.key)\" is not known here", "keys are \((needed + optional).joined(separator: ", "))")
    }
    for key in needed where self[key] == nil { throw problem("\"\(key)\" is missing", "add it") }
  }

  /// The path from the root, such as `pools[0].capacity`; empty for the root.
  public var path: String {
    var text = ""
    var node = 0
    while node != index {
      guard let step = JSONValue(tree: tree, index: node).child(holding: index) else { break }
      text += step.text(after: text)
      node = step.node
    }
    return text
  }

  private struct Descent {
    let node: Int
    let key: String?
    let position: Int

    func text(after path: String) -> String {
      guard let key else { return "[\(position)]" }
      return path.isEmpty ? key : "." + key
    }
  }

  /// The child that is or holds a node.
  private func child(holding target: Int) -> Descent? {
    let end = Int(tree.nodes[index].next)
    let isObject = kind == .object
    var node = index + 1
    var position = 0
    while node < end {
      let value = isObject ? node + 1 : node
      let next = Int(tree.nodes[value].next)
      if target < next {
        let key = isObject ? tree.text(node) : nil
        return Descent(node: value, key: key, position: position)
      }
      node = next
      position += 1
    }
    return nil
  }

  private func isKey(_ node: Int, _ key: String) -> Bool {
    var at = Int(tree.nodes[node].offset) + 1
    for byte in key.utf8 {
      if tree.bytes[at] == UInt8(ascii: "\\") || tree.bytes[at] != byte { return isEscapedKey(node, key) }
      at += 1
    }
    return tree.bytes[at] == UInt8(ascii: "\"") || isEscapedKey(node, key)
  }

  private func isEscapedKey(_ node: Int, _ key: String) -> Bool {
    let offset = Int(tree.nodes[node].offset)
    var at = offset + 1
    while tree.bytes[at] != UInt8(ascii: "\"") {
      if tree.bytes[at] == UInt8(ascii: "\\") {
        return tree.text(node).utf8.elementsEqual(key.utf8)
      }
      at += 1
    }
    return false
  }
}

/// The elements of a JSON array.
public struct JSONElements: Sequence, IteratorProtocol, Sendable {
  let tree: JSONTree
  var at: Int
  let end: Int

  /// The next element, nil at the end.
  public mutating func next() -> JSONValue? {
    guard at < end else { return nil }
    defer { at = Int(tree.nodes[at].next) }
    return JSONValue(tree: tree, index: at)
  }
}

/// The members of a JSON object, in the order of the text.
public struct JSONMembers: Sequence, IteratorProtocol, Sendable {
  let tree: JSONTree
  var at: Int
  let end: Int

  /// The next key and its value, nil at the end.
  public mutating func next() -> (key: String, value: JSONValue)? {
    guard at < end else { return nil }
    defer { at = Int(tree.nodes[at + 1].next) }
    return (tree.text(at), JSONValue(tree: tree, index: at + 1))
  }
}
