import Files
import Postgres

/// The door's few long-lived connections: some place entries, those that arrived together in one transaction, some read.
final class DoorDatabase: Sendable {
  /// A request for the book, with where its answer goes.
  struct EntryJob: Sendable {
    let request: EntryRequest
    let reply: @Sendable (DoorAnswer) -> Void
  }

  /// A question, with where its answer goes.
  struct ReadJob: Sendable {
    let work: @Sendable (inout Connection) throws -> DoorAnswer
    let reply: @Sendable (DoorAnswer) -> Void
  }

  private let entries: FairQueue<EntryJob>
  private let reads: FairQueue<ReadJob>
  private let writers: DoorThreads<EntryJob>
  private let readers: DoorThreads<ReadJob>

  init(conninfo: String, limits: DoorLimits, log: DoorLog) {
    entries = FairQueue(most: limits.waitingEntries, mostPerOwner: limits.waitingEntriesPerKey)
    reads = FairQueue(most: limits.waitingReads, mostPerOwner: limits.waitingReadsPerKey)
    writers = DoorThreads(
      "writer", count: limits.writers, queue: entries, atOnce: limits.entriesPerTransaction, conninfo: conninfo,
      work: { jobs, connection, isLast in Self.place(jobs, &connection, isLast, log) },
      fail: { jobs, error in
        log.line("database", [("error", error.message)])
        for job in jobs { job.reply(DoorAnswer(DoorProblem(error))) }
      })
    readers = DoorThreads(
      "reader", count: limits.readers, queue: reads, atOnce: 1, conninfo: conninfo,
      work: { jobs, connection, isLast in Self.read(jobs[0], &connection, isLast, log) },
      fail: { jobs, error in
        log.line("database", [("error", error.message)])
        for job in jobs { job.reply(DoorAnswer(DoorProblem(error))) }
      })
  }

  /// Places entries; nil where the queue takes them, else the refusal.
  func place(_ job: EntryJob, owner: String) -> DoorAnswer? {
    refusal(entries.push(job, owner: owner, weight: job.request.entries.count))
  }

  /// Asks; nil where the queue takes it, else the refusal.
  func read(_ job: ReadJob, owner: String) -> DoorAnswer? { refusal(reads.push(job, owner: owner)) }

  /// Does what waits and lets the connections go; false where that takes longer.
  func finish(within seconds: Int64) -> Bool {
    let wrote = writers.finish(within: seconds)
    return readers.finish(within: seconds) && wrote
  }

  private func refusal<Item>(_ outcome: FairQueue<Item>.Outcome) -> DoorAnswer? {
    switch outcome {
    case .accepted: nil
    case .fullForOwner: .tooMany(1, "your company")
    case .full: .overloaded
    }
  }

  // MARK: On a thread of its own

  /// One call, one transaction: when its answer is here, it is committed.
  private static func place(
    _ jobs: [EntryJob], _ connection: inout Connection, _ isLast: Bool, _ log: DoorLog
  ) -> DoorThreads<EntryJob>.Result {
    do {
      let text = JSONText.array(jobs.map(\.request.json)).text()
      let answer: String = try connection.query("SELECT market.door_enter(\(text)::jsonb) AS answer").one().get(
        "answer")
      let answers = Array(try JSONReader.parse(Array(answer.utf8), source: "answer").elements())
      guard answers.count == jobs.count else {
        throw PostgresError(.decoding, "\(answers.count) answers to \(jobs.count) requests")
      }
      for (job, answer) in zip(jobs, answers) { job.reply(try Self.answer(answer)) }
      return .done
    } catch let error as PostgresError {
      if error.kind == .unavailable, !isLast { return .connectionBroke }
      // What fails for the lot may be one request's fault: each is tried alone.
      guard jobs.count > 1, error.kind == .refused else {
        log.line("refused", [("sqlstate", error.sqlState), ("error", error.message)])
        for job in jobs { job.reply(DoorAnswer(DoorProblem(error))) }
        return error.kind == .unavailable ? .connectionBroke : .done
      }
      for job in jobs {
        if place([job], &connection, true, log) == .connectionBroke { return .connectionBroke }
      }
      return .done
    } catch {
      log.line("fault", [("error", "\(error)")])
      for job in jobs { job.reply(DoorAnswer(DoorProblem(PostgresError(.decoding, "")))) }
      return .done
    }
  }

  /// `{"receipts":[…]}` or `{"errors":[{"code":…,"message":…,"hint":…,"where":…}]}`.
  private static func answer(_ value: JSONValue) throws(JSONProblem) -> DoorAnswer {
    guard let errors = value["errors"] else { return DoorAnswer(200, value.text) }
    var problems: [DoorProblem] = []
    for error in try errors.elements() {
      let code = try error.at("code").string()
      let place = error["where"].flatMap { $0.isNull ? nil : $0 }
      problems.append(
        DoorProblem(
          Int(code.dropFirst(2)) ?? 422, code, try error.at("message").string(), try error.at("hint").string(),
          at: try place?.string()))
    }
    return DoorAnswer(problems)
  }

  private static func read(
    _ job: ReadJob, _ connection: inout Connection, _ isLast: Bool, _ log: DoorLog
  ) -> DoorThreads<ReadJob>.Result {
    do {
      job.reply(try job.work(&connection))
      return .done
    } catch let error as PostgresError {
      if error.kind == .unavailable, !isLast { return .connectionBroke }
      let problem = DoorProblem(error)
      if problem.status >= 500 { log.line("refused", [("sqlstate", error.sqlState), ("error", error.message)]) }
      job.reply(DoorAnswer(problem))
      return error.kind == .unavailable ? .connectionBroke : .done
    } catch {
      log.line("fault", [("error", "\(error)")])
      job.reply(DoorAnswer(DoorProblem(PostgresError(.decoding, ""))))
      return .done
    }
  }
}
