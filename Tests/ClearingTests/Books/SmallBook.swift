import Clearing
import TestSupport

/// Small random instances with every feature, prices drawn coarsely so that ties happen.
struct SmallBook {
  /// Features to draw from; all by default.
  var features: Features = .all
  var bids = 2...6
  var slots = 1...4
  var pools = 1...2
  /// What every price and value is multiplied by.
  var unit: Int64 = 1

  struct Features: OptionSet {
    let rawValue: Int
    static let curves = Features(rawValue: 1)
    static let links = Features(rawValue: 2)
    static let caps = Features(rawValue: 4)
    static let reserves = Features(rawValue: 8)
    static let minimums = Features(rawValue: 16)
    static let bundles = Features(rawValue: 32)
    static let all = Features(rawValue: 63)
  }

  func instance(seed: UInt64) throws -> Instance {
    var random = SeededGenerator(seed)
    let slots = random.pick(self.slots)
    let pools = random.pick(self.pools)
    var builder = Instance.Builder(name: "small-\(seed)", slotMinutes: 60, slotCount: slots)
    for pool in 0..<pools {
      builder.addPool(
        name: "p\(pool)", capacity: (0..<slots).map { _ in random.pick(0...5) },
        reserve: features.contains(.reserves) && random.chance(50) ? Int64(random.pick(1...3)) * unit : 0)
    }
    let companies = random.pick(1...3)
    if features.contains(.caps), random.chance(50) {
      builder.addCap(company: "c0", pool: random.pick(0...pools - 1), gpus: random.pick(1...3))
    }
    var byCompany: [Int: [String]] = [:]
    for bid in 0..<random.pick(bids) {
      let company = random.pick(0...companies - 1)
      let parents = byCompany[company, default: []]
      let parent = features.contains(.links) && random.chance(40) ? parents.randomElement(using: &random) : nil
      let id = "b\(bid)"
      if features.contains(.curves), random.chance(20) {
        builder.addBid(id: id, company: "c\(company)", parent: parent, curve: curve(&random, slots, pools))
      } else {
        builder.addBid(
          id: id, company: "c\(company)", parent: parent,
          placements: (0..<random.pick(1...3)).map { _ in placement(&random, slots, pools) })
      }
      byCompany[company, default: []].append(id)
    }
    return try builder.build()
  }

  private func placement(_ random: inout SeededGenerator, _ slots: Int, _ pools: Int) -> Placement {
    let count = features.contains(.bundles) && random.chance(20) ? 2 : 1
    let uses = (0..<count).map { _ in use(&random, slots, pools) }
    let area = uses.reduce(0) { $0 + $1.slots * $1.gpus }
    let gpus = uses[0].gpus
    let minimum = features.contains(.minimums) && count == 1 && random.chance(40) ? random.pick(1...gpus) : nil
    // A value in whole units per GPU keeps partial awards exact.
    let rate = random.pick(1...6)
    let extra = minimum == nil ? random.pick(0...2) : 0
    return Placement(value: Int64(rate * area + extra) * unit, uses: uses, minimumGPUs: minimum)
  }

  private func use(_ random: inout SeededGenerator, _ slots: Int, _ pools: Int) -> Use {
    let first = random.pick(0...slots - 1)
    return Use(
      pool: random.pick(0...pools - 1), firstSlot: first, slots: random.pick(1...slots - first),
      gpus: random.pick(1...4))
  }

  private func curve(_ random: inout SeededGenerator, _ slots: Int, _ pools: Int) -> [CurvePoint] {
    let pool = random.pick(0...pools - 1)
    return (0..<min(slots, 2)).map { slot in
      var price = random.pick(4...6)
      return CurvePoint(
        pool: pool, slot: slot,
        steps: (0..<random.pick(1...2)).map { _ in
          price -= random.pick(1...2)
          return CurveStep(gpus: random.pick(1...2), price: Int64(price) * unit)
        })
    }
  }
}
