import ArgumentParser
import Clearing
import DoorClient
import Files
import Foundation
import Instances
import Market
import Postgres
import Settlement
import Signing
import Units

/// What went wrong, as the shell sees it.
enum ExitStatus: Int32 {
  /// A fault of ours or of the machine, such as a full disk, or a check that found something wrong.
  case failed = 1
  /// Understood and refused by a rule; trying again changes nothing.
  case refused = 2
  /// At odds with what is stored: a closed gate, a name that is taken, a used key.
  case conflict = 3
  /// The database could not be reached or is overloaded: try again.
  case unavailable = 4
  case usage = 64
}

/// An error with its exit status, a sentence and the next step.
struct Failure: Error, CustomStringConvertible {
  let status: ExitStatus
  let message: String
  let advice: String?

  init(_ status: ExitStatus, _ message: String, advice: String? = nil) {
    self.status = status
    self.message = message
    self.advice = advice
  }

  var description: String { advice.map { "\(message)\n\($0)" } ?? message }

  /// Any error as one of ours.
  init(_ error: any Error) {
    switch error {
    case let failure as Failure: self = failure
    case let error as PostgresError: self.init(error)
    case let error as PrivateServerError: self.init(.unavailable, error.message, advice: error.nextStep)
    case let fault as BidRules.Fault: self.init(.refused, fault.problem, advice: fault.advice)
    case let error as UnitError: self.init(.usage, error.problem, advice: error.advice)
    case let error as FileProblem:
      self.init(
        error.isSystemFailure ? .failed : .usage, "\(error.path): \(error.reason)", advice: error.advice)
    case let error as CSVError: self.init(.usage, "\(error)")
    case let error as JSONProblem: self.init(.usage, "\(error)")
    case let error as InstanceError: self.init(.refused, error.description)
    case let error as InstanceFileError: self.init(.usage, error.description)
    case let error as ClearingJob.Failure: self.init(.failed, error.description)
    case let error as TrustProblem:
      self.init(
        error.isEarly || error.clocksDiffer ? .conflict : .refused, error.problem, advice: error.advice)
    case let error as SigningProblem: self.init(.usage, error.problem, advice: error.advice)
    case let error as DoorClient.Refusal:
      let first = error.problems.first
      let status: ExitStatus =
        switch error.status {
        case 0, 429, 503: .unavailable
        case 409: .conflict
        case 500...: .failed
        default: .refused
        }
      self.init(
        status, error.problems.map { ($0.place.map { "\($0): " } ?? "") + $0.message }.joined(separator: "\n"),
        advice: first?.hint)
    case let error as Migrator.Problem: self.init(.conflict, error.description)
    case let error as SettlementError: self.init(.refused, error.problem, advice: error.advice)
    default: self.init(.failed, "\(error)")
    }
  }

  private init(_ error: PostgresError) {
    let advice = [error.detail, error.hint].compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: "\n")
    self.init(Self.status(of: error), error.message, advice: advice.isEmpty ? Self.advice(for: error) : advice)
  }

  private static func status(of error: PostgresError) -> ExitStatus {
    switch (error.kind, error.sqlState) {
    case (.configuration, _): .usage
    case (.decoding, _): .failed
    case (.unavailable, _) where isMissingDatabase(error) || isWrongPassword(error): .refused
    case (.unavailable, _): .unavailable
    case (_, "GM409"), (_, "40001"), (_, "40P01"), (_, "55P03"): .conflict
    case (_, "GM500"): .failed
    case (_, let state) where state.hasPrefix("GM"): .refused
    case (_, "42501"), (_, "28000"), (_, "28P01"): .refused
    // A value that does not fit its type came from the command line.
    case (_, let state) where state.hasPrefix("22"): .usage
    case (_, let state) where ["53", "57", "08"].contains(String(state.prefix(2))): .unavailable
    default: .failed
    }
  }

  // libpq hands on only the text of what a server says at connecting, with no SQLSTATE.
  private static func isMissingDatabase(_ error: PostgresError) -> Bool {
    error.sqlState == "3D000" || error.message.contains("database \"") && error.message.contains("\" does not exist")
  }

  static func isWrongPassword(_ error: PostgresError) -> Bool {
    ["28P01", "28000"].contains(error.sqlState) || error.message.contains("password authentication failed")
  }

  private static func advice(for error: PostgresError) -> String? {
    if isMissingDatabase(error) { return "check the name in --database, or make it a market: run gpumarket migrate" }
    if isWrongPassword(error) { return "check the user and the password in the address or the service file" }
    return switch error.sqlState {
    case "42501": "your login may not do this; the operator's, clearing's, finance's and companies' roles differ"
    case "3F000", "42883", "42P01": "this database has no market, or one of another version: run gpumarket migrate"
    case "53100": "the server's disk is full: nothing was written; free some space and run the command again"
    default: nil
    }
  }
}

/// Prints an error on standard error and ends with its status. Usage errors keep the parser's own text.
func report(_ error: any Error) -> Never {
  if error is CleanExit || error is ValidationError || "\(type(of: error))".hasPrefix("CommandError") {
    GPUMarket.exit(withError: error)
  }
  if let code = error as? ExitCode { Foundation.exit(code.rawValue) }
  let failure = Failure(error)
  if CommandLine.arguments.contains("--json") {
    let json: JSONText = [
      "error": [
        "status": .string("\(failure.status)"), "message": .string(failure.message),
        "advice": failure.advice.map { .string($0) } ?? .null,
      ]
    ]
    printError(json.text())
  } else {
    printError("error: \(failure.message)")
    if let advice = failure.advice {
      printError(advice.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))
    }
  }
  Foundation.exit(failure.status.rawValue)
}
