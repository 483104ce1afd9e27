import CSodium

/// Lower-case hexadecimal.
package func hexText(_ bytes: some Sequence<UInt8>) -> String {
  let digits = Array("0123456789abcdef".utf8)
  return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

/// The bytes of a hexadecimal text in lower case, nil where it is none.
package func bytesOfHex(_ text: some StringProtocol) -> [UInt8]? {
  func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 48...57: digit - 48
    case 97...102: digit - 87
    default: nil
    }
  }
  var bytes: [UInt8] = []
  var high: UInt8?
  for digit in text.utf8 {
    guard let value = value(digit) else { return nil }
    if let first = high {
      bytes.append(first << 4 | value)
      high = nil
    } else {
      high = value
    }
  }
  return high == nil ? bytes : nil
}

/// Base64 with padding, RFC 4648 section 4.
package func base64Text(_ bytes: [UInt8]) -> String {
  let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  var text: [UInt8] = []
  text.reserveCapacity((bytes.count + 2) / 3 * 4)
  for at in stride(from: 0, to: bytes.count, by: 3) {
    let rest = min(3, bytes.count - at)
    var group = UInt32(bytes[at]) << 16
    if rest > 1 { group |= UInt32(bytes[at + 1]) << 8 }
    if rest > 2 { group |= UInt32(bytes[at + 2]) }
    for place in 0..<4 {
      text.append(place <= rest ? letters[Int(group >> (18 - 6 * UInt32(place)) & 63)] : UInt8(ascii: "="))
    }
  }
  return String(decoding: text, as: UTF8.self)
}

/// The bytes of a base64 text. Nil unless it is just what `base64Text` writes, so that no two texts mean the same bytes.
package func bytesOfBase64(_ text: some StringProtocol) -> [UInt8]? {
  let digits = Array(text.utf8)
  guard digits.count % 4 == 0 else { return nil }
  let padding = digits.suffix(2).filter { $0 == UInt8(ascii: "=") }.count
  var bytes: [UInt8] = []
  bytes.reserveCapacity(digits.count / 4 * 3)
  var group: UInt32 = 0
  for (at, digit) in digits.enumerated() {
    let value: UInt32
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = UInt32(digit) - 65
    case UInt8(ascii: "a")...UInt8(ascii: "z"): value = UInt32(digit) - 71
    case UInt8(ascii: "0")...UInt8(ascii: "9"): value = UInt32(digit) + 4
    case UInt8(ascii: "+"): value = 62
    case UInt8(ascii: "/"): value = 63
    case UInt8(ascii: "=") where at >= digits.count - padding: value = 0
    default: return nil
    }
    group = group << 6 | value
    guard at % 4 == 3 else { continue }
    bytes += [16, 8, 0].map { UInt8(truncatingIfNeeded: group >> $0) }
    group = 0
  }
  bytes.removeLast(padding)
  return base64Text(bytes).utf8.elementsEqual(digits) ? bytes : nil
}

/// SHA-256.
package func digest256(_ bytes: [UInt8]) -> [UInt8] {
  var digest = [UInt8](repeating: 0, count: Int(crypto_hash_sha256_BYTES))
  crypto_hash_sha256(&digest, bytes, UInt64(bytes.count))
  return digest
}

/// Fields, each with its length before it (four bytes, big-endian), so that no two lists share an encoding.
package func lengthPrefixed(_ fields: [String]) -> [UInt8] {
  var bytes: [UInt8] = []
  for field in fields {
    let length = UInt32(truncatingIfNeeded: field.utf8.count)
    bytes += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) }
    bytes += Array(field.utf8)
  }
  return bytes
}
