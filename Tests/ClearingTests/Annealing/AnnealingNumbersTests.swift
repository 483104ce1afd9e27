import Foundation
import Testing

@testable import Clearing

@Suite("Annealing's numbers without a float")
struct AnnealingNumbersTests {
  @Test func logarithmsAreThose() {
    for number in [1, 2, 3, 5, 1000, 65_535, 1 << 40, .max] as [UInt64] {
      let error = Double(FixedPoint.logarithm(number)) / 65536 - log2(Double(number))
      #expect(error <= 1e-9 && error > -2e-5, "\(number)")
    }
  }

  @Test func powersAreThose() {
    for logarithm in stride(from: 0, to: 60 << 16, by: 12_345) {
      let power = FixedPoint.power(logarithm)
      let found = Double(power.mantissa) * exp2(Double(power.exponent))
      #expect(abs(found / exp2(Double(logarithm) / 65536) - 1) < 1e-7)
    }
  }

  @Test func thresholdsFollowTheTemperature() {
    var schedule = Schedule(hot: 1_000_000, cold: 1_000)
    for (done, temperature) in [(0, 1e6), (500, 31_622.8), (1000, 1e3)] {
      schedule.set(done: done, of: 1000)
      var random = RandomWords(seed: 7)
      var sum = 0.0
      for _ in 0..<100_000 { sum += Double(schedule.threshold(random.next())) }
      // The mean of −ln u is 1.
      #expect(abs(sum / 100_000 / temperature - 1) < 0.02)
    }
  }

  /// However long a cooling is, it ends cold.
  @Test(arguments: [1_000, 1_000_000_000_000_000]) func longCoolingsEndCold(all: Int) {
    var schedule = Schedule(hot: 1_000_000, cold: 100)
    var last = Int64.max
    for part in 0...10 {
      schedule.set(done: all / 10 * part, of: all)
      let threshold = schedule.threshold(0)
      #expect(threshold < last)
      last = threshold
    }
    #expect(last < 2_000)
  }

  @Test func thresholdsOfLargeAmountsDoNotOverflow() {
    let schedule = Schedule(hot: 1 << 60, cold: 1)
    #expect(schedule.threshold(0) > 0)
    #expect(Schedule(hot: 1, cold: 1).threshold(.max) == 0)
  }

  @Test func randomNumbersAreEven() {
    var random = RandomWords(seed: 3)
    var seen = [Int](repeating: 0, count: 10)
    for _ in 0..<100_000 { seen[random.below(10)] += 1 }
    #expect(seen.allSatisfy { abs($0 - 10_000) < 500 })
  }
}
