import Foundation
import Synchronization

/// How much of the fault suite runs: 1 in `make test`, more in `make faults`.
let faultRounds = ProcessInfo.processInfo.environment["GPUMARKET_FAULTS"].flatMap { Int($0) } ?? 1

/// Counts that `make faults` prints.
enum FaultCounts {
  private static let isCounting = ProcessInfo.processInfo.environment["GPUMARKET_FAULTS"] != nil
  private static let counts = Mutex<[String: Int]>([:])

  static func add(_ what: String, _ count: Int = 1) {
    let total = counts.withLock { counts in
      counts[what, default: 0] += count
      return counts[what, default: 0]
    }
    if isCounting { print("faults: \(what): \(total)") }
  }
}
