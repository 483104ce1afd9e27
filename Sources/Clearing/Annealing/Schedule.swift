/// How much welfare a move may lose: Metropolis' rule (Kirkpatrick, Gelatt and Vecchi 1983) without a float.
///
/// A loss is borne with probability e^(−loss/T), that is if it is at most −T·ln u for a random u. The temperature
/// falls geometrically with the work done.
struct Schedule {
  private let hot: Int
  private let cold: Int
  private var mantissa = 0
  private var shift = 0

  /// - Parameters:
  ///   - hot: first temperature, micro-dollars; at least 1.
  ///   - cold: last temperature.
  init(hot: Int64, cold: Int64) {
    self.hot = FixedPoint.logarithm(UInt64(max(1, hot)))
    self.cold = FixedPoint.logarithm(UInt64(max(1, min(hot, cold))))
    set(done: 0, of: 1)
  }

  /// Cools from so many hundredths of the mean award's value down to half a hundredth.
  init(heat: Int64, awardsOf selection: Selection, worth welfare: Int64) {
    let mean = selection.meanAward(welfare)
    self.init(hot: mean / 100 * heat, cold: mean / 200)
  }

  /// Cools from a hundredth of the mean award's value down to a twentieth of that: what is near a good allocation is
  /// kept, and small losses alone are borne.
  init(coldFor selection: Selection, worth welfare: Int64) {
    let mean = selection.meanAward(welfare)
    self.init(hot: mean / 100, cold: mean / 2000)
  }

  mutating func set(done: Int, of all: Int) {
    // Ticks of the greatest effort fill 50 bits.
    let product = UInt64(min(done, max(1, all))).multipliedFullWidth(by: UInt64(FixedPoint.one))
    let part = Int(UInt64(max(1, all)).dividingFullWidth(product).quotient)
    let power = FixedPoint.power(hot - (((hot - cold) * part) >> FixedPoint.digits))
    mantissa = power.mantissa
    // A threshold is mantissa · logarithm, 16 digits after the point; 2⁵² times 2¹⁰ is the most that fits.
    shift = min(power.exponent, 26) - FixedPoint.digits
  }

  /// The loss that a random word allows, micro-dollars.
  @inline(__always)
  func threshold(_ word: UInt64) -> Int64 {
    let product = Int64(mantissa &* Int(Schedule.logarithms[Int(word >> 52)]))
    return shift < 0 ? product >> Int64(-shift) : product << Int64(shift)
  }

  /// −ln u for u = (k + ½) / 4096, 16 digits after the point.
  private static let logarithms: [Int32] = (0..<4096).map { step in
    let binary = 13 * FixedPoint.one - FixedPoint.logarithm(UInt64(2 * step + 1))
    // 45,426 / 2¹⁶ is the natural logarithm of 2.
    return Int32((binary * 45_426) >> FixedPoint.digits)
  }
}

extension Selection {
  /// What an award is worth on average, micro-dollars, in a selection worth `welfare`.
  fileprivate func meanAward(_ welfare: Int64) -> Int64 {
    welfare / Int64(max(1, option.reduce(0) { $0 + ($1 >= 0 ? 1 : 0) }))
  }
}
