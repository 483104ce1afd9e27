/// Which shape of neighbourhood to draw next, and how large, learnt from those searched so far.
///
/// Every shape has a size of its own, which grows while searches end in time, and gets work in proportion to what it
/// has lately brought for its work; a shape that brings little is still tried now and then.
struct NeighbourhoodMix {
  typealias Shape = NeighbourhoodDraw.Shape

  /// Bids, shape by shape.
  private var size = [Int](repeating: 40, count: Shape.allCases.count)
  /// Micro-dollars gained and ticks spent, older ones counting less.
  private var gained = [Double](repeating: 0, count: Shape.allCases.count)
  private var spent = [Double](repeating: 0, count: Shape.allCases.count)

  private static let largest = 400
  private static let smallest = 10
  /// What a search counts for after the next one.
  private static let memory = 0.995
  /// The least share of the work, as a part of the best shape's.
  private static let leastShare = 0.1

  /// The shape that has had least work for what it brings, and its size.
  func next() -> (shape: Shape, size: Int) {
    let yields = Shape.allCases.indices.map { spent[$0] > 0 ? gained[$0] / spent[$0] : 0 }
    let floor = max(yields.max()! * NeighbourhoodMix.leastShare, 1e-30)
    var best = 0
    for shape in Shape.allCases.indices
    where spent[shape] / max(yields[shape], floor) < spent[best] / max(yields[best], floor) { best = shape }
    return (Shape.allCases[best], size[best])
  }

  mutating func learn(_ shape: Shape, gain: Int64, ticks: Int, isComplete: Bool) {
    let index = shape.rawValue
    for other in Shape.allCases.indices {
      gained[other] *= NeighbourhoodMix.memory
      spent[other] *= NeighbourhoodMix.memory
    }
    gained[index] += Double(gain)
    spent[index] += Double(max(1, ticks))
    let now = size[index]
    // About three searches in four end in time where these are in balance.
    size[index] =
      isComplete
      ? min(now + max(1, now / 40), NeighbourhoodMix.largest)
      : max(now - max(1, now / 12), NeighbourhoodMix.smallest)
  }
}
