/// A generator of random words (xoroshiro128+, Blackman and Vigna 2018), the same on every run and machine.
struct RandomWords {
  private var low: UInt64
  private var high: UInt64

  /// Two words of SplitMix64 (Steele, Lea and Flood 2014) spread the seed.
  init(seed: UInt64) {
    low = RandomWords.mixed(seed &+ 0x9e37_79b9_7f4a_7c15)
    high = RandomWords.mixed(seed &+ 0x3c6e_f372_fe94_f82a)
  }

  /// A number spread over all 64 bits.
  static func mixed(_ number: UInt64) -> UInt64 {
    var mixed = number
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  @inline(__always)
  mutating func next() -> UInt64 {
    let result = low &+ high
    let both = low ^ high
    low = (low << 24 | low >> 40) ^ both ^ (both << 16)
    high = both << 37 | both >> 27
    return result
  }

  /// A number from 0 up to `count`, which is positive and below 2³².
  @inline(__always)
  mutating func below(_ count: Int) -> Int {
    Int(truncatingIfNeeded: ((next() >> 32) &* UInt64(truncatingIfNeeded: count)) >> 32)
  }
}
