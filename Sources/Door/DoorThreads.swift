import Foundation
import Postgres
import Synchronization

/// Threads that each keep one connection to the database. libpq's calls block, so none is made on the network's threads.
final class DoorThreads<Item: Sendable>: Sendable {
  /// What became of work on a connection.
  enum Result { case done, connectionBroke }

  private let queue: FairQueue<Item>
  private let running = DispatchGroup()

  /// - Parameters:
  ///   - atOnce: the most weight handed to `work` together.
  ///   - work: does it and answers; where the connection broke it is called once more on a new one, with `isLast`.
  ///   - fail: answers where no connection can be had.
  init(
    _ name: String, count: Int, queue: FairQueue<Item>, atOnce: Int, conninfo: String,
    work: @escaping @Sendable (_ items: [Item], _ connection: inout Connection, _ isLast: Bool) -> Result,
    fail: @escaping @Sendable ([Item], PostgresError) -> Void
  ) {
    self.queue = queue
    for number in 1...count {
      running.enter()
      let thread = Thread { [running] in
        Self.run(queue, atOnce, conninfo, work, fail)
        running.leave()
      }
      thread.name = "\(name)-\(number)"
      thread.start()
    }
  }

  /// Takes no more work, does what waits, and ends the threads.
  func finish(within seconds: Int64) -> Bool {
    queue.close()
    return running.wait(timeout: .now() + .seconds(Int(seconds))) == .success
  }

  private static func run(
    _ queue: FairQueue<Item>, _ atOnce: Int, _ conninfo: String,
    _ work: (_ items: [Item], _ connection: inout Connection, _ isLast: Bool) -> Result,
    _ fail: ([Item], PostgresError) -> Void
  ) {
    var again: [Item]?
    while let first = again ?? queue.pop(upTo: atOnce) {
      let isRetry = again != nil
      again = nil
      do throws(PostgresError) {
        var connection = try Connection(conninfo: conninfo)
        var items: [Item]? = first
        var isLast = isRetry
        while let now = items {
          if work(now, &connection, isLast) == .connectionBroke {
            again = isLast ? nil : now
            break
          }
          isLast = false
          items = queue.pop(upTo: atOnce)
        }
        if items == nil { return }
      } catch {
        fail(first, error)
      }
    }
  }
}
