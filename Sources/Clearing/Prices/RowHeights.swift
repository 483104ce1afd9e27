/// The largest height of any rectangle over each row.
///
/// Σ price · height over the rows bounds what any one option can cost: a product of a dear row and a rectangle that
/// stands elsewhere is no overflow to fear.
struct RowHeights {
  private let rows: Int
  /// By power of two: the largest height given for that many rows from each row on.
  private var levels: [[Int32]] = []

  init(rows: Int) { self.rows = rows }

  /// Covers rows `start` up to `end`, by two stretches of a power of two that may overlap.
  mutating func cover(_ start: Int32, _ end: Int32, height: Int32) {
    guard start < end else { return }
    let level = Int(end - start).bitWidth - 1 - Int(end - start).leadingZeroBitCount
    while levels.count <= level { levels.append([Int32](repeating: 0, count: rows)) }
    let (first, second) = (Int(start), Int(end) - (1 << level))
    levels[level][first] = max(levels[level][first], height)
    levels[level][second] = max(levels[level][second], height)
  }

  /// Row by row, 0 where nothing stands.
  consuming func tallest() -> [Int32] {
    guard !levels.isEmpty else { return [Int32](repeating: 0, count: rows) }
    for level in levels.indices.dropFirst().reversed() {
      let half = 1 << (level - 1)
      for row in 0..<rows where levels[level][row] > 0 {
        levels[level - 1][row] = max(levels[level - 1][row], levels[level][row])
        levels[level - 1][row + half] = max(levels[level - 1][row + half], levels[level][row])
      }
    }
    return levels[0]
  }
}
