import Clearing

/// The slow twin of the engine: tries every allocation, in the order of the tie rule.
///
/// Choices of each bid are tried best first (earlier placement, then more GPUs; nothing last), so the first
/// allocation of the largest welfare is the one the rule picks.
struct ReferenceClearing {
  struct Choice {
    var placement: Int?
    var uses: [Use]
    var net: Int64
  }

  let instance: Instance
  private(set) var welfare: Int64 = -1
  private(set) var chosen: [Choice?] = []
  private var free: [[Int]]
  private var capLeft: [[Int]]
  private var current: [Choice?] = []
  private var choices: [[Choice]] = []
  private var mostLeft: [Int64] = []

  /// - Parameter absent: companies whose bids stay out.
  init(_ instance: Instance, without absent: Set<String> = []) {
    self.instance = instance
    free = (0..<instance.poolCount).map { pool in
      (0..<instance.slotCount).map { instance.capacity(pool: pool, slot: $0) }
    }
    capLeft = instance.companyCaps.map { cap in [Int](repeating: cap.gpus, count: instance.slotCount) }
    choices = (0..<instance.bidCount).map { bid in
      absent.contains(instance.companyName(ofBid: bid)) ? [] : ReferenceClearing.choices(of: bid, instance)
    }
    mostLeft = [Int64](repeating: 0, count: instance.bidCount + 1)
    for bid in (0..<instance.bidCount).reversed() {
      mostLeft[bid] = mostLeft[bid + 1] + (choices[bid].map(\.net).max() ?? 0)
    }
    tryAll(from: 0, value: 0)
  }

  private mutating func tryAll(from bid: Int, value: Int64) {
    if value + mostLeft[bid] <= welfare { return }
    guard bid < instance.bidCount else {
      let linksHold = current.indices.allSatisfy { index in
        current[index] == nil || instance.parent(ofBid: index).map { current[$0] != nil } ?? true
      }
      if linksHold, value > welfare {
        welfare = value
        chosen = current
      }
      return
    }
    for choice in choices[bid] where hold(choice, bid, 1) {
      current.append(choice)
      tryAll(from: bid + 1, value: value + choice.net)
      current.removeLast()
      _ = hold(choice, bid, -1)
    }
    current.append(nil)
    tryAll(from: bid + 1, value: value)
    current.removeLast()
  }

  /// Takes capacity and cap; false, with nothing taken, if there is not enough.
  private mutating func hold(_ choice: Choice, _ bid: Int, _ sign: Int) -> Bool {
    let before = (free, capLeft)
    var fits = true
    for use in choice.uses {
      for slot in use.slotRange {
        free[use.pool][slot] -= use.gpus * sign
        if free[use.pool][slot] < 0 { fits = false }
        for (index, cap) in instance.companyCaps.enumerated()
        where cap.pool == use.pool && cap.company == instance.companyName(ofBid: bid) {
          capLeft[index][slot] -= use.gpus * sign
          if capLeft[index][slot] < 0 { fits = false }
        }
      }
    }
    if !fits { (free, capLeft) = before }
    return fits
  }

  static func choices(of bid: Int, _ instance: Instance) -> [Choice] {
    func cost(_ uses: [Use]) -> Int64 {
      uses.reduce(0) { $0 + instance.reserve(pool: $1.pool) * Int64($1.slots * $1.gpus) }
    }
    if instance.isCurve(bid: bid) { return curveChoices(of: bid, instance) }
    var result: [Choice] = []
    for (index, placement) in instance.placements(ofBid: bid).enumerated() {
      guard placement.value >= cost(placement.uses) else { continue }
      let full = placement.uses[0].gpus
      for gpus in ((placement.minimumGPUs ?? full)...full).reversed() {
        let uses =
          placement.uses.count > 1
          ? placement.uses
          : placement.uses.map { Use(pool: $0.pool, firstSlot: $0.firstSlot, slots: $0.slots, gpus: gpus) }
        let value = placement.uses.count > 1 ? placement.value : placement.value * Int64(gpus) / Int64(full)
        result.append(Choice(placement: index, uses: uses, net: value - cost(uses)))
      }
    }
    return result
  }

  private static func curveChoices(of bid: Int, _ instance: Instance) -> [Choice] {
    var result = [Choice(placement: nil, uses: [], net: 0)]
    for point in instance.curve(ofBid: bid) {
      let reserve = instance.reserve(pool: point.pool)
      let steps = point.steps.filter { $0.price >= reserve }
      let most = steps.reduce(0) { $0 + $1.gpus }
      result = result.flatMap { base in
        (0...most).reversed().map { gpus in
          var choice = base
          if gpus > 0 { choice.uses.append(Use(pool: point.pool, firstSlot: point.slot, slots: 1, gpus: gpus)) }
          var left = gpus
          for step in steps {
            choice.net += Int64(min(left, step.gpus)) * (step.price - reserve)
            left -= min(left, step.gpus)
          }
          return choice
        }
      }
    }
    return result.filter { !$0.uses.isEmpty }
  }

  // MARK: Payments

  /// What each winning company pays under VCG, micro-dollars, by name.
  func payments() -> [String: Int64] {
    var own: [String: Int64] = [:]
    var cost: [String: Int64] = [:]
    for bid in chosen.indices {
      guard let choice = chosen[bid] else { continue }
      let company = instance.companyName(ofBid: bid)
      own[company, default: 0] += choice.net
      for use in choice.uses {
        cost[company, default: 0] += instance.reserve(pool: use.pool) * Int64(use.slots * use.gpus)
      }
    }
    var result: [String: Int64] = [:]
    for (company, net) in own {
      let without = ReferenceClearing(instance, without: [company]).welfare
      result[company] = cost[company, default: 0] + without - (welfare - net)
    }
    return result
  }
}
