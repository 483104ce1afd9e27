/// Simulated annealing of an allocation (Kirkpatrick, Gelatt and Vecchi 1983), with two moves.
///
/// Insertion puts an item where it is worth having and ejects what stands in the way and is worth least there;
/// ruin frees an award or two and refills the gap (Schrimpf et al. 2000). Both put back what still fits. Decisions
/// rest on whole numbers and single floating-point operations in a fixed order, so that a run can be repeated
/// anywhere.
struct Annealer: ~Copyable {
  var holdings: Holdings
  let candidates: Candidates
  var random: RandomWords
  /// Work done, in nanoseconds or so.
  var ticks = 0
  /// Welfare on average over the second half of the last stretch, micro-dollars: what is held at one moment of a hot
  /// chain says less.
  private(set) var meanWelfare = 0.0
  /// GPU-slots of a small award: larger gaps are worth a longer look.
  let smallArea: Int
  /// What a change costs beyond the smallest books, where all that is read stays near the processor.
  private let changeTicks: Int
  /// Items ejected by the move at hand.
  var ejected: [Int32] = []
  /// The ejected candidates, in step with `ejected`.
  var ejectedChoices: [Int32] = []

  init(_ candidates: Candidates, holding selection: Selection, seed: UInt64) {
    self.candidates = candidates
    // 90 for each doubling above 5,000 candidates, as measured up to 400,000 of them.
    changeTicks = 90 * (Int.bitWidth - 1 - max(1, candidates.all.count / 5000).leadingZeroBitCount)
    holdings = Holdings(candidates, holding: selection)
    random = RandomWords(seed: seed)
    var area = 0
    var count = 0
    for item in selection.option.indices where selection.option[item] >= 0 {
      let option = Int(selection.option[item])
      area += Int(candidates.book.gpus[option]) * Int(candidates.book.end[option] - candidates.book.start[option])
      count += 1
    }
    smallArea = max(1, area / max(1, count) / 3)
  }

  /// Anneals for `budget` ticks, which are the stretch of a longer cooling from `done` ticks of `all`.
  mutating func run(_ budget: Int, schedule: Schedule, done: Int = 0, of all: Int? = nil) {
    guard candidates.itemCount > 0 else { return }
    var schedule = schedule
    let begin = ticks
    var (sum, samples) = (0.0, 0.0)
    while ticks - begin < budget {
      schedule.set(done: done + ticks - begin, of: all ?? budget)
      for _ in 0..<64 { step(schedule.threshold(random.next())) }
      guard ticks - begin > budget / 2 else { continue }
      sum += Double(holdings.welfare)
      samples += 1
    }
    meanWelfare = sum / max(1, samples)
  }

  /// Tries one move, and keeps it if it loses at most `threshold`.
  mutating func step(_ threshold: Int64) {
    ticks += 600
    let flips = holdings.flips
    holdings.begin()
    let before = holdings.welfare
    let item = pick()
    let done =
      holdings.held[item] >= 0 && random.below(4) != 0 ? ruin(item) : insert(item, losing: threshold)
    ticks += holdings.journal.count * changeTicks
    if done, before - holdings.welfare <= threshold { holdings.keep() } else { holdings.undo() }
    ticks += holdings.flips - flips
  }

  /// An item to move; those that are worth little more than their price more often.
  private mutating func pick() -> Int {
    let word = random.next()
    // Half of the time.
    if !candidates.marginal.isEmpty, word & 1 == 0 {
      return Int(candidates.marginal[random.below(candidates.marginal.count)])
    }
    return random.below(candidates.itemCount)
  }
}
