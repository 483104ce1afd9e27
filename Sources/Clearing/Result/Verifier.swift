/// Audits a clearing from the instance alone; shares no code with the solver.
public enum Verifier {
  /// Every broken rule as a sentence; empty if the clearing is sound.
  public static func problems(of clearing: Clearing, in instance: Instance, pricing: PricingRule) -> [String] {
    var audit = Audit(instance: instance, clearing: clearing)
    audit.checkOrder()
    guard audit.problems.isEmpty else { return audit.problems }
    for award in clearing.awards { audit.check(award) }
    guard audit.problems.isEmpty else { return audit.problems }
    audit.checkCapacity()
    audit.checkCaps()
    audit.checkLinks()
    audit.checkTotals()
    audit.checkPayments(pricing)
    return audit.problems
  }
}

private struct Audit {
  let instance: Instance
  let clearing: Clearing
  var problems: [String] = []
  var value: Int64 = 0
  var cost: Int64 = 0

  init(instance: Instance, clearing: Clearing) {
    self.instance = instance
    self.clearing = clearing
  }

  mutating func fault(_ text: String) { problems.append(text) }

  mutating func checkOrder() {
    for award in clearing.awards where award.bid < 0 || award.bid >= instance.bidCount {
      fault("an award names bid \(award.bid) of \(instance.bidCount)")
    }
    for (before, after) in zip(clearing.awards, clearing.awards.dropFirst()) where before.bid >= after.bid {
      fault("awards are not in order of acceptance, or a bid has two")
    }
  }

  mutating func check(_ award: Award) {
    let name = "the award of bid \(instance.bidID(award.bid))"
    var cost: Int64 = 0
    for use in award.uses {
      guard use.gpus > 0, use.slots > 0 else { return fault("\(name) holds nothing") }
      guard use.pool >= 0, use.pool < instance.poolCount, use.firstSlot >= 0,
        use.firstSlot + use.slots <= instance.slotCount
      else { return fault("\(name) lies outside the round") }
      cost += instance.reserve(pool: use.pool) * Int64(use.slots) * Int64(use.gpus)
    }
    guard let first = award.uses.first else { return fault("\(name) holds nothing") }
    if first.gpus != award.gpus { fault("\(name) counts \(award.gpus) GPUs but holds \(first.gpus)") }
    let offer = award.placement.map { offered(award, $0, name) } ?? offeredCurve(award, name)
    guard let offer else { return }
    if offer != award.value { fault("\(name) is worth \(offer), not \(award.value)") }
    if cost != award.reserveCost { fault("\(name) has reserve cost \(cost), not \(award.reserveCost)") }
    if award.value < cost { fault("\(name) lies below reserve") }
    value += award.value
    self.cost += cost
  }

  private mutating func offered(_ award: Award, _ index: Int, _ name: String) -> Int64? {
    guard index >= 0, index < instance.placementCount(ofBid: award.bid) else {
      fault("\(name) names placement \(index), which is not there")
      return nil
    }
    let placement = instance.placement(index, ofBid: award.bid)
    if placement.uses == award.uses { return placement.value }
    guard let minimum = placement.minimumGPUs, let wanted = placement.uses.first, let held = award.uses.first,
      award.uses.count == 1, held.pool == wanted.pool, held.slotRange == wanted.slotRange,
      held.gpus >= minimum, held.gpus <= wanted.gpus
    else {
      fault("\(name) does not hold what placement \(index) asks for")
      return nil
    }
    return placement.value / Int64(wanted.gpus) * Int64(held.gpus)
  }

