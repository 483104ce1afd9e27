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
