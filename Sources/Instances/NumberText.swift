/// Walks through the words of a text file, knowing the line it is on.
struct WordReader {
  private let bytes: [UInt8]
  private let source: String
  private var at = 0
  private(set) var line = 1

  init(_ bytes: [UInt8], source: String) {
    self.bytes = bytes
    self.source = source
  }

  /// The next word on this line, or nil at its end.
  mutating func wordOnLine() -> ArraySlice<UInt8>? {
    while at < bytes.count, bytes[at] <= 0x20, bytes[at] != 10 { at += 1 }
    guard at < bytes.count, bytes[at] != 10 else { return nil }
    let start = at
    while at < bytes.count, bytes[at] > 0x20 { at += 1 }
    return bytes[start..<at]
  }

  /// The next word on any line, or nil at the end of the file.
  mutating func word() -> ArraySlice<UInt8>? {
    while true {
      if let word = wordOnLine() { return word }
      guard at < bytes.count else { return nil }
      at += 1
      line += 1
    }
  }

  /// Goes to the next line; false at the end of the file.
  mutating func nextLine() -> Bool {
    while at < bytes.count, bytes[at] != 10 { at += 1 }
    guard at < bytes.count else { return false }
    at += 1
    line += 1
    return at < bytes.count
  }

  func error(_ problem: String, _ advice: String) -> InstanceFileError {
    InstanceFileError("\(source) line \(line): \(problem); \(advice)")
  }

  /// A word as a whole number of 0 or more, at most 2^53.
  func whole(_ word: ArraySlice<UInt8>?, _ what: String) throws(InstanceFileError) -> Int {
    guard let word else { throw error("\(what) is missing", "add it") }
    var value = 0
    for byte in word {
      guard byte >= 48, byte < 58, value < 1 << 53 else {
        throw error("\(what) is \"\(String(decoding: word, as: UTF8.self))\"", "give a whole number from 0 to 2^53")
      }
      value = value * 10 + Int(byte - 48)
    }
    return value
  }

  /// A word as a decimal number of 0 or more, times ten, with at most one decimal.
  func tenfold(_ word: ArraySlice<UInt8>?, _ what: String) throws(InstanceFileError) -> Int64 {
    guard let word else { throw error("\(what) is missing", "add it") }
    let parts = word.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
    var tenths = 0
    if parts.count == 2 {
      let digits = Array(parts[1])
      guard digits.count <= 1 || digits.dropFirst().allSatisfy({ $0 == 48 }) else {
        throw error("\(what) is \"\(String(decoding: word, as: UTF8.self))\"", "give at most one decimal")
      }
      tenths = try whole(digits.isEmpty ? [48] : digits[0..<1], what)
    }
    return Int64(try whole(parts[0], what)) * 10 + Int64(tenths)
  }
}
