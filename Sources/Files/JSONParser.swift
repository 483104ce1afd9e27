/// The grammar of RFC 8259 over bytes, without recursion: lays down the nodes of a `JSONTree`.
struct JSONParser {
  /// What went wrong and at which byte.
  struct Fault: Error {
    let offset: Int
    let problem: String
    let advice: String
  }

  private(set) var nodes: [JSONTree.Node] = []
  /// The open containers' nodes, outermost first.
  private(set) var open: [Int] = []
  /// Whether a value is awaited or half read, for an error's path.
  private(set) var reading = false
  private var at = 0
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  mutating func parse(_ bytes: Span<UInt8>) throws(Fault) {
    guard bytes.count < Int(UInt32.max) / 2 else { throw fault("the text is larger than 2 GiB", "split it") }
    nodes.reserveCapacity(bytes.count / 3)
    if bytes.count >= 3, bytes[0] == 0xef, bytes[1] == 0xbb, bytes[2] == 0xbf { at = 3 }
    try value(bytes)
    while let container = open.last {
      let isObject = bytes[Int(nodes[container].offset)] == UInt8(ascii: "{")
      let close = UInt8(ascii: isObject ? "}" : "]")
      let isFirst = nodes.count == container + 1
      skipSpace(bytes)
      if bytes[at: at] == close {
        at += 1
        if isObject { try refuseDuplicates(bytes, container) }
        open.removeLast()
        nodes[container].next = UInt32(nodes.count)
        continue
      }
      if !isFirst {
        guard bytes[at: at] == UInt8(ascii: ",") else {
          throw unexpected(bytes, isObject ? "\",\" or \"}\"" : "\",\" or \"]\"")
        }
        at += 1
        skipSpace(bytes)
      }
      if isObject {
        guard bytes[at: at] == UInt8(ascii: "\"") else { throw unexpected(bytes, "a key in quotes") }
        try leaf(bytes)
        skipSpace(bytes)
        guard bytes[at: at] == UInt8(ascii: ":") else { throw unexpected(bytes, "\":\" after the key") }
        at += 1
      }
      try value(bytes)
    }
    skipSpace(bytes)
    guard at == bytes.count else { throw unexpected(bytes, "the end") }
  }

  private mutating func value(_ bytes: Span<UInt8>) throws(Fault) {
    reading = true
    skipSpace(bytes)
    let first = bytes[at: at]
    guard first == UInt8(ascii: "{") || first == UInt8(ascii: "[") else { return try leaf(bytes) }
    guard open.count < limit else {
      throw fault("more than \(limit) arrays and objects are nested", "flatten the text")
    }
    open.append(nodes.count)
    nodes.append(JSONTree.Node(offset: UInt32(at), next: 0))
    reading = false
    at += 1
  }

  private mutating func leaf(_ bytes: Span<UInt8>) throws(Fault) {
    let start = at
    switch bytes[at: at] {
    case UInt8(ascii: "\""): try string(bytes)
    case UInt8(ascii: "t"): try word(bytes, "true")
    case UInt8(ascii: "f"): try word(bytes, "false")
    case UInt8(ascii: "n"): try word(bytes, "null")
    case .some(let byte) where byte == UInt8(ascii: "-") || byte &- 48 < 10: try number(bytes)
    default: throw unexpected(bytes, "a value")
    }
    nodes.append(JSONTree.Node(offset: UInt32(start), next: UInt32(nodes.count + 1)))
    reading = false
  }

  private mutating func skipSpace(_ bytes: Span<UInt8>) {
    while at < bytes.count {
      switch bytes[at] {
      case 0x20, 0x0a, 0x0d, 0x09: at += 1
      default: return
      }
    }
  }

  private mutating func word(_ bytes: Span<UInt8>, _ word: StaticString) throws(Fault) {
    for index in 0..<word.utf8CodeUnitCount {
      guard bytes[at: at + index] == word.utf8Start[index] else { throw unexpected(bytes, "a value") }
    }
    at += word.utf8CodeUnitCount
  }

