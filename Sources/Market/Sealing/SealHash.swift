import CSodium

/// The hashes of the seal, computed here so that nobody has to take the database's word. `sql/functions/sealing` says the
/// same in SQL.
public enum SealHash {
  /// The hash of an entry: SHA-256 over its fields, each with its length before it (four bytes, big-endian).
  ///
  /// - Parameter signature: the company's, in hexadecimal (`EntrySignature.bytes`).
  public static func entry(
    round: String, company: String, bid: String, kind: String, parent: String?, key: String, salt: String,
    acceptedAt: String, body: String, signature: String?
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    for field in [
      "gpumarket entry 2", round, company, bid, kind, parent ?? "", key, salt, acceptedAt, body, signature ?? "",
    ] {
      let text = Array(field.utf8)
      let length = UInt32(truncatingIfNeeded: text.count)
      bytes += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) }
      bytes += text
    }
    return sha256(bytes)
  }

  /// One step from a leaf to the root.
  public struct Sibling: Sendable, Equatable {
    /// Whether the sibling stands to the left.
    public let isLeft: Bool
    /// Its hash, 32 bytes.
    public let hash: [UInt8]
  }

  /// The Merkle tree hash of RFC 6962, section 2.1.
  public static func merkleRoot(_ leaves: [[UInt8]]) -> [UInt8] {
    guard !leaves.isEmpty else { return sha256([]) }
    var level = leaves.map { sha256([0] + $0) }
    while level.count > 1 {
      var above: [[UInt8]] = []
      for first in stride(from: 0, to: level.count - 1, by: 2) {
        above.append(sha256([1] + level[first] + level[first + 1]))
      }
      if level.count % 2 == 1, let last = level.last { above.append(last) }
      level = above
    }
    return level[0]
  }

  /// The root that a leaf and its path lead to.
  public static func root(of leaf: [UInt8], path: [Sibling]) -> [UInt8] {
    path.reduce(sha256([0] + leaf)) { below, sibling in
      sha256([1] + (sibling.isLeft ? sibling.hash + below : below + sibling.hash))
    }
  }
}

/// The bytes of a hexadecimal text in lower case, nil where it is none.
func bytes(hex text: String) -> [UInt8]? {
  let digits = Array(text.utf8)
  guard digits.count % 2 == 0 else { return nil }
  var bytes: [UInt8] = []
  bytes.reserveCapacity(digits.count / 2)
  for at in stride(from: 0, to: digits.count, by: 2) {
    guard let high = nibble(digits[at]), let low = nibble(digits[at + 1]) else { return nil }
    bytes.append(high << 4 | low)
  }
  return bytes
}

private func nibble(_ digit: UInt8) -> UInt8? {
  switch digit {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
  default: nil
  }
}
