import Testing

@testable import Clearing

@Suite("The engine equals the exhaustive reference")
struct ExactnessTests {
  /// Welfare, the allocation that the tie rule picks, and every VCG payment to the micro-dollar.
  static func compare(_ instance: Instance, _ label: String) {
    let reference = ReferenceClearing(instance)
    let clearing = clear(instance, pricing: .vcg, effort: .quick)
    #expect(clearing.welfare == reference.welfare, "welfare, \(label)")
    #expect(clearing.proven, "proof, \(label)")
    #expect(clearing.ties == .ruled, "ties, \(label)")
    let awarded = clearing.awards.map { "\($0.bid) \($0.placement.map(String.init) ?? "-") \($0.uses)" }
    let expected = reference.chosen.indices.compactMap { bid in
      reference.chosen[bid].map { "\(bid) \($0.placement.map(String.init) ?? "-") \($0.uses)" }
    }
    #expect(awarded == expected, "allocation, \(label)")
    #expect(Verifier.problems(of: clearing, in: instance, pricing: .vcg) == [], "audit, \(label)")
    let payments = Dictionary(uniqueKeysWithValues: clearing.payments.map { ($0.company, $0.payment) })
    #expect(payments == reference.payments(), "payments, \(label)")
    #expect(!clearing.payments.contains { !$0.exact }, "exact payments, \(label)")
  }

  @Test(arguments: 0..<8)
  func allFeatures(block: Int) throws {
    for seed in UInt64(block * 40)..<UInt64(block * 40 + 40) {
      Self.compare(try SmallBook(bids: 2...5).instance(seed: seed), "seed \(seed)")
    }
  }

  @Test(arguments: [
    SmallBook.Features.curves, .links, .caps, .reserves, .minimums, .bundles, [], [.curves, .links],
    [.minimums, .caps],
  ])
  func eachFeature(features: SmallBook.Features) throws {
    for seed in 1000..<1025 as Range<UInt64> {
      Self.compare(
        try SmallBook(features: features, bids: 3...6).instance(seed: seed), "seed \(seed), \(features.rawValue)")
    }
  }
}