  private mutating func number(_ bytes: Span<UInt8>) throws(Fault) {
    if bytes[at] == UInt8(ascii: "-") { at += 1 }
    let leadingZero = bytes[at: at] == UInt8(ascii: "0")
    let whole = try digits(bytes)
    if leadingZero, whole > 1 {
      at -= whole
      throw fault("a number begins with a needless 0", "drop the leading zeros")
    }
    if bytes[at: at] == UInt8(ascii: ".") {
      at += 1
      _ = try digits(bytes)
    }
    if let mark = bytes[at: at], mark | 0x20 == UInt8(ascii: "e") {
      at += 1
      if let sign = bytes[at: at], sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { at += 1 }
      _ = try digits(bytes)
    }
  }

  private mutating func digits(_ bytes: Span<UInt8>) throws(Fault) -> Int {
    let start = at
    while at < bytes.count, bytes[at] &- 48 < 10 { at += 1 }
    guard at > start else { throw unexpected(bytes, "a digit") }
    return at - start
  }

  private mutating func string(_ bytes: Span<UInt8>) throws(Fault) {
    let start = at
    var ascii: UInt8 = 0
    at += 1
    while at < bytes.count {
      let byte = bytes[at]
      ascii |= byte
      switch byte {
      case UInt8(ascii: "\""):
        if ascii >= 0x80 { try validate(bytes, from: start, to: at) }
        at += 1
        return
      case UInt8(ascii: "\\"): try escape(bytes)
      case 0..<0x20:
        throw fault("a control character stands in a string", "write it as an escape such as \\n")
      default: at += 1
      }
    }
    at = start
    throw fault("the string that begins here is never closed", "close it with a second quote")
  }

  private func validate(_ bytes: Span<UInt8>, from start: Int, to end: Int) throws(Fault) {
    do {
      _ = try UTF8Span(validating: bytes.extracting(start..<end))
    } catch {
      throw Fault(
        offset: start + error.byteOffsets.lowerBound, problem: "the text is not UTF-8", advice: "save it as UTF-8")
    }
  }

  private mutating func escape(_ bytes: Span<UInt8>) throws(Fault) {
    switch bytes[at: at + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      at += 2
    case UInt8(ascii: "u"):
      guard let unit = hexUnit(bytes, at + 2) else {
        throw fault("\\u is not followed by four hexadecimal digits", "write it like \\u00e9")
      }
      if unit & 0xf800 == 0xd800 {
        guard unit < 0xdc00, bytes[at: at + 6] == UInt8(ascii: "\\"), bytes[at: at + 7] == UInt8(ascii: "u"),
          let low = hexUnit(bytes, at + 8), low & 0xfc00 == 0xdc00
        else { throw fault("the escape is half of a surrogate pair", "write both halves or the character itself") }
        at += 6
      }
      at += 6
    default: throw fault("there is no such escape", "use \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\u0000")
    }
  }

  private func fault(_ problem: String, _ advice: String) -> Fault {
    Fault(offset: at, problem: problem, advice: advice)
  }

  private func unexpected(_ bytes: Span<UInt8>, _ wanted: String) -> Fault {
    let found: String
    switch bytes[at: at] {
    case nil: found = "the text ends"
    case .some(let byte) where byte > 0x20 && byte < 0x7f: found = "there is \"\(UnicodeScalar(byte))\""
    case .some(let byte): found = "there is a byte \(byte)"
    }
    return Fault(
      offset: at, problem: "\(found) where \(wanted) should be", advice: "correct it there or just before")
  }
}

/// Four hexadecimal digits as a UTF-16 unit.
func hexUnit(_ bytes: Span<UInt8>, _ start: Int) -> UInt16? {
  var unit: UInt16 = 0
  for index in start..<start + 4 {
    guard let byte = bytes[at: index], let digit = Character(UnicodeScalar(byte)).hexDigitValue, byte < 0x80 else {
      return nil
    }
    unit = unit << 4 | UInt16(digit)
  }
  return unit
}
