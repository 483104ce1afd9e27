import Clearing
import Postgres
import Units

/// Clears rounds: closes the gate, loads the sealed book, solves, audits, publishes.
///
/// Solving happens between two transactions and holds none open. The job keeps no state of its own, so it can be
/// killed at any step, run again, or run on two hosts at once: the database lets one publication through, and the
/// same book and effort give the same result.
public struct ClearingJob: Sendable {
  /// The steps in order. Each is reported before it begins, so that a test can interrupt at every one.
  public enum Step: String, CaseIterable, Sendable {
    /// A dry run takes load, solve and audit alone. `done` is told last, unless the round was published already.
    case close, statement
    /// Entries that count for nothing are named, before any box is opened.
    case setAside = "set aside"
    case open, load, solve, audit, publish, done
  }

  /// What came of one round.
  public struct Outcome: Sendable {
    /// How a run ends that does not throw.
    public enum Ending: String, Sendable {
      /// By this run.
      case published
      /// Another clearing published first, or an earlier run did.
      case alreadyPublished = "already published"
      /// Solved but not written, as `--dry-run` asks.
      case notWritten = "not written"
    }

    /// The round's name.
    public let round: String
    /// `notWritten` for a dry run, and for no other.
    public let ending: Ending
    /// Nil where the round was published already when the book was loaded, and this was no dry run.
    public let clearing: Clearing?
    /// SHA-256 of the result, hexadecimal; nil where `clearing` is.
    public let resultDigest: String?
    /// Live bids of the sealed book.
    public let bids: Int
    /// Wall-clock seconds of each step taken.
    public let seconds: [(step: Step, seconds: Double)]
  }

  /// A clearing that its audit finds fault with. Nothing was written.
  public struct Failure: Error, CustomStringConvertible, Sendable {
    /// The round's name.
    public let round: String
    /// At least one sentence.
    public let problems: [String]

    public var description: String {
      "round \(round) was not published: the clearing fails its own audit: \(problems.joined(separator: "; ")). "
        + "Nothing was written; keep the log and report this"
    }
  }

  /// Effort for this run, where it differs from the round's.
  public var effort: Effort?
  /// Solves and audits without writing; it closes no gate either, so the book must be sealed already.
  public var dryRun = false
  /// Seconds kept between the end of solving and the start of delivery.
  public var marginSeconds: Int64 = 60
  /// Seconds that solving gets however late it is.
  public var leastSeconds: Int64 = 1
  /// The host's own folder; nil signs no statement, and cannot clear an encrypted round.
  public var host: StatementHost?
  /// Told of each step, and the round's name, before the step begins.
  public var onStep: @Sendable (Step, String) -> Void = { _, _ in }
  /// Told of each better allocation or bound while the engine solves.
  public var onImprovement: (@Sendable (Improvement) -> Void)?

  /// A job that writes, at the round's own effort, without a host.
  public init() {}

  /// The rounds whose gate has passed and that are not published.
  public static func dueRounds(_ connection: inout Connection) throws(PostgresError) -> [String] {
    try connection.query("SELECT round FROM market.due_rounds()").map { row throws(PostgresError) in
      try row.get("round")
    }
  }

  /// A round's result must survive a crash of the server. A server made for tests may do without.
  private static func refuseUnsafeSettings(_ connection: inout Connection) throws(PostgresError) {
    let unsafe: String? = try connection.query(
      """
      SELECT string_agg(name || ' = ' || setting, ', ' ORDER BY name) AS unsafe FROM pg_settings
      WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes') AND setting = 'off'
        AND current_setting('market.throwaway', true) IS DISTINCT FROM 'on'
      """
    ).one().optional("unsafe")
    if let unsafe {
      throw PostgresError(
        .refused, "the server may lose what it acknowledged: it runs with \(unsafe)", sqlState: "GM422",
        hint:
          "set it to on and restart the server; a server for tests says market.throwaway = on in its postgresql.conf")
    }
  }

  private func open(_ round: String, _ connection: inout Connection) throws {
    if let host { return try host.openBoxes(round, &connection) }
    guard try !EncryptionAnnouncement(round, &connection).isEncrypted else {
      throw TrustProblem(
        "round \(round) is encrypted and its key is not here", "clear it on the host that announced the key")
    }
  }

  /// Clears one round.
  ///
  /// - Throws: `PostgresError` (`GM409` before the gate), `InstanceError` for a book beyond the engine's limits,
  ///   `Failure` where the audit finds fault, `TrustProblem` where the book is not the one that was sealed or this version
  ///   does not know the round's terms.
  public func run(_ round: String, _ connection: inout Connection) throws -> Outcome {
    let clock = ContinuousClock()
    var seconds: [(step: Step, seconds: Double)] = []
    func timed<T>(_ step: Step, _ body: () throws -> T) throws -> T {
      onStep(step, round)
      let start = clock.now
      let value = try body()
      let (whole, fraction) = start.duration(to: clock.now).components
      seconds.append((step, Double(whole) + Double(fraction) / 1e18))
      return value
    }

    // A dry run must not close a gate either: it reads what is sealed already.
    var statement: Statement?
    if !dryRun {
      try Self.refuseUnsafeSettings(&connection)
      try timed(.close) { _ = try connection.query("SELECT market.close_due_round(\(round))") }
      statement = try timed(.statement) { try host?.writeStatement(round, &connection) }
      try timed(.setAside) { try SealedEntries.setAside(round, &connection) }
      try timed(.open) { try open(round, &connection) }
    }
    let book = try timed(.load) { try SealedBook.load(round, statement: statement, host: host, &connection) }
    if book.round.state == .published && !dryRun {
      return Outcome(
        round: round, ending: .alreadyPublished, clearing: nil, resultDigest: nil, bids: book.entries.count,
        seconds: seconds)
    }
    let engineInput = try BookInstance(book)
    guard let rule = PricingRule(rawValue: book.round.pricing), let agreed = Effort(text: book.round.effort) else {
      throw TrustProblem(
        "round \(round) was opened with pricing \(book.round.pricing) and effort \(book.round.effort), "
          + "not both of which this version knows; nothing was written", "clear it with the gpumarket that opened it")
    }
    let clearing = try timed(.solve) {
      var control = ClearingControl()
      if !book.round.isSimulated, book.round.state != .published {
        let left = (book.round.delivery.start - book.round.serverTime).seconds - marginSeconds
        let deadline = clock.now.advanced(by: .seconds(max(left, leastSeconds)))
        control.shouldStop = { clock.now >= deadline }
      }
      control.onImprovement = onImprovement
      return clear(
        engineInput.instance, pricing: rule, effort: effort ?? agreed, control: control)
    }
    try timed(.audit) {
      let problems = Verifier.problems(of: clearing, in: engineInput.instance, pricing: rule)
      guard problems.isEmpty else { throw Failure(round: round, problems: problems) }
    }
    let record = ClearingRecord(clearing, of: engineInput, book)
    var ending = Outcome.Ending.notWritten
    if !dryRun {
      let said: String = try timed(.publish) {
        try connection.query(
          "SELECT market.publish_round(\(round), \(book.merkleRoot), \(record.json)::jsonb) AS outcome"
        ).one().get("outcome")
      }
      ending = said == "published" ? .published : .alreadyPublished
    }
    onStep(.done, round)
    return Outcome(
      round: round, ending: ending, clearing: clearing, resultDigest: hex(record.digest), bids: book.entries.count,
      seconds: seconds)
  }
}
