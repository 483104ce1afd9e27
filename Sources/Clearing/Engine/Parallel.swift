import Dispatch

/// Runs `body(0)` … `body(count - 1)` on all cores and returns the results in order.
///
/// Who computes what when never shows: each result depends on its index alone.
func parallelMap<Result: Sendable>(_ count: Int, _ body: @Sendable (Int) -> Result) -> [Result] {
  if count <= 1 || Threads.single { return (0..<count).map(body) }
  return [Result](unsafeUninitializedCapacity: count) { buffer, initialized in
    nonisolated(unsafe) let space = buffer
    DispatchQueue.concurrentPerform(iterations: count) { index in
      space.initializeElement(at: index, to: body(index))
    }
    initialized = count
  }
}

/// How many threads the engine may use; set only by tests, which compare one with many.
enum Threads {
  @TaskLocal static var single = false
}

extension Solver {
  /// How many searches run side by side, on any machine: chains, neighbourhoods, members of a tree's team.
  static let lanes = 2
}
