import Testing

@testable import Clearing

@Suite("Core-selecting payments")
struct CoreSelectingTests {
  /// No coalition offers more than the winners pay, and no payment above VCG can be lowered alone.
  func check(_ instance: Instance, _ label: String) {
    let vcg = clear(instance, pricing: .vcg, effort: .quick)
    let core = clear(instance, pricing: .coreSelecting, effort: .quick)
    #expect(core.rule == .coreSelecting, "\(label)")
    #expect(Verifier.problems(of: core, in: instance, pricing: .coreSelecting) == [], "\(label)")
    var net: [String: Int64] = [:]
    var pay: [String: Int64] = [:]
    for award in core.awards {
      net[instance.companyName(ofBid: award.bid), default: 0] += award.net
      pay[instance.companyName(ofBid: award.bid), default: 0] += award.payment! - award.reserveCost
    }
    let companies = Set((0..<instance.bidCount).map { instance.companyName(ofBid: $0) }).sorted()
    /// What each coalition could add beyond what it pays; positive if it blocks.
    func complaint(_ pay: [String: Int64]) -> Int64 {
      var worst = Int64.min
      for mask in 0..<1 << companies.count {
        let coalition = Set(companies.indices.filter { mask >> $0 & 1 == 1 }.map { companies[$0] })
        let offer = ReferenceClearing(instance, without: Set(companies).subtracting(coalition)).welfare
        let kept = coalition.reduce(Int64(0)) { $0 + net[$1, default: 0] - pay[$1, default: 0] }
        worst = max(worst, offer - kept - pay.values.reduce(0, +))
      }
      return worst
    }
    #expect(complaint(pay) <= 0, "\(label)")
    for (before, after) in zip(vcg.payments, core.payments) {
      #expect(after.payment >= before.payment, "\(label)")
      guard after.payment > before.payment else { continue }
      var lower = pay
      lower[after.company]! -= 1
      #expect(complaint(lower) > 0, "\(label): \(after.company) could pay less")
    }
  }

  @Test func lieInTheCore() throws {
    for seed in 0..<60 as Range<UInt64> {
      check(try SmallBook(features: [.links, .minimums, .reserves], bids: 3...5).instance(seed: seed), "seed \(seed)")
    }
  }

  /// With every winner's surplus charged, the allocation is feasible and worth what the winners pay.
  @Test func chargesAreTheWinnersSurplus() throws {
    for seed in 0..<40 as Range<UInt64> {
      let instance = try SmallBook(bids: 6...10).instance(seed: seed)
      let book = Book(instance)
      var allocation = Allocation(book)
      Greedy(book, prices: [Double](repeating: 1, count: book.rowCount)).fill(&allocation)
      var surplus: [Int: Int64] = [:]
      for company in book.winningCompanies(allocation.selection) {
        // Some keep nothing, and have no gate.
        let net = allocation.welfare - book.without(Int32(company), allocation.selection).welfare(book)
        surplus[company] = company % 3 == 0 ? 0 : net / 2
      }
      let charged = book.charging(surplus)
      let held = charged.charged(allocation.selection, of: book)
      #expect(held.isFeasible(charged), "seed \(seed)")
      #expect(held.welfare(charged) == allocation.welfare - surplus.values.reduce(0, +), "seed \(seed)")
    }
  }

  /// A search for a blocking coalition ends where the clearing is stopped; the payments are VCG's then, and again.
  @Test func stopWithinASearch() throws {
    let book = SmallBook(features: [.links, .minimums, .reserves], bids: 25...30, slots: 6...8)
    let instance = try book.instance(seed: 3)
    let vcg = clear(instance, pricing: .vcg, effort: .quick)
    let core = DeterminismTests.expectSame(instance, pricing: .coreSelecting, .quick)
    try #require(vcg.proven && core.rule == .coreSelecting && core.workDone > vcg.workDone + 2)
    let stopped = try DeterminismTests.expectRepeated(
      instance, pricing: .coreSelecting, .quick, stoppedAt: vcg.workDone + 2)
    #expect(stopped.rule == .vcg && stopped.payments == vcg.payments && stopped.workDone < core.workDone)
  }

  /// The textbook case: two small bidders need each other against a large one; VCG would charge them nothing.
  @Test func raiseWhatVCGGivesAway() throws {
    var builder = Instance.Builder(name: "textbook", slotMinutes: 60, slotCount: 1)
    for pool in 0..<2 { builder.addPool(name: "p\(pool)", capacity: [1], reserve: 0) }
    let both = [Use(pool: 0, firstSlot: 0, slots: 1, gpus: 1), Use(pool: 1, firstSlot: 0, slots: 1, gpus: 1)]
    builder.addBid(id: "large", company: "large", placements: [Placement(value: 1000, uses: both)])
    builder.addBid(id: "left", company: "left", placements: [Placement(value: 1000, uses: [both[0]])])
    builder.addBid(id: "right", company: "right", placements: [Placement(value: 1000, uses: [both[1]])])
    let instance = try builder.build()
    let vcg = clear(instance, pricing: .vcg, effort: .quick)
    #expect(vcg.payments.map(\.payment) == [0, 0])
    let core = clear(instance, pricing: .coreSelecting, effort: .quick)
    #expect(core.payments.map(\.payment) == [500, 500])
  }
}
