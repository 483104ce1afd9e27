/// A book, or what is left of one, as an integer program with sparse columns: the form exact search works on.
///
/// Maximise Σ value·x over whole x ≥ 0; each row's use is at most its capacity; each exclusive group takes at most
/// one column; a quantity group has one column, taken up to `most` times. A column's use is a list of segments of
/// consecutive rows. Where that is shorter, a row is stated as its difference from the row before, so that a
/// rectangle has two entries however long it is: the basis stays sparse (a row operation; the polyhedron is the same).
final class Program: Sendable {
  /// Rows `start` up to `end`, `height` in each; a link's height may be negative.
  struct Segment: Sendable, Hashable {
    var start, end, height: Int32
  }

  /// Right-hand sides of the rows as they are, before differences.
  let capacity: [Int64]
  /// Whether a row continues the one before, so that segments may run from one to the other; one entry more than rows.
  let continues: [Bool]
  /// Whether a row is stated as its difference from the one before; one entry more than rows.
  let differs: [Bool]

  /// Where each group's columns begin; one entry more than groups.
  let groupFirst: [Int32]
  /// How often a quantity group's column may be taken; 0 marks an exclusive group.
  let most: [Int32]
  let group: [Int32]
  /// Micro-dollars.
  let value: [Int64]
  let segmentFirst: [Int32]
  let segments: [Segment]

  /// Entries of each column in the rows as stated; one entry more than columns in `entryFirst`.
  let entryFirst: [Int32]
  let entryRow: [Int32]
  let entryFactor: [Int32]
  /// The largest sum of the absolute entries of a column.
  let largestEntrySum: Int64

  /// What each column and group was in the program this one was cut from; its own index at the root.
  let originColumn, originGroup: [Int32]

  var rowCount: Int { capacity.count }
  var groupCount: Int { most.count }
  var columnCount: Int { value.count }
  let hasQuantities: Bool

  @inline(__always) func columns(_ group: Int) -> Range<Int> { Int(groupFirst[group])..<Int(groupFirst[group + 1]) }
  @inline(__always) func segments(_ column: Int) -> ArraySlice<Segment> {
    segments[Int(segmentFirst[column])..<Int(segmentFirst[column + 1])]
  }
  @inline(__always) func entries(_ column: Int) -> Range<Int> { Int(entryFirst[column])..<Int(entryFirst[column + 1]) }

  init(_ draft: consuming ProgramDraft) {
    capacity = draft.capacity
    continues = draft.continues + [false]
    groupFirst = draft.groupFirst
    most = draft.most
    group = draft.group
    value = draft.value
    segmentFirst = draft.segmentFirst
    segments = draft.segments
    originColumn = draft.originColumn
    originGroup = draft.originGroup
    hasQuantities = draft.most.contains { $0 > 0 }
    differs = Program.differences(continues, segments)

    var first: [Int32] = [0]
    var rows: [Int32] = []
    var factors: [Int32] = []
    var largest: Int64 = 1
    for column in draft.value.indices {
      var sum: Int64 = 0
      for segment in segments[Int(segmentFirst[column])..<Int(segmentFirst[column + 1])] {
        for row in segment.start...segment.end {
          var entry: Int32 = row < segment.end ? segment.height : 0
          if differs[Int(row)], row > segment.start { entry -= segment.height }
          guard entry != 0 else { continue }
          sum += Int64(abs(entry))
          if let known = rows[Int(first.last!)...].firstIndex(of: row) {
            factors[known] += entry
          } else {
            rows.append(row)
            factors.append(entry)
          }
        }
      }
      largest = max(largest, sum)
      first.append(Int32(rows.count))
    }
    entryFirst = first
    entryRow = rows
    entryFactor = factors
    largestEntrySum = largest
  }

  /// Every continuing row is stated as a difference, or none: whichever leaves fewer entries.
  private static func differences(_ continues: [Bool], _ segments: [Segment]) -> [Bool] {
    var plain = 0
    var differing = 0
    for segment in segments {
      plain += Int(segment.end - segment.start)
      differing += continues[Int(segment.end)] ? 2 : 1
      // Segments that start where no row precedes, or end where none follows, still begin once.
      for row in segment.start + 1..<max(segment.start + 1, segment.end) where !continues[Int(row)] { differing += 1 }
    }
    return differing < plain ? continues : continues.map { _ in false }
  }

  /// The value of a choice: a column of each exclusive group or -1, a number for each quantity group.
  func value(of choice: [Int32]) -> Int64 {
    var total: Int64 = 0
    for group in 0..<groupCount {
      if most[group] > 0 {
        total += value[Int(groupFirst[group])] * Int64(choice[group])
      } else if choice[group] >= 0 {
        total += value[Int(choice[group])]
      }
    }
    return total
  }

  /// What a choice leaves of each row.
  func rest(of choice: [Int32]) -> [Int64] {
    var rest = capacity
    for group in 0..<groupCount {
      let isQuantity = most[group] > 0
      let times: Int64 = isQuantity ? Int64(choice[group]) : (choice[group] >= 0 ? 1 : 0)
      guard times > 0 else { continue }
      for segment in segments(isQuantity ? Int(groupFirst[group]) : Int(choice[group])) {
        for row in Int(segment.start)..<Int(segment.end) { rest[row] -= times * Int64(segment.height) }
      }
    }
    return rest
  }

  /// Whether a choice respects every row, in whole numbers.
  func isFeasible(_ choice: [Int32]) -> Bool { rest(of: choice).allSatisfy { $0 >= 0 } }

  /// The choice that takes nothing.
  var nothing: [Int32] { most.map { $0 > 0 ? 0 : -1 } }
}

/// The parts of a program while it is put together.
struct ProgramDraft {
  var capacity: [Int64] = []
  var continues: [Bool] = []
  var groupFirst: [Int32] = [0]
  var most: [Int32] = []
  var group: [Int32] = []
  var value: [Int64] = []
  var segmentFirst: [Int32] = [0]
  var segments: [Program.Segment] = []
  var originColumn: [Int32] = []
  var originGroup: [Int32] = []

  mutating func addColumn(value: Int64, segments list: some Sequence<Program.Segment>, origin: Int) {
    group.append(Int32(most.count))
    self.value.append(value)
    segments.append(contentsOf: list)
    segmentFirst.append(Int32(segments.count))
    originColumn.append(Int32(origin))
  }

  /// Ends the group being built; a group without columns leaves no trace.
  mutating func closeGroup(most: Int32, origin: Int) {
    guard value.count > Int(groupFirst.last!) else { return }
    self.most.append(most)
    groupFirst.append(Int32(value.count))
    originGroup.append(Int32(origin))
  }
}