  private mutating func offeredCurve(_ award: Award, _ name: String) -> Int64? {
    var value: Int64 = 0
    var left = award.uses
    for point in instance.curve(ofBid: award.bid) {
      guard let next = left.first, next.pool == point.pool, next.firstSlot == point.slot else { continue }
      left.removeFirst()
      var gpus = next.gpus
      for step in point.steps {
        let part = min(gpus, step.gpus)
        // A step below reserve is never awarded.
        if part > 0, step.price < instance.reserve(pool: point.pool) { fault("\(name) takes a step below reserve") }
        value += Int64(part) * step.price
        gpus -= part
      }
      if gpus > 0 || next.slots != 1 { fault("\(name) holds more than its curve asks for") }
    }
    guard left.isEmpty else {
      fault("\(name) holds what its curve does not ask for")
      return nil
    }
    return value
  }

  mutating func checkCapacity() {
    var change = [Int](repeating: 0, count: instance.poolCount * (instance.slotCount + 1))
    for award in clearing.awards {
      for use in award.uses {
        let line = use.pool * (instance.slotCount + 1)
        change[line + use.firstSlot] += use.gpus
        change[line + use.firstSlot + use.slots] -= use.gpus
      }
    }
    for pool in 0..<instance.poolCount {
      var used = 0
      for slot in 0..<instance.slotCount {
        used += change[pool * (instance.slotCount + 1) + slot]
        if used > instance.capacity(pool: pool, slot: slot) {
          fault(
            "pool \(instance.poolName(pool)) is oversold in slot \(slot):"
              + " \(used) of \(instance.capacity(pool: pool, slot: slot)) GPUs")
        }
      }
    }
  }

  mutating func checkCaps() {
    for cap in instance.companyCaps {
      var held = [Int](repeating: 0, count: instance.slotCount)
      for award in clearing.awards where instance.companyName(ofBid: award.bid) == cap.company {
        for use in award.uses where use.pool == cap.pool {
          for slot in use.slotRange { held[slot] += use.gpus }
        }
      }
      for slot in held.indices where held[slot] > cap.gpus {
        fault("company \(cap.company) holds \(held[slot]) of at most \(cap.gpus) GPUs in slot \(slot)")
      }
    }
  }

  mutating func checkLinks() {
    let won = Set(clearing.awards.map(\.bid))
    for award in clearing.awards {
      if let parent = instance.parent(ofBid: award.bid), !won.contains(parent) {
        fault("bid \(instance.bidID(award.bid)) wins without its parent \(instance.bidID(parent))")
      }
    }
  }

  mutating func checkTotals() {
    if value - cost != clearing.welfare { fault("welfare is \(value - cost), not \(clearing.welfare)") }
    if clearing.bound < clearing.welfare { fault("the bound \(clearing.bound) is below the welfare") }
  }

  mutating func checkPayments(_ pricing: PricingRule) {
    if pricing == .none {
      if !clearing.payments.isEmpty || clearing.awards.contains(where: { $0.payment != nil }) {
        fault("there are payments without a pricing rule")
      }
      return
    }
    var paid: [String: Int64] = [:]
    var offered: [String: Int64] = [:]
    for award in clearing.awards {
      guard let payment = award.payment else {
        fault("bid \(instance.bidID(award.bid)) wins without a payment")
        continue
      }
      if payment < award.reserveCost || payment > award.value {
        fault(
          "bid \(instance.bidID(award.bid)) pays \(payment), outside its reserve cost \(award.reserveCost)"
            + " and its bid \(award.value)")
      }
      if pricing == .payAsBid, payment != award.value { fault("bid \(instance.bidID(award.bid)) does not pay its bid") }
      paid[instance.companyName(ofBid: award.bid), default: 0] += payment
      offered[instance.companyName(ofBid: award.bid), default: 0] += award.value
    }
    if clearing.payments.map(\.company) != paid.keys.sorted() { fault("payments do not name the winners in order") }
    for payment in clearing.payments {
      if payment.payment != paid[payment.company] {
        fault("company \(payment.company) pays \(payment.payment), not the sum of its awards")
      }
      if payment.low > payment.payment || payment.payment > payment.high
        || payment.high > offered[payment.company] ?? 0 || payment.exact && payment.low != payment.high
      {
        fault("the payment of company \(payment.company) lies outside its interval, or that above its bid")
      }
    }
  }
}
