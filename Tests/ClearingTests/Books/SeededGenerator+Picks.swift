import TestSupport

extension SeededGenerator {
  mutating func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
  mutating func chance(_ percent: Int) -> Bool { pick(0...99) < percent }
}
