import Foundation
import Market
import Postgres

/// A write that may have been done although its answer was lost: the same key is sent again on a new connection,
/// so that it is done once. After three tries the key is printed, to go on by hand.
func retrying<T>(
  key: String, connect: () throws -> Connection, _ body: (inout Connection) throws -> T
) throws -> T {
  for attempt in 1... {
    do {
      var connection = try connect()
      return try body(&connection)
    } catch let error as PostgresError where error.kind == .unavailable || error.sqlState.hasPrefix("57P") {
      guard attempt < 3 else {
        throw Failure(
          .unavailable, "the database did not answer: \(error.message)",
          advice:
            "it is not known whether the request was done; run the same command with --key \(key): it is done once")
      }
      printError("the database did not answer; trying again with the same key")
      Thread.sleep(forTimeInterval: Double(attempt))
    }
  }
  preconditionFailure("the loop ends by returning or throwing")
}
