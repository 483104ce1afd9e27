/// What a caller may do while a clearing runs.
public struct ClearingControl: Sendable {
  /// Asked at the ends of pieces of work; true ends the clearing with the best found so far.
  public var shouldStop: @Sendable () -> Bool
  /// Told of each better allocation or bound.
  public var onImprovement: (@Sendable (Improvement) -> Void)?

  /// Never stops, and tells nobody.
  public init() {
    shouldStop = { false }
    onImprovement = nil
  }
}

/// A better allocation or a lower bound, while a clearing runs.
public struct Improvement: Sendable, Hashable {
  /// Micro-dollars, net of reserve cost.
  public let welfare: Int64
  /// No allocation is worth more.
  public let bound: Int64
  /// Units of work done so far.
  public let work: Int

  public init(welfare: Int64, bound: Int64, work: Int) {
    self.welfare = welfare
    self.bound = bound
    self.work = work
  }

  /// How far the welfare can be from the best: a fraction of it.
  public var gap: Double { relativeGap(welfare: welfare, bound: bound) }
}

/// (bound − welfare) / max(1, welfare).
func relativeGap(welfare: Int64, bound: Int64) -> Double {
  Double(bound - welfare) / Double(max(1, welfare))
}
