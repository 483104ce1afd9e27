import ArgumentParser
import Files
import Foundation
import Market
import Postgres

struct CompanyPassword: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "password", abstract: "Change your own password (company).",
    discussion: """
      Connect with the company's own login. The command prints the new password first, then changes it. The new one holds \
      if the command ends with status 0. The server never gets the password itself, only a SCRAM-SHA-256 verifier. \
      Other sessions of the login end.

      EXAMPLES
        gpumarket company password --database 'service=gpumarket'
        gpumarket company password --own --database 'service=gpumarket'
      """)
  @OptionGroup var choice: PasswordChoice
  @Flag(help: "Do not ask for confirmation.") var yes = false
  @OptionGroup var acting: ActingCompany
  @OptionGroup var options: DatabaseOptions

  func run() throws {
    let (company, login) = try whoAmI()
    let new = try choice.password()
    try confirm("Change the password of \(company)'s login and end its other sessions?", yes: yes)
    // Known before it can hold: a lost answer must not lock the company out.
    let credential = Credential(login: login, password: choice.own ? nil : new.text)
    if options.json {
      printJSON(credential.json(company))
    } else {
      print(credential.text)
    }
    if let reason = GPUMarket.outputProblem(readerMayLeave: false) {
      throw Failure(
        .failed, "standard output could not be written: \(reason); the old password still holds",
        advice: "run the command again with another place for its output")
    }
    try change(to: new)
    if !options.json { print("changed the password of \(company); other sessions of its login have ended") }
  }

  private func whoAmI() throws -> (company: String, login: String) {
    var connection = try options.connect(as: .company(acting.company))
    return (try Companies.account(&connection).company, connection.user)
  }

  /// Asks for the change until it is known that it was made. Where an answer was lost the new password is tried; as
  /// long as it does not hold, the same change is sent again.
  private func change(to new: NewPassword) throws {
    var isIn = false
    for attempt in 1... {
      do {
        if attempt > 1, try finish(new, &isIn) { return }
        var connection = try options.connect(as: .company(acting.company))
        if !isIn { try Companies.changeOwnPassword(&connection, to: new) }
        isIn = true
        return try endSessions(&connection)
      } catch let error as PostgresError where Self.isSilence(error) {
        guard attempt < 3 else { throw Self.unknown(error, isIn) }
        printError("the database did not answer; looking which password holds")
        Thread.sleep(forTimeInterval: Double(attempt))
      } catch let error as PostgresError {
        // What was lost may have been done since it was asked which one holds.
        if attempt > 1, try finishAtLast(new) { return }
        throw Self.refused(error, afterLoss: attempt > 1)
      }
    }
  }

  /// Whether the server takes the new password by now; the sessions that came in by the old one then end. A server that
  /// asks for no password does not say it.
  ///
  /// - Parameter isIn: set once the new password is known to hold.
  private func finish(_ new: NewPassword, _ isIn: inout Bool) throws -> Bool {
    do {
      var connection = try options.connect(as: .company(acting.company), password: new.text)
      guard connection.usedPassword else { return false }
      isIn = true
      try endSessions(&connection)
      return true
    } catch let error as PostgresError where Failure.isWrongPassword(error) {
      return false
    }
  }

  /// The same for the last time.
  private func finishAtLast(_ new: NewPassword) throws -> Bool {
    var isIn = false
    do {
      return try finish(new, &isIn)
    } catch let error as PostgresError {
      throw Self.unknown(error, isIn)
    }
  }

  /// Ends the sessions that came in by the old password, once the new one holds. Where the answer is lost, the next
  /// attempt does it.
  private func endSessions(_ connection: inout Connection) throws {
    do {
      try Companies.endOwnSessions(&connection)
    } catch {
      guard !wasLost(error) else { throw error }
      let failure = Failure(error)
      throw Failure(
        failure.status, "the new password holds, but the login's other sessions were not ended: \(failure.message)",
        advice: failure.advice)
    }
  }

  /// A refused password too is an error at connecting, where libpq tells no more of it.
  private static func isSilence(_ error: PostgresError) -> Bool { wasLost(error) && !Failure.isWrongPassword(error) }

  private static func unknown(_ error: PostgresError, _ isIn: Bool) -> Failure {
    isIn
      ? Failure(
        .unavailable,
        "the new password holds, but it is not known whether the login's other sessions were ended: \(error.message)",
        advice: "if somebody else may have had the old one, run the command again once the database answers")
      : Failure(
        .unavailable, "the database did not answer: \(error.message)",
        advice: "it is not known which password holds: try the new one; where it is refused the old one holds, and "
          + "run the command again")
  }

  private static func refused(_ error: PostgresError, afterLoss isAfterLoss: Bool) -> Failure {
    let failure = Failure(error)
    guard Failure.isWrongPassword(error) else {
      return Failure(failure.status, failure.message + "; the old password still holds", advice: failure.advice)
    }
    // It was taken a moment ago, when the command asked who it acts for.
    return Failure(
      failure.status,
      isAfterLoss
        ? "the server takes neither the old password nor the new one" : "\(failure.message); nothing was changed",
      advice: "somebody else changed the password meanwhile: send the operator a new verifier (gpumarket company "
        + "verifier), for company rotate --verifier")
  }
}

