/// A sound text with some bytes changed, dropped, repeated or spliced in: what parsers are fuzzed with.
public func mutated(_ text: String, _ random: inout SeededGenerator) -> [UInt8] {
  var bytes = Array(text.utf8)
  let tokens = [
    "-1", "0", "1e999", "99999999999999999999", "\"", "'", "\\", "\n", "\r\n", "\0", ",", ";", "{", "}", "[", "]",
    "∞", "é", "null",
    "NaN", "T", "Z", "/", "P1D", "PT", "..", "@", "#1", "\u{FEFF}", "\u{202E}", " ", "=", "%41", "+14:00",
    "2036-02-30",
  ]
  for _ in 0...Int.random(in: 0...4, using: &random) {
    guard !bytes.isEmpty else { break }
    let at = Int.random(in: bytes.indices, using: &random)
    switch Int.random(in: 0..<6, using: &random) {
    case 0: bytes[at] = UInt8.random(in: .min ... .max, using: &random)
    case 1: bytes.remove(at: at)
    case 2: bytes.insert(contentsOf: Array((tokens.randomElement(using: &random) ?? "").utf8), at: at)
    case 3: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...20, using: &random)))
    case 4: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 12)], at: at)
    default: bytes.swapAt(at, Int.random(in: bytes.indices, using: &random))
    }
  }
  return bytes
}
