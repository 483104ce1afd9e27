extension Program {
  /// The program of a whole book: capacity rows that bind, and a row for each link.
  convenience init(_ columns: Columns) {
    var draft = ProgramDraft()
    draft.capacity = columns.capacity.map { Int64($0) }
    draft.continues = [Bool](repeating: false, count: columns.rowCount)
    let line = columns.book.lineLength
    var last = -1
    for (row, kept) in columns.keptRow.enumerated() where kept >= 0 {
      draft.continues[Int(kept)] = last >= 0 && last / line == row / line
      last = row
    }
    for group in 0..<columns.groupCount {
      for j in columns.columns(group) {
        var list: [Segment] = []
        if columns.start[j] < columns.end[j] {
          list.append(Segment(start: columns.start[j], end: columns.end[j], height: columns.height[j]))
        }
        for index in Int(columns.extraFirst[j])..<Int(columns.extraFirst[j + 1]) {
          let extra = columns.extra[index]
          list.append(Segment(start: extra.start, end: extra.end, height: extra.gpus))
        }
        draft.addColumn(value: columns.value[j], segments: list, origin: j)
      }
      draft.closeGroup(most: columns.most[group], origin: group)
    }
    self.init(draft)
  }

  /// What remains once some groups are settled.
  /// - Parameters:
  ///   - settled: for each group, what it is fixed to (as in a choice), or nil if it stays free.
  ///   - allows: whether a free group's column stays.
  /// - Returns: the rest, and the value of what was settled; nil if what was settled does not fit by itself.
  func settling(_ settled: [Int32?], allows: (Int) -> Bool) -> (program: Program, value: Int64)? {
    let fixed = settled.indices.map { settled[$0] ?? (most[$0] > 0 ? 0 : -1) }
    let rest = rest(of: fixed)
    var draft = ProgramDraft()
    draft.continues = Array(continues.dropLast())
    draft.capacity = rest
    // A link's row may be short until a free parent joins; any other row must hold already.
    var canRelieve = [Bool](repeating: false, count: rowCount)
    for group in 0..<groupCount where settled[group] == nil {
      for j in columns(group) where allows(j) {
        for segment in segments(j) where segment.height < 0 {
          for row in segment.start..<segment.end { canRelieve[Int(row)] = true }
        }
      }
    }
    for row in 0..<rowCount where rest[row] < 0 && !canRelieve[row] { return nil }
    for group in 0..<groupCount where settled[group] == nil {
      var room = most[group]
      for j in columns(group) where allows(j) {
        var fits = true
        for segment in segments(j) where segment.height > 0 {
          for row in Int(segment.start)..<Int(segment.end) where !canRelieve[row] {
            if rest[row] < Int64(segment.height) { fits = false }
            if most[group] > 0 { room = Int32(clamping: min(Int64(room), rest[row] / Int64(segment.height))) }
          }
        }
        if fits { draft.addColumn(value: value[j], segments: segments(j), origin: j) }
      }
      draft.closeGroup(most: most[group] > 0 ? max(1, room) : 0, origin: group)
    }
    draft.dropRows()
    return (Program(draft), value(of: fixed))
  }
}

extension ProgramDraft {
  /// Leaves out rows that cannot bind, and rows that a neighbour implies.
  ///
  /// If every segment that covers a row also covers the next, and the next holds no more, the row is implied by it.
  mutating func dropRows() {
    let rows = capacity.count
    var starts = [Bool](repeating: false, count: rows + 1)
    var ends = starts
    var busiest = [Int64](repeating: 0, count: rows)
    var lowers = [Bool](repeating: false, count: rows)
    var seen = [Int64](repeating: 0, count: rows)
    var touched: [Int] = []
    for group in most.indices {
      let times = Int64(max(1, most[group]))
      for column in Int(groupFirst[group])..<Int(groupFirst[group + 1]) {
        for segment in segments[Int(segmentFirst[column])..<Int(segmentFirst[column + 1])] {
          starts[Int(segment.start)] = true
          ends[Int(segment.end)] = true
          for row in Int(segment.start)..<Int(segment.end) {
            if segment.height < 0 { lowers[row] = true }
            if seen[row] == 0 { touched.append(row) }
            seen[row] = max(seen[row], times * Int64(max(0, segment.height)))
          }
        }
      }
      for row in touched {
        busiest[row] += seen[row]
        seen[row] = 0
      }
      touched.removeAll(keepingCapacity: true)
    }
    var drop = (0..<rows).map { busiest[$0] <= capacity[$0] }
    for row in 0..<max(0, rows - 1) where continues[row + 1] && !lowers[row] && !lowers[row + 1] {
      if !ends[row + 1], capacity[row + 1] <= capacity[row] {
        drop[row] = true
      } else if !starts[row + 1], capacity[row] <= capacity[row + 1] {
        drop[row + 1] = true
      }
    }
    keepRows { !drop[$0] }
  }

  private mutating func keepRows(_ keeps: (Int) -> Bool) {
    var before: [Int32] = [0]
    var kept: [Int64] = []
    var joined: [Bool] = []
    var isBroken = true
    for row in capacity.indices {
      if !continues[row] { isBroken = true }
      if keeps(row) {
        joined.append(!isBroken)
        isBroken = false
        kept.append(capacity[row])
      }
      before.append(Int32(kept.count))
    }
    capacity = kept
    continues = joined
    var list: [Program.Segment] = []
    var first: [Int32] = [0]
    for column in value.indices {
      for segment in segments[Int(segmentFirst[column])..<Int(segmentFirst[column + 1])] {
        let (start, end) = (before[Int(segment.start)], before[Int(segment.end)])
        if start < end { list.append(Program.Segment(start: start, end: end, height: segment.height)) }
      }
      first.append(Int32(list.count))
    }
    segments = list
    segmentFirst = first
  }
}
