/// Keys of an object must differ: what a reader would do with the second one is anyone's guess.
extension JSONParser {
  /// Throws where a key of the object just closed has stood before.
  func refuseDuplicates(_ bytes: Span<UInt8>, _ object: Int) throws(Fault) {
    var count = 0
    var key = object + 1
    while key < nodes.count {
      count += 1
      key = Int(nodes[key + 1].next)
    }
    // Few keys are compared pair by pair, which allocates nothing; many go through a set.
    var seen: Set<[UInt8]> = []
    key = object + 1
    while key < nodes.count {
      if count > 12 {
        let text = decodedString(bytes, at: Int(nodes[key].offset))
        guard seen.insert(Array(text.utf8)).inserted else { throw duplicate(bytes, key) }
      } else {
        var earlier = object + 1
        while earlier < key {
          if sameKey(bytes, earlier, key) { throw duplicate(bytes, key) }
          earlier = Int(nodes[earlier + 1].next)
        }
      }
      key = Int(nodes[key + 1].next)
    }
  }

  private func sameKey(_ bytes: Span<UInt8>, _ a: Int, _ b: Int) -> Bool {
    var left = Int(nodes[a].offset) + 1
    var right = Int(nodes[b].offset) + 1
    while true {
      let byte = bytes[left]
      if byte == UInt8(ascii: "\\") || bytes[right] == UInt8(ascii: "\\") {
        let first = decodedString(bytes, at: Int(nodes[a].offset))
        return first.utf8.elementsEqual(decodedString(bytes, at: Int(nodes[b].offset)).utf8)
      }
      guard byte == bytes[right] else { return false }
      if byte == UInt8(ascii: "\"") { return true }
      left += 1
      right += 1
    }
  }

  private func duplicate(_ bytes: Span<UInt8>, _ key: Int) -> Fault {
    let offset = Int(nodes[key].offset)
    return Fault(
      offset: offset, problem: "the key \"\(decodedString(bytes, at: offset))\" appears twice in one object",
      advice: "keep one of them")
  }
}

/// The text of a valid JSON string whose opening quote is at `offset`.
func decodedString(_ bytes: Span<UInt8>, at offset: Int) -> String {
  var end = offset + 1
  while bytes[end] != UInt8(ascii: "\""), bytes[end] != UInt8(ascii: "\\") { end += 1 }
  var text = utf8Text(bytes, offset + 1, end)
  while bytes[end] == UInt8(ascii: "\\") {
    let letter = bytes[end + 1]
    end += 2
    switch letter {
    case UInt8(ascii: "b"): text.unicodeScalars.append("\u{8}")
    case UInt8(ascii: "f"): text.unicodeScalars.append("\u{c}")
    case UInt8(ascii: "n"): text.unicodeScalars.append("\n")
    case UInt8(ascii: "r"): text.unicodeScalars.append("\r")
    case UInt8(ascii: "t"): text.unicodeScalars.append("\t")
    case UInt8(ascii: "u"):
      var code = UInt32(hexUnit(bytes, end) ?? 0)
      end += 4
      if code & 0xfc00 == 0xd800 {
        code = 0x10000 + (code & 0x3ff) << 10 + (UInt32(hexUnit(bytes, end + 2) ?? 0) & 0x3ff)
        end += 6
      }
      text.unicodeScalars.append(UnicodeScalar(code) ?? "\u{fffd}")
    default: text.unicodeScalars.append(UnicodeScalar(letter))
    }
    let from = end
    while bytes[end] != UInt8(ascii: "\""), bytes[end] != UInt8(ascii: "\\") { end += 1 }
    text += utf8Text(bytes, from, end)
  }
  return text
}

private func utf8Text(_ bytes: Span<UInt8>, _ from: Int, _ to: Int) -> String {
  bytes.extracting(from..<to).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
}
