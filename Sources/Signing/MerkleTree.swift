/// The Merkle tree of RFC 6962, section 2.1: leaves and nodes are hashed under different first bytes, and an odd last
/// node moves up unchanged.
public enum MerkleTree {
  /// One step from a leaf to the root.
  public struct Sibling: Sendable, Equatable {
    /// Whether the sibling stands to the left.
    public let isLeft: Bool
    /// Its hash, 32 bytes.
    public let hash: [UInt8]

    /// A step with its hash, 32 bytes.
    public init(isLeft: Bool, hash: [UInt8]) {
      self.isLeft = isLeft
      self.hash = hash
    }
  }

  /// The root over leaves, and the path to it from each of them, lowest step first.
  public static func paths(_ leaves: [[UInt8]]) -> (root: [UInt8], paths: [[Sibling]]) {
    guard !leaves.isEmpty else { return (digest256([]), []) }
    var level = leaves.map { digest256([0] + $0) }
    var paths = [[Sibling]](repeating: [], count: leaves.count)
    // Which leaves stand below each node, as a range: nodes keep the leaves' order.
    var below = leaves.indices.map { $0..<$0 + 1 }
    while level.count > 1 {
      var above: [[UInt8]] = []
      var ranges: [Range<Int>] = []
      for first in stride(from: 0, to: level.count, by: 2) {
        guard first + 1 < level.count else {
          above.append(level[first])
          ranges.append(below[first])
          continue
        }
        for leaf in below[first] { paths[leaf].append(Sibling(isLeft: false, hash: level[first + 1])) }
        for leaf in below[first + 1] { paths[leaf].append(Sibling(isLeft: true, hash: level[first])) }
        above.append(digest256([1] + level[first] + level[first + 1]))
        ranges.append(below[first].lowerBound..<below[first + 1].upperBound)
      }
      level = above
      below = ranges
    }
    return (level[0], paths)
  }

  /// The root that a leaf and its path lead to.
  public static func root(of leaf: [UInt8], path: [Sibling]) -> [UInt8] {
    path.reduce(digest256([0] + leaf)) { below, sibling in
      digest256([1] + (sibling.isLeft ? sibling.hash + below : below + sibling.hash))
    }
  }
}
