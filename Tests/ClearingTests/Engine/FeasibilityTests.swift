import Clearing
import Testing

@Suite("Every clearing is feasible, whatever the book and the rule")
struct FeasibilityTests {
  @Test(arguments: [PricingRule.none, .payAsBid, .vcg, .coreSelecting])
  func soundOnSmallBooks(pricing: PricingRule) throws {
    for seed in 0..<60 as Range<UInt64> {
      let instance = try SmallBook().instance(seed: seed)
      let clearing = clear(instance, pricing: pricing, effort: Effort(units: 50))
      #expect(Verifier.problems(of: clearing, in: instance, pricing: pricing) == [], "seed \(seed)")
    }
  }
}