struct CompanyVerifier: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verifier", abstract: "Make a password, and the verifier that the operator needs of it (company).",
    discussion: """
      On your own machine, without a database. Keep the password; send the operator the verifier, for company add \
      --verifier when you join, or company rotate --verifier when you have lost your password. Nobody can log in by it.

      EXAMPLE
        gpumarket company verifier
      """)
  @OptionGroup var choice: PasswordChoice
  @Flag(help: "Print JSON.") var json = false

  func run() throws {
    let new = try choice.password()
    if json {
      let password = choice.own ? JSONText.null : .string(new.text)
      printJSON(["verifier": .string(new.verifier), "password": password])
    } else {
      if !choice.own { print("password  \(new.text)   (yours alone: shown once, stored nowhere)") }
      print("verifier  \(new.verifier)")
    }
  }
}

/// A random password, or one of the user's own.
struct PasswordChoice: ParsableArguments {
  @Flag(help: "Choose the password yourself: on the terminal, or as the first line of standard input.")
  var own = false

  /// The password; it is asked for where it is the user's own.
  func password() throws -> NewPassword {
    guard own else { return try NewPassword() }
    guard isatty(0) == 1 else {
      guard let line = readLine() else {
        throw Failure(
          .usage, "standard input holds no password", advice: "give it as the first line, or leave out --own")
      }
      return try NewPassword(chosen: line)
    }
    let typed = Self.ask("New password: ")
    guard Self.ask("The same again: ") == typed else {
      throw Failure(.usage, "these are two different passwords; nothing was changed", advice: "run the command again")
    }
    return try NewPassword(chosen: typed)
  }

  /// Without echo.
  private static func ask(_ prompt: String) -> String {
    let typed: UnsafeMutablePointer<CChar>? = getpass(prompt)
    return typed.map { String(cString: $0) } ?? ""
  }
}

/// For commands by which the operator gives a company its credential.
struct GivenVerifier: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What gpumarket company verifier printed at the company, in single quotes.",
      valueName: "verifier"))
  var verifier: String?

  // A password that was given by mistake must not travel to the server and into its log.
  func validate() throws {
    guard verifier?.hasPrefix("SCRAM-SHA-256$") ?? true else {
      throw ValidationError(
        "--verifier takes what gpumarket company verifier prints: SCRAM-SHA-256$… in single quotes, "
          + "because the shell reads dollar signs")
    }
  }
}

extension Credential {
  /// As it is shown once.
  var text: String {
    let shown = password.map { "\($0)   (shown once, stored nowhere)" } ?? "the company's own, which nobody else has"
    return "login     \(login)\npassword  \(shown)"
  }

  func json(_ company: String, _ more: JSONText.Member...) -> JSONText {
    let members: [JSONText.Member] = [
      JSONText.Member("company", .string(company)), JSONText.Member("login", .string(login)),
      JSONText.Member("password", password.map { .string($0) } ?? .null),
    ]
    return .object(members + more)
  }
}
