import Testing

@testable import Clearing

@Suite("Neighbourhoods and shared trees")
struct NeighbourhoodTests {
  /// With all bids free, or with the whole book in the tree, the search must end at the exhaustive reference's welfare.
  @Test func allBidsFreeIsTheWholeProblem() throws {
    for seed in 0..<120 as Range<UInt64> {
      let instance = try SmallBook().instance(seed: seed)
      let book = Book(instance)
      let best = ReferenceClearing(instance).welfare
      let nothing = Selection(book)
      let result = book.improve(nothing, Neighbourhood(bids: Array(0..<book.bidCount)), ticks: 50_000_000)
      let found = result.better ?? nothing
      #expect(found.isFeasible(book) && found.welfare(book) == best, "seed \(seed)")

      guard let columns = Columns(book, limit: 10_000), columns.columnCount > 0 else { continue }
      let team = TreeTeam(columns, rulesTies: false, prices: [Double](repeating: 0, count: book.rowCount))
      #expect(team.bound == .max)
      team.run(ticks: 500_000_000)
      #expect(team.isComplete && team.bound == best && team.selection.welfare(book) == best, "seed \(seed)")
    }
  }

  @Test func someBidsFreeLeavesTheOthersAlone() throws {
    for seed in 0..<120 as Range<UInt64> {
      let instance = try SmallBook(bids: 6...14, slots: 2...6).instance(seed: seed)
      let book = Book(instance)
      var allocation = Allocation(book)
      Greedy(book, prices: [Double](repeating: 1, count: book.rowCount)).fill(&allocation)
      let held = allocation.selection
      let free = Neighbourhood(bids: book.withKin((0..<book.bidCount).filter { ($0 + Int(seed)) % 3 == 0 }))
      guard let better = book.improve(held, free, ticks: 20_000_000).better else { continue }
      #expect(better.isFeasible(book) && better.welfare(book) > held.welfare(book), "seed \(seed)")
      for bid in 0..<book.bidCount where !free.bids.contains(bid) {
        for item in book.items(ofBid: bid) { #expect(better.option[item] == held.option[item], "seed \(seed)") }
      }
    }
  }

  @Test func kinComesAlong() throws {
    for seed in 0..<120 as Range<UInt64> {
      let book = Book(try SmallBook(bids: 6...14, slots: 2...6).instance(seed: seed))
      for bid in 0..<book.bidCount {
        let kin = Set(book.withKin([bid]))
        #expect(kin.contains(bid))
        for member in kin where book.parent[member] >= 0 { #expect(kin.contains(Int(book.parent[member]))) }
        for child in 0..<book.bidCount where book.parent[child] >= 0 && kin.contains(Int(book.parent[child])) {
          #expect(kin.contains(child))
        }
      }
    }
  }
}
