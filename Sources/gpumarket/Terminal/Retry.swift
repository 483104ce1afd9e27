import Foundation
import Market
import Postgres

/// A write that may have been done although its answer was lost, or that gave way to another one: the same key is sent
/// again on a new connection, so that it is done once. After three tries the key is printed, to go on by hand.
func retrying<T>(
  key: String, connect: () throws -> Connection, _ body: (inout Connection) throws -> T
) throws -> T {
  for attempt in 1... {
    do {
      var connection = try connect()
      return try body(&connection)
    } catch let error as PostgresError where wasTurnedAway(error) || wasLost(error) {
      let isLost = wasLost(error)
      guard attempt < 3 else {
        guard isLost else {
          throw Failure(
            .conflict, "other requests went first three times: \(error.message)",
            advice: "run the same command with --key \(key) in a moment: it is then done only once")
        }
        throw Failure(
          .unavailable, "the database did not answer: \(error.message)",
          advice:
            "the request may have been done; run the same command with --key \(key): it is then done only once")
      }
      printError(
        isLost
          ? "the database did not answer; trying again with the same key"
          : "the database let another request go first; trying again with the same key")
      Thread.sleep(forTimeInterval: Double(attempt))
    }
  }
  preconditionFailure("the loop ends by returning or throwing")
}

/// Whether it is unknown what became of the request.
func wasLost(_ error: PostgresError) -> Bool {
  error.kind == .unavailable || error.sqlState.hasPrefix("57P")
}

/// A deadlock or a failed serialisation, as while a migration runs: the server undid the request.
private func wasTurnedAway(_ error: PostgresError) -> Bool { ["40P01", "40001"].contains(error.sqlState) }
