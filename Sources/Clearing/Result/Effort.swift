/// How much work a clearing may do. It counts work, never time: the same effort gives the same result everywhere.
public struct Effort: Sendable, Hashable {
  /// Units of work; one is about a millisecond of two cores.
  public let units: Int
  /// The work after which an earlier run was stopped by its deadline: a run told so stops at the same point.
  public var stopAt: Int?

  /// - Parameter units: at least 1.
  public init(units: Int) { self.units = max(1, min(units, Effort.most)) }

  private static let most = 1_000_000_000

  /// About a second.
  public static let quick = Effort(units: 1_000)
  /// About ten seconds.
  public static let standard = Effort(units: 10_000)
  /// About a minute.
  public static let thorough = Effort(units: 60_000)

  /// Reads `quick`, `standard`, `thorough` or a whole number of units from 1 to 1,000,000,000.
  public init?(text: String) {
    switch text {
    case "quick": self = .quick
    case "standard": self = .standard
    case "thorough": self = .thorough
    default:
      guard let units = Int(text), units >= 1, units <= Effort.most else { return nil }
      self.init(units: units)
    }
  }

  /// The text that `init(text:)` reads.
  public var text: String {
    switch units {
    case Effort.quick.units: "quick"
    case Effort.standard.units: "standard"
    case Effort.thorough.units: "thorough"
    default: String(units)
    }
  }
}
