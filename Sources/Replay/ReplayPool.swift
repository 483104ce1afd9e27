import Units

/// A pool that a history is replayed on.
public struct ReplayPool: Hashable, Sendable {
  /// Begins with the GPU type where that matters, as in `h100-us-east`.
  public let name: String
  /// GPUs in every slot.
  public let capacity: Int
  /// The least accepted, per GPU-hour.
  public let reserve: Price

  /// A pool of 1 to 1,000,000 GPUs.
  public init(name: String, capacity: Int, reserve: Price) throws(UnitError) {
    guard !name.isEmpty else {
      throw UnitError("a pool has no name", advice: "write it like h100=256")
    }
    guard (1...1_000_000).contains(capacity) else {
      throw UnitError(
        "pool \(name) has \(capacity) GPUs", advice: "give a capacity from 1 to 1000000, such as \(name)=256")
    }
    self.name = name
    self.capacity = capacity
    self.reserve = reserve
  }

  /// Reads `h100=256`.
  public init(_ text: String, reserve: Price) throws(UnitError) {
    let parts = text.split(separator: "=", omittingEmptySubsequences: false)
    guard parts.count == 2, let capacity = Int(parts[1]) else {
      throw UnitError("\"\(text)\" is not a pool", advice: "write its name and its GPUs, like h100=256")
    }
    try self.init(name: String(parts[0]), capacity: capacity, reserve: reserve)
  }

  /// Whether jobs that ask for a type of GPU may run here: `h100` fits pools `h100` and `h100-us-east`.
  /// Jobs that name no type fit everywhere.
  public func offers(_ gpuType: String) -> Bool {
    let wanted = gpuType.lowercased()
    let own = name.lowercased()
    return wanted.isEmpty || own == wanted || own.hasPrefix(wanted + "-")
  }
}

/// How long after its submission a job may still end, over and above its own run time.
public struct Slack: Hashable, Sendable {
  /// The same for every job.
  public let base: TimeSpan
  /// And so many hundredths of its run time.
  public let percentOfDuration: Int

  /// 12 hours and half the run time.
  public static let standard = Slack(checkedBase: TimeSpan(hours: 12), percentOfDuration: 50)

  /// Neither below zero; at most a year and ten times the run time.
  public init(base: TimeSpan, percentOfDuration: Int) throws(UnitError) {
    guard (0...31_622_400).contains(base.seconds), (0...1000).contains(percentOfDuration) else {
      throw UnitError(
        "a slack of \(base) and \(percentOfDuration) % of the run time is out of range",
        advice: "give up to 366 days and up to 1000 %")
    }
    self.init(checkedBase: base, percentOfDuration: percentOfDuration)
  }

  private init(checkedBase base: TimeSpan, percentOfDuration: Int) {
    self.base = base
    self.percentOfDuration = percentOfDuration
  }

  /// The slack of a run time, rounded down to whole seconds.
  public func of(_ duration: TimeSpan) -> TimeSpan {
    TimeSpan(seconds: base.seconds + duration.seconds * Int64(percentOfDuration) / 100)
  }
}

extension Slack: CustomStringConvertible {
  /// `PT12H and 50 % of the run time`.
  public var description: String { "\(base) and \(percentOfDuration) % of the run time" }
}
