import Testing

@testable import Clearing

@Suite("Hard cases")
struct HardCaseTests {
  func block(_ value: Int64, _ slots: Range<Int>, _ gpus: Int, pool: Int = 0, minimum: Int? = nil) -> Placement {
    Placement(
      value: value, uses: [Use(pool: pool, firstSlot: slots.lowerBound, slots: slots.count, gpus: gpus)],
      minimumGPUs: minimum)
  }

  func book(_ capacity: [Int], reserve: Int64 = 0, _ fill: (inout Instance.Builder) -> Void) throws -> Instance {
    var builder = Instance.Builder(name: "hard", slotMinutes: 60, slotCount: capacity.count)
    builder.addPool(name: "h100", capacity: capacity, reserve: reserve)
    fill(&builder)
    return try builder.build()
  }

  /// Clears by VCG, audits, and expects a proof.
  func solve(_ instance: Instance, effort: Effort = .quick) -> Clearing {
    let clearing = clear(instance, pricing: .vcg, effort: effort)
    #expect(Verifier.problems(of: clearing, in: instance, pricing: .vcg) == [])
    #expect(clearing.proven)
    #expect(clearing.ties == .ruled)
    return clearing
  }

  @Test func identicalBidsGoToTheEarliest() throws {
    let instance = try book([100, 100]) { builder in
      for bid in 0..<60 {
        builder.addBid(id: "b\(bid)", company: "c\(bid % 7)", placements: [block(900, 0..<2, 9)])
      }
    }
    #expect(solve(instance).awards.map(\.bid) == Array(0..<11))
  }

  @Test func slotsWithoutCapacity() throws {
    let instance = try book([4, 0, 4]) { builder in
      builder.addBid(id: "a", company: "a", placements: [block(90, 0..<3, 1), block(40, 0..<1, 2)])
      builder.addBid(id: "b", company: "b", placements: [block(50, 2..<3, 4)])
    }
    #expect(solve(instance).welfare == 90)
  }

  @Test func bidLargerThanCapacity() throws {
    let instance = try book([4]) { builder in
      builder.addBid(id: "a", company: "a", placements: [block(100, 0..<1, 5)])
      builder.addBid(id: "b", company: "b", placements: [block(100, 0..<1, 10, minimum: 3)])
    }
    let clearing = solve(instance)
    #expect(clearing.awards.map(\.gpus) == [4])
    #expect(clearing.welfare == 40)
  }

  @Test func nothingFits() throws {
    let instance = try book([0, 0]) { builder in
      builder.addBid(id: "a", company: "a", placements: [block(100, 0..<1, 1)])
    }
    let clearing = solve(instance)
    #expect(clearing.awards.isEmpty)
    #expect(clearing.bound == 0)
  }

  @Test func everythingFitsAtReserve() throws {
    let instance = try book([1000, 1000], reserve: 10) { builder in
      for bid in 0..<40 {
        builder.addBid(
          id: "b\(bid)", company: "c\(bid % 5)",
          placements: [block(Int64(100 + bid), 0..<1, 3), block(Int64(100 + bid), 1..<2, 3)])
      }
    }
    let clearing = solve(instance)
    #expect(clearing.awards.count == 40)
    #expect(clearing.awards.allSatisfy { $0.placement == 0 && $0.payment == $0.reserveCost })
  }

  @Test func valuesNearTheLimit() throws {
    let most = Limits.totalValue / 4
    let instance = try book([3]) { builder in
      for bid in 0..<3 {
        builder.addBid(id: "b\(bid)", company: "c\(bid)", placements: [block(most - Int64(bid), 0..<1, 2)])
      }
    }
    let clearing = solve(instance)
    #expect(clearing.welfare == most)
    #expect(clearing.payments.map(\.payment) == [most - 1])
  }

  /// Dear GPUs in one pool and tall blocks in another: no price is refused because of a product that no bid forms.
  @Test func dearPricesBesideTallBlocks() throws {
    var builder = Instance.Builder(name: "unlike", slotMinutes: 60, slotCount: 168)
    builder.addPool(name: "small", capacity: [Int](repeating: 8, count: 168), reserve: 0)
    builder.addPool(name: "large", capacity: [Int](repeating: 1024, count: 168), reserve: 0)
    let week: Int64 = 16_000_000 * 8 * 168
    for bid in 0..<12 {
      let id = "s\(bid)"
      builder.addBid(id: id, company: id, placements: [block(week - Int64(bid), 0..<168, 8)])
    }
    for bid in 0..<2 {
      let id = "l\(bid)"
      builder.addBid(id: id, company: id, placements: [block(7 * week + Int64(bid), 0..<168, 1024, pool: 1)])
    }
    let instance = try builder.build()
    let certificate = Certificate(Book(instance))
    let dear = certificate.whole((0..<336).map { $0 < 168 ? 16_000_000 : 0 })
    #expect(certificate.bound(dear) == 15 * week + 1)
    #expect(solve(instance).welfare == 8 * week + 1)
  }

