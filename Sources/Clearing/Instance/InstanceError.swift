/// Why a set of pools and bids is no instance: names the bid or pool, the limit and the next step.
public struct InstanceError: Error, Equatable, Sendable, CustomStringConvertible {
  /// One sentence: what is at fault, the limit where there is one, and what to do.
  public let problem: String

  public init(problem: String) { self.problem = problem }

  public var description: String { problem }
}
