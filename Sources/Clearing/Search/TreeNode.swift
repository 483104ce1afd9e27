/// An open node: what it forbids and demands, its certified bound, and the basis to go on from.
final class TreeNode {
  /// No solution of the node is worth more, micro-dollars.
  let bound: Int64
  let depth: Int
  /// Later nodes first among equal bounds: the search stays deep.
  let sequence: Int
  private let forbidden, must: [UInt64]
  private let least, most: [Int32]
  private let basic, key: [Int32]

  init(_ lp: Relaxation, bound: Int64, depth: Int, sequence: Int) {
    self.bound = bound
    self.depth = depth
    self.sequence = sequence
    forbidden = TreeNode.pack(lp.forbidden)
    must = TreeNode.pack(lp.must)
    least = lp.columns.hasQuantities ? lp.least.array : []
    most = lp.columns.hasQuantities ? lp.most.array : []
    basic = lp.basic.array
    key = lp.key.array
  }

  /// The same node at another place in the order.
  init(copying other: TreeNode, sequence: Int) {
    bound = other.bound
    depth = other.depth
    self.sequence = sequence
    (forbidden, must, least, most) = (other.forbidden, other.must, other.least, other.most)
    (basic, key) = (other.basic, other.key)
  }

  /// About how many bytes the node holds.
  var size: Int { 8 * (forbidden.count + must.count) + 4 * (least.count * 2 + basic.count + key.count) + 200 }

  func restore(to lp: Relaxation) {
    TreeNode.unpack(forbidden, to: lp.forbidden)
    TreeNode.unpack(must, to: lp.must)
    if lp.columns.hasQuantities {
      lp.least.copy(from: least)
      lp.most.copy(from: most)
    }
    lp.adopt(basic: basic, key: key)
  }

  private static func pack(_ flags: Buffer<Bool>) -> [UInt64] {
    var words = [UInt64](repeating: 0, count: (flags.count + 63) / 64)
    for index in 0..<flags.count where flags[index] { words[index >> 6] |= 1 << UInt64(index & 63) }
    return words
  }

  private static func unpack(_ words: [UInt64], to flags: Buffer<Bool>) {
    for index in 0..<flags.count { flags[index] = words[index >> 6] >> UInt64(index & 63) & 1 == 1 }
  }
}

/// Open nodes, the highest bound first.
struct NodeHeap {
  private var nodes: [TreeNode] = []

  var isEmpty: Bool { nodes.isEmpty }
  var count: Int { nodes.count }
  var top: TreeNode? { nodes.first }

  static func precedes(_ a: TreeNode, _ b: TreeNode) -> Bool {
    (a.bound, a.sequence) > (b.bound, b.sequence)
  }

  mutating func push(_ node: TreeNode) {
    nodes.append(node)
    var at = nodes.count - 1
    while at > 0, NodeHeap.precedes(nodes[at], nodes[(at - 1) / 2]) {
      nodes.swapAt(at, (at - 1) / 2)
      at = (at - 1) / 2
    }
  }

  mutating func pop() -> TreeNode? {
    guard let first = nodes.first else { return nil }
    let last = nodes.removeLast()
    if !nodes.isEmpty {
      nodes[0] = last
      sift()
    }
    return first
  }

  private mutating func sift() {
    var at = 0
    while true {
      var next = 2 * at + 1
      guard next < nodes.count else { return }
      if next + 1 < nodes.count, NodeHeap.precedes(nodes[next + 1], nodes[next]) { next += 1 }
      guard NodeHeap.precedes(nodes[next], nodes[at]) else { return }
      nodes.swapAt(at, next)
      at = next
    }
  }

  /// Empties the heap; returns what it held, the highest bound first.
  mutating func removeAll() -> [TreeNode] {
    defer { nodes.removeAll() }
    return nodes.sorted(by: NodeHeap.precedes)
  }
}