  /// A link of more GPUs than a row of the exact search can hold: searched without it.
  @Test func linkedCurveOfVeryManyGPUs() throws {
    let many = 1 << 30
    let instance = try book([many, many]) { builder in
      builder.addBid(id: "parent", company: "c", placements: [block(5, 0..<1, 1)])
      let points = (0..<2).map { CurvePoint(pool: 0, slot: $0, steps: [CurveStep(gpus: many, price: 1)]) }
      builder.addBid(id: "child", company: "c", parent: "parent", curve: points)
    }
    let clearing = clear(instance, pricing: .vcg, effort: .quick)
    #expect(Verifier.problems(of: clearing, in: instance, pricing: .vcg) == [])
    #expect(clearing.welfare == 5 + 2 * Int64(many) - 1)
  }

  @Test func valuesBeyondTheLimitAreRefused() {
    let refused = #expect(throws: InstanceError.self) {
      try book([3]) { builder in
        for bid in 0..<5 {
          builder.addBid(id: "b\(bid)", company: "c", placements: [block(Limits.totalValue / 4, 0..<1, 1)])
        }
      }
    }
    #expect(
      refused?.problem
        == "the value of all bids up to b4 exceeds \(Limits.totalValue) micro-dollars; check the unit of values")
  }

  @Test func thousandAlternatives() throws {
    let instance = try book([Int](repeating: 8, count: 100)) { builder in
      for bid in 0..<3 {
        builder.addBid(
          id: "b\(bid)", company: "c\(bid)",
          placements: (0..<1000).map { block(Int64(5000 - $0), $0 % 90..<$0 % 90 + 10, 8) })
      }
    }
    #expect(solve(instance).awards.map { $0.uses[0].firstSlot } == [0, 10, 20])
  }

  @Test func chainOfLinks() throws {
    let instance = try book([20]) { builder in
      for bid in 0..<20 {
        builder.addBid(
          id: "b\(bid)", company: "c", parent: bid == 0 ? nil : "b\(bid - 1)",
          placements: [block(bid == 19 ? 1000 : 1, 0..<1, 1)])
      }
      builder.addBid(id: "rival", company: "d", placements: [block(500, 0..<1, 20)])
    }
    let clearing = solve(instance)
    #expect(clearing.welfare == 1019)
    #expect(clearing.payments.map(\.payment) == [500])
  }

  @Test func companyWithHalfOfAllBids() throws {
    let instance = try book([10, 10, 10]) { builder in
      for bid in 0..<30 {
        builder.addBid(
          id: "b\(bid)", company: bid % 2 == 0 ? "giant" : "c\(bid)",
          placements: [block(Int64(20 + bid * 7 % 11), bid % 3..<bid % 3 + 1, 1 + bid % 4)])
      }
    }
    _ = solve(instance)
  }

  @Test func emptyBook() throws {
    let clearing = solve(try book([5]) { _ in })
    #expect(clearing.welfare == 0)
    #expect(clearing.payments.isEmpty)
  }

  @Test func cyclesAreRefused() {
    let refused = #expect(throws: InstanceError.self) {
      try book([3]) { builder in
        builder.addBid(id: "a", company: "c", parent: "b", placements: [block(1, 0..<1, 1)])
        builder.addBid(id: "b", company: "c", parent: "a", placements: [block(1, 0..<1, 1)])
      }
    }
    #expect(refused?.problem == "bid a is, through its links, its own parent; break the cycle")
  }

  @Test func independentPoolsAreProvenApart() throws {
    var builder = Instance.Builder(name: "apart", slotMinutes: 60, slotCount: 1)
    for pool in 0..<6 {
      builder.addPool(name: "p\(pool)", capacity: [10], reserve: 0)
      for bid in 0..<8 {
        builder.addBid(
          id: "p\(pool)b\(bid)", company: "c\(bid)",
          placements: [block(Int64(30 + bid * 13 % 7), 0..<1, 3 + bid % 3, pool: pool)])
      }
    }
    let instance = try builder.build()
    #expect(Book(instance).components().count == 6)
    _ = solve(instance)
  }
}
