import Testing

@testable import Clearing

@Suite("Payment intervals of clearings that were stopped")
struct IntervalTests {
  /// Whatever is proven or not: what the company's absence is truly worth lies within the interval.
  @Test(arguments: 1...4)
  func holdTheTrueCounterfactual(stop: Int) throws {
    for seed in 0..<40 as Range<UInt64> {
      let instance = try SmallBook(bids: 3...6).instance(seed: seed)
      var effort = Effort.quick
      effort.stopAt = stop
      let clearing = clear(instance, pricing: .vcg, effort: effort)
      #expect(Verifier.problems(of: clearing, in: instance, pricing: .vcg) == [], "seed \(seed)")
      #expect(clearing.bound >= ReferenceClearing(instance).welfare, "seed \(seed)")
      for payment in clearing.payments {
        let mine = clearing.awards.filter { instance.companyName(ofBid: $0.bid) == payment.company }
        let net = mine.reduce(0) { $0 + $1.net }
        let cost = mine.reduce(0) { $0 + $1.reserveCost }
        let without = ReferenceClearing(instance, without: [payment.company]).welfare
        let exact = cost + min(net, without - (clearing.welfare - net))
        #expect(payment.low <= exact && exact <= payment.high, "seed \(seed), \(payment.company)")
        if payment.exact { #expect(payment.payment == exact) }
      }
    }
  }

  /// Of each company's bids together, and an exact payment counts as 0.
  @Test func widthIsTheMeanOfCompanies() throws {
    var builder = Instance.Builder(name: "two", slotMinutes: 60, slotCount: 1)
    builder.addPool(name: "p", capacity: [4], reserve: 0)
    let use = [Use(pool: 0, firstSlot: 0, slots: 1, gpus: 1)]
    for (id, company, value) in [("a1", "a", 600), ("a2", "a", 400), ("b1", "b", 300)] {
      builder.addBid(id: id, company: company, placements: [Placement(value: Int64(value), uses: use)])
    }
    let instance = try builder.build()
    let awards = [600, 400, 300].enumerated().map {
      Award(bid: $0.offset, placement: 0, gpus: 1, uses: use, value: $0.element, reserveCost: 0)
    }
    func clearing(_ payments: [CompanyPayment]) -> Clearing {
      Clearing(
        published: "0", effort: .quick, workDone: 0, stoppedEarly: false, welfare: 1300, bound: 1400,
        ties: .notGuaranteed, awards: awards, rule: .vcg, payments: payments)
    }
    let open = CompanyPayment(company: "a", payment: 200, low: 200, high: 700, exact: false)
    let exact = CompanyPayment(company: "b", payment: 100, low: 100, high: 100, exact: true)
    #expect(clearing([open, exact]).meanIntervalWidth(of: instance) == 0.25)
    #expect(clearing([exact]).meanIntervalWidth(of: instance) == 0)
    #expect(clearing([]).meanIntervalWidth(of: instance) == 0)
  }

  /// What `stopAt` repeats is a prefix of the same work, whatever the rule.
  @Test func stoppingSoonerIsNeverBetter() throws {
    let instance = try SmallBook(bids: 25...30, slots: 6...8).instance(seed: 11)
    var before: Int64 = -1
    for stop in 1...6 {
      var effort = Effort.quick
      effort.stopAt = stop
      let clearing = clear(instance, pricing: .none, effort: effort)
      #expect(clearing.welfare >= before)
      before = clearing.welfare
    }
  }
}
