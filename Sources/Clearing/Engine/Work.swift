/// Counts work and says when to stop: by the effort, by a caller's wish, or where an earlier run was stopped.
///
/// Ticks are about nanoseconds; they are counted, never measured.
struct Work {
  static let ticksPerUnit = 1_000_000
  /// Ticks this piece of work may use.
  let budget: Int
  private(set) var ticks = 0
  private(set) var stoppedEarly = false
  /// What the clearing had done when this part of it began: a whole number of units.
  private let begun: Int
  private let control: ClearingControl?
  private let stopAt: Int?

  /// The work of a whole clearing, which its caller may end.
  init(effort: Effort, control: ClearingControl) {
    budget = effort.units * Work.ticksPerUnit
    begun = 0
    self.control = control
    stopAt = effort.stopAt
  }

  /// A part that nobody can end from outside.
  init(ticks: Int) {
    budget = ticks
    begun = 0
    control = nil
    stopAt = nil
  }

  /// A part of a clearing's work that ends where the clearing is stopped; `take` it back when it is done.
  init(ticks: Int, of whole: Work) {
    budget = ticks
    begun = whole.ticks
    control = whole.control
    stopAt = whole.stopAt
    stoppedEarly = whole.stoppedEarly
  }

  var units: Int { ticks / Work.ticksPerUnit }
  var left: Int { stoppedEarly ? 0 : max(0, budget - ticks) }
  var isOver: Bool { left == 0 }

  /// What is done after a stop does not count: the stop is the work that `stopAt` names.
  mutating func add(_ ticks: Int) { if !stoppedEarly { self.ticks += ticks } }

  /// Counts what a part of this has done, and stops where the part was stopped.
  mutating func take(_ part: Work) {
    add(part.ticks)
    stoppedEarly = part.stoppedEarly
  }

  /// The end of a piece of work: the only place where a clearing can be stopped from outside.
  ///
  /// Work is rounded up to a whole unit, so that no two boundaries have the same number and `stopAt` names one.
  mutating func boundary() {
    guard !stoppedEarly else { return }
    ticks = (units + 1) * Work.ticksPerUnit
    if let stopAt {
      stoppedEarly = begun / Work.ticksPerUnit + units >= stopAt
    } else if let control {
      stoppedEarly = control.shouldStop()
    }
  }
}
