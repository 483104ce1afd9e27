extension JSONParser {
  /// The path to where the parser stopped, such as `pools[0].capacity`.
  func path(in bytes: [UInt8]) -> String {
    var text = ""
    for (depth, container) in open.enumerated() {
      let isInnermost = depth + 1 == open.count
      let target = isInnermost ? nodes.count : open[depth + 1]
      let isObject = bytes[Int(nodes[container].offset)] == UInt8(ascii: "{")
      var node = container + 1
      var position = 0
      var key: Int?
      while node < target, key == nil {
        if isObject, node + 1 >= target {
          key = node
        } else {
          node = Int(nodes[isObject ? node + 1 : node].next)
          position += 1
        }
      }
      if let key {
        text += (text.isEmpty ? "" : ".") + decodedString(bytes.span, at: Int(nodes[key].offset))
      } else if !isObject, !isInnermost || reading {
        text += "[\(position)]"
      }
    }
    return text
  }
}
