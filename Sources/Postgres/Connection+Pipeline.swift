import CLibPQ

extension Connection {
  /// Sends many statements without waiting for each answer, in one implicit transaction unless one is open.
  ///
  /// - Returns: the rows of each statement, in order.
  /// - Throws: the first error, of a statement or of the commit; none of the statements has then had an effect.
  public mutating func pipeline(_ statements: some Sequence<SQL>) throws(PostgresError) -> [Rows] {
    guard PQenterPipelineMode(handle) == 1 else { throw broken() }
    defer { PQexitPipelineMode(handle) }
    var answers = Answers()
    for statement in statements {
      if let refusal = refusal(of: statement) {
        answers.failed = refusal
        // What was sent before it must not be committed.
        guard submit("DO $$BEGIN RAISE 'the client refused a statement'; END$$") == 1 else { throw refusal }
        answers.awaited += 1
        break
      }
      guard submit(statement) == 1 else { throw broken() }
      answers.awaited += 1
      // Batches bound the memory that unread answers and unsent statements take on both sides.
      if answers.awaited == 256 {
        PQsendFlushRequest(handle)
        try collect(&answers)
        if answers.failed != nil { break }
      }
    }
    guard PQpipelineSync(handle) == 1 else { throw answers.failed ?? broken() }
    try collect(&answers)
    try synchronise(&answers)
    if let failed = answers.failed { throw failed }
    return answers.rows
  }

  private struct Answers {
    var rows: [Rows] = []
    var awaited = 0
    var failed: PostgresError?
  }

  /// Reads the answers that are awaited: for each statement its results and a nil.
  private func collect(_ answers: inout Answers) throws(PostgresError) {
    while answers.awaited > 0 {
      guard let result = PQgetResult(handle) else { throw broken() }
      answers.awaited -= 1
      take(result, &answers)
      while let rest = PQgetResult(handle) { PQclear(rest) }
      if PQstatus(handle) != CONNECTION_OK { throw answers.failed ?? broken() }
    }
  }

  /// Reads up to the answer to the synchronisation, which commits: a deferred constraint may fail only now.
  private func synchronise(_ answers: inout Answers) throws(PostgresError) {
    var pauses = 0
    // One nil ends each statement's results; more mean that no answer is under way.
    while PQstatus(handle) == CONNECTION_OK, pauses < 3 {
      guard let result = PQgetResult(handle) else {
        pauses += 1
        continue
      }
      if PQresultStatus(result) == PGRES_PIPELINE_SYNC { return PQclear(result) }
      take(result, &answers)
    }
    throw answers.failed ?? broken()
  }

  private func take(_ result: OpaquePointer, _ answers: inout Answers) {
    switch PQresultStatus(result) {
    case PGRES_TUPLES_OK, PGRES_COMMAND_OK: answers.rows.append(Rows(result))
    case PGRES_PIPELINE_ABORTED: PQclear(result)
    default:
      let error = failure(result)
      if answers.failed == nil { answers.failed = error }
    }
  }
}
