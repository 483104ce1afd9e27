import TestSupport
import Testing

@testable import Clearing

@Suite("The ratio test and samples against their slow twins")
struct PricingKernelTests {
  /// Entries and ratios written out variable by variable, with reduced values anew from the duals.
  private func slowEntering(_ lp: Relaxation, leaving: Int, sign: Double) -> (ratio: Double, pivots: [Int: Double]) {
    let columns = lp.columns
    var ratios: [(variable: Int, ratio: Double, pivot: Double)] = []
    func note(_ variable: Int, _ alpha: Double, _ reduced: Double) {
      guard alpha > Relaxation.leastPivot else { return }
      ratios.append((variable, max(0, -reduced) / alpha, alpha))
    }
    for row in 0..<lp.rows where lp.slackPosition[row] < 0 { note(~row, sign * lp.rho[row], -lp.y[row]) }
    for group in 0..<columns.groupCount {
      let k = Int(lp.key[group])
      var offset = group == leaving ? 1.0 : 0.0
      if k >= 0 {
        offset -= lp.product(k, lp.rhoSum.base)
        if !lp.must[group] { note(columns.columnCount + group, sign * offset, -lp.dual[group]) }
      }
      for j in columns.columns(group) where lp.position[j] == -1 && !lp.forbidden[j] {
        let reduced = lp.value[j] - lp.product(j, lp.ySum.base) - lp.dual[group]
        note(j, sign * (offset + lp.product(j, lp.rhoSum.base)), min(0, reduced))
      }
    }
    let least = ratios.map(\.ratio).min() ?? .infinity
    let tied = ratios.filter { $0.ratio <= least + 2 * Relaxation.ratioTolerance }
    return (least, Dictionary(uniqueKeysWithValues: tied.map { ($0.variable, $0.pivot) }))
  }

  @Test func ratioTestPicksTheLeastRatioAndALargePivot() throws {
    var compared = 0
    for seed in 0..<80 as Range<UInt64> {
      let book = Book(try SmallBook(bids: 6...14, slots: 2...6).instance(seed: seed))
      guard let columns = Columns(book, limit: 10_000), columns.columnCount > 0, columns.rowCount > 0 else { continue }
      let lp = Relaxation(columns)
      var random = SeededGenerator(seed)
      for j in 0..<columns.columnCount where random.chance(15) && lp.position[j] == -1 { lp.forbidden[j] = true }
      for group in 0..<columns.groupCount where random.chance(10) { lp.must[group] = true }
      // Half-way bases too: what was moved along with the duals must be what the duals say.
      for pivots in [1, 3, 1000] {
        _ = lp.solve(cutoff: -.infinity, limit: pivots)
        for row in 0..<lp.rows {
          lp.rho[row] = lp.inverse[row * lp.stride + Int(seed) % lp.rows]
          lp.rhoSum[row + 1] = lp.rhoSum[row] + lp.rho[row]
        }
        for (sign, leaving) in [(1.0, -1), (-1.0, -1), (1.0, Int(seed) % columns.groupCount)] {
          let slow = slowEntering(lp, leaving: leaving, sign: sign)
          let fast = lp.chooseEntering(group: leaving, sign: sign)
          guard slow.ratio < .infinity else {
            #expect(fast.variable == Int.min, "seed \(seed)")
            continue
          }
          compared += 1
          let pivot = try #require(slow.pivots[fast.variable], "seed \(seed): \(fast.variable) has no least ratio")
          #expect(abs(pivot - fast.pivot) < 1e-9, "seed \(seed)")
          #expect(max(0, -fast.reduced) / fast.pivot <= slow.ratio + 1e-6, "seed \(seed)")
        }
      }
    }
    #expect(compared > 200)
  }

  @Test func samplesKeepFamiliesAndCapacitiesInProportion() throws {
    for seed in 0..<40 as Range<UInt64> {
      let book = Book(try SmallBook(bids: 40...80, slots: 4...6).instance(seed: seed))
      let sample = book.sample(about: book.bidCount / 3)
      let drawn = Set(sample.bidIndex)
      for bid in 0..<book.bidCount where book.parent[bid] >= 0 {
        let isChildIn = drawn.contains(book.bidIndex[bid])
        #expect(isChildIn == drawn.contains(book.bidIndex[Int(book.parent[bid])]), "seed \(seed)")
      }
      for row in 0..<book.rowCount {
        #expect(sample.capacity[row] <= book.capacity[row])
        #expect((sample.capacity[row] == 0) == (book.capacity[row] == 0), "seed \(seed), row \(row)")
      }
      let shares = (0..<book.rowCount).filter { sample.capacity[$0] > 1 }.map {
        Double(sample.capacity[$0]) / Double(book.capacity[$0])
      }
      // One share for all rows, but for rounding to whole GPUs.
      #expect((shares.max() ?? 0) - (shares.min() ?? 0) <= 0.5, "seed \(seed)")
    }
  }

  /// A book of more bids than are priced at once, on plain rectangles.
  @Test func samplesLeadToThePricesOfTheWhole() throws {
    var random = SeededGenerator(5)
    var builder = Instance.Builder(name: "wide", slotMinutes: 60, slotCount: 24)
    builder.addPool(name: "p", capacity: [Int](repeating: 2000, count: 24), reserve: 0)
    for bid in 0..<21_000 {
      let slots = random.pick(1...6)
      let gpus = random.pick(1...4)
      let worth = Int64(slots * gpus * random.pick(1000...3000))
      let placements = [0, 6, 12].map { first in
        Placement(value: worth, uses: [Use(pool: 0, firstSlot: first, slots: slots, gpus: gpus)])
      }
      builder.addBid(id: "b\(bid)", company: "c\(bid % 20)", placements: placements)
    }
    let book = Book(try builder.build())
    var plain = Volume(book)
    plain.run(iterations: 300, boldness: 0.05)
    let staged = Volume.converged(book, ticks: 0)
    #expect(staged.value < plain.value * 1.001)
    #expect(staged.value > plain.value * 0.98)
  }
}
