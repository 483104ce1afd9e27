import Synchronization

/// How often each of many may do something: a bucket of tokens for each, refilled at a rate.
public final class TokenBuckets: Sendable {
  /// A rate and how much may come at once.
  public struct Rate: Sendable {
    /// Tokens a second.
    public var perSecond: Int
    /// The most a bucket holds.
    public var burst: Int

    /// A rate; both at least 1.
    public init(perSecond: Int, burst: Int) {
      self.perSecond = max(1, perSecond)
      self.burst = max(1, burst)
    }
  }

  private struct Bucket {
    /// Billionths of a token.
    var tokens: Int64
    var at: Int64
  }

  private let rate: Rate
  private let buckets = Mutex<[String: Bucket]>([:])
  /// Above so many, buckets that are full again are forgotten: a stranger has as many addresses or keys as he likes.
  private static let mostBuckets = 50_000

  /// Buckets of one rate, full at first.
  public init(_ rate: Rate) { self.rate = rate }

  /// Takes a token; where there is none, says in how many whole seconds there will be.
  ///
  /// - Parameter now: nanoseconds of a clock that never goes back.
  public func take(_ name: String, now: Int64) -> Int? {
    let full = Int64(rate.burst) * 1_000_000_000
    let speed = Int64(rate.perSecond)
    return buckets.withLock { buckets in
      if buckets.count >= Self.mostBuckets {
        buckets = buckets.filter { $0.value.tokens + min(now - $0.value.at, full) * speed < full }
        // Nobody's allowance is worth the memory of all.
        if buckets.count >= Self.mostBuckets { buckets = [:] }
      }
      var bucket = buckets[name] ?? Bucket(tokens: full, at: now)
      bucket.tokens = min(full, bucket.tokens + min(max(0, now - bucket.at), full) * speed)
      bucket.at = now
      defer { buckets[name] = bucket }
      guard bucket.tokens < 1_000_000_000 else {
        bucket.tokens -= 1_000_000_000
        return nil
      }
      return Int((1_000_000_000 - bucket.tokens) / speed / 1_000_000_000) + 1
    }
  }
}
