/// Logarithms and powers of two in whole numbers: the same on every machine, as no library's are.
enum FixedPoint {
  /// Binary digits after the point.
  static let digits = 16
  static let one = 1 << digits

  /// The binary logarithm of a positive number, rounded down to 2⁻¹⁶.
  static func logarithm(_ number: UInt64) -> Int {
    precondition(number > 0)
    let whole = 63 - number.leadingZeroBitCount
    // In [1, 2) with 31 digits; each squaring reveals one more digit of the logarithm.
    var mantissa = whole >= 31 ? number >> UInt64(whole - 31) : number << UInt64(31 - whole)
    var result = whole
    for _ in 0..<digits {
      mantissa = (mantissa * mantissa) >> 31
      result <<= 1
      if mantissa >= 1 << 32 {
        mantissa >>= 1
        result |= 1
      }
    }
    return result
  }

  /// 2 to the power of a logarithm: a mantissa in [2³⁰, 2³¹), to be multiplied by 2^exponent.
  static func power(_ logarithm: Int) -> (mantissa: Int, exponent: Int) {
    var mantissa = 1 << 30
    for digit in 0..<digits where logarithm & (1 << digit) != 0 {
      mantissa = (mantissa * roots[digit]) >> 30
    }
    return (mantissa, (logarithm >> digits) - 30)
  }

  /// 2^(2^(digit − 16)) with 30 digits after the point: square roots of two, taken again and again.
  private static let roots: [Int] = {
    var roots = [Int](repeating: 0, count: digits)
    var root = 2 << 30
    for digit in (0..<digits).reversed() {
      root = squareRoot(root << 30)
      roots[digit] = root
    }
    return roots
  }()

  private static func squareRoot(_ number: Int) -> Int {
    var root = 0
    for bit in (0..<32).reversed() {
      let trial = root | (1 << bit)
      if trial * trial <= number { root = trial }
    }
    return root
  }
}
