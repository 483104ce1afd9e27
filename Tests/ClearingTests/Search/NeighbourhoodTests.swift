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
    var besideParents = 0
    for seed in 0..<120 as Range<UInt64> {
      let instance = try SmallBook(bids: 6...14, slots: 2...6).instance(seed: seed)
      let book = Book(instance)
      var allocation = Allocation(book)
      Greedy(book, prices: [Double](repeating: 1, count: book.rowCount)).fill(&allocation)
      let held = allocation.selection
      let free = Neighbourhood(
        bids: book.withKin((0..<book.bidCount).filter { ($0 + Int(seed)) % 3 == 0 }, holding: held))
      guard let better = book.improve(held, free, ticks: 20_000_000).better else { continue }
      #expect(better.isFeasible(book) && better.welfare(book) > held.welfare(book), "seed \(seed)")
      for bid in 0..<book.bidCount where !free.bids.contains(bid) {
        for item in book.items(ofBid: bid) { #expect(better.option[item] == held.option[item], "seed \(seed)") }
      }
      // Some gain because a child may win beside a parent that stays.
      if free.bids.contains(where: {
        book.parent[$0] >= 0 && book.wins($0, better) && !book.wins($0, held)
          && !free.bids.contains(Int(book.parent[$0]))
      }) {
        besideParents += 1
      }
    }
    #expect(besideParents > 0)
  }

  /// Children come with their parent, and a parent that wins nothing with its child: one that wins may stay.
  @Test func kinComesAlong() throws {
    var stays = 0
    for seed in 0..<120 as Range<UInt64> {
      let book = Book(try SmallBook(bids: 6...14, slots: 2...6).instance(seed: seed))
      var allocation = Allocation(book)
      Greedy(book, prices: [Double](repeating: 1, count: book.rowCount)).fill(&allocation)
      let held = allocation.selection
      for bid in 0..<book.bidCount {
        let kin = Set(book.withKin([bid], holding: held))
        #expect(kin.contains(bid))
        for member in kin where book.parent[member] >= 0 {
          let parent = Int(book.parent[member])
          #expect(kin.contains(parent) || book.wins(parent, held), "seed \(seed)")
          if !kin.contains(parent) { stays += 1 }
        }
        for child in 0..<book.bidCount where book.parent[child] >= 0 && kin.contains(Int(book.parent[child])) {
          #expect(kin.contains(child))
        }
      }
    }
    #expect(stays > 10, "\(stays)")
  }

  /// A draw has its bids once, in order, with their kin and something to gain; a small draw is part of a large one.
  @Test func drawnBidsMeet() throws {
    for seed in 0..<60 as Range<UInt64> {
      let book = Book(try SmallBook(bids: 6...14, slots: 2...6).instance(seed: seed))
      let certificate = Certificate(book)
      let prices = [Int64](repeating: 0, count: book.rowCount)
      var held = Allocation(book)
      Greedy(book, prices: [Double](repeating: 1, count: book.rowCount)).fill(&held)
      let shortlist = try #require(
        Shortlist(certificate, prices: prices, tolerance: 3, keeping: held.selection))
      let draw = NeighbourhoodDraw(shortlist)
      for shape in NeighbourhoodDraw.Shape.allCases {
        var random = RandomWords(seed: seed)
        var again = random
        let some = draw.draw(held.selection, shape, size: 3, &random)
        let all = draw.draw(held.selection, shape, size: book.bidCount, &again)
        #expect(Set(some.bids).isSubset(of: all.bids), "seed \(seed)")
        #expect(some.bids == some.bids.sorted() && Set(some.bids).count == some.bids.count)
        #expect(some.bids == book.withKin(some.bids, holding: held.selection), "seed \(seed)")
        for bid in some.bids where book.linked.isEmpty {
          #expect(book.items(ofBid: bid).contains { !shortlist.entries(ofItem: $0).isEmpty }, "seed \(seed)")
        }
        if book.linked.isEmpty { #expect(some.bids.count == min(3, all.bids.count), "seed \(seed)") }
      }
    }
  }

  /// Work goes to what brings most for it; what brings little is still tried.
  @Test func mixFollowsYield() {
    typealias Shape = NeighbourhoodDraw.Shape
    for rich in Shape.allCases {
      var mix = NeighbourhoodMix()
      var spent: [Shape: Int] = [:]
      for _ in 0..<2000 {
        let (shape, _) = mix.next()
        spent[shape, default: 0] += 1000
        mix.learn(shape, gain: shape == rich ? 50 : 1, ticks: 1000, isComplete: true)
      }
      for poor in Shape.allCases where poor != rich {
        #expect(spent[rich]! > 4 * spent[poor]! && spent[poor]! > 0)
      }
    }
  }

  @Test func mixGrowsWhatEndsInTimeAndShrinksWhatDoesNot() {
    var mix = NeighbourhoodMix()
    let begin = mix.next()
    for _ in 0..<40 { mix.learn(begin.shape, gain: 0, ticks: 1, isComplete: true) }
    for other in NeighbourhoodDraw.Shape.allCases where other != begin.shape {
      for _ in 0..<400 { mix.learn(other, gain: 0, ticks: 1_000_000, isComplete: false) }
    }
    let grown = mix.next()
    #expect(grown.shape == begin.shape && grown.size > begin.size)
    for _ in 0..<400 { mix.learn(begin.shape, gain: 0, ticks: 1_000_000, isComplete: false) }
    #expect(mix.next().size == 10)
  }
}
