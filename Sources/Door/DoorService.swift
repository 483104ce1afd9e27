import Files
import Glibc
import Market
import Postgres
import Signing
import Synchronization

/// What happens to a request once it has come whole: limits, signature, form, then the database. Knows nothing of sockets.
final class DoorService: Sendable {
  private let limits: DoorLimits
  private let log: DoorLog
  private let database: DoorDatabase
  /// The market's id, which entries are signed with.
  private let market: String
  private let perAddress: TokenBuckets
  private let perKey: TokenBuckets
  /// Of rounds that entries came for: a round's terms never change once it takes bids.
  private let terms = Mutex<[String: String]>([:])

  init(conninfo: String, limits: DoorLimits, log: DoorLog) throws {
    var connection = try Connection(conninfo: conninfo)
    market = try connection.query("SELECT market.door_market() AS id").one().get("id")
    self.limits = limits
    self.log = log
    database = DoorDatabase(conninfo: conninfo, limits: limits, log: log)
    perAddress = TokenBuckets(limits.perAddress)
    perKey = TokenBuckets(limits.perKey)
  }

  /// Does what waits; false where that takes longer.
  func finish() -> Bool { database.finish(within: limits.drainSeconds) }

  /// Why nothing of this address is looked at now.
  func refusal(address: String) -> DoorAnswer? {
    perAddress.take(address, now: monotonicNanoseconds()).map { .tooMany($0, "your address") }
  }

  /// Answers a request, now or later and on any thread, once.
  func handle(_ request: SignableRequest, reply: @escaping @Sendable (DoorAnswer) -> Void) {
    switch Routes.find(method: request.method, path: request.path) {
    case .nothing:
      reply(DoorAnswer(DoorProblem(404, "GM404", "there is no such path", "see /v1/openapi.json")))
    case .otherMethod(let methods):
      reply(
        DoorAnswer(
          DoorProblem(
            405, "method", "this path takes \(methods.joined(separator: ", ")) only", "see /v1/openapi.json")))
    case .route(let route, let path): handle(request, route, path, reply)
    }
  }

  private func handle(
    _ request: SignableRequest, _ route: Route, _ path: [String: String],
    _ reply: @escaping @Sendable (DoorAnswer) -> Void
  ) {
    switch route.action {
    case .health: return reply(DoorAnswer(200, ["status": "up"]))
    case .document: return reply(DoorAnswer(200, OpenAPI.document))
    case .read, .round, .enter: break
    }
    let caller: [UInt8]
    do {
      caller = try RequestSignature.verify(request, now: Int64(time(nil)))
    } catch {
      return reply(DoorAnswer(DoorProblem(401, "signature", error.problem, error.advice)))
    }
    let owner = hexText(caller)
    if let seconds = perKey.take(owner, now: monotonicNanoseconds()) {
      return reply(.tooMany(seconds, "your key"))
    }
    guard let query = Self.query(request.query, route) else {
      let names = route.parameters.filter { !$0.isInPath }.map(\.name)
      let known = names.isEmpty ? "this path takes no query" : "the query may have \(names.joined(separator: ", "))"
      return reply(DoorAnswer(DoorProblem(400, "GM400", "the query cannot be read", known)))
    }
    let call = Call(caller: caller, path: path, query: query)
    switch route.action {
    case .health, .document: break
    case .read(let statement):
      ask(owner, reply) { connection in
        DoorAnswer(200, Array(try connection.query(statement(call)).one().get("answer", as: String.self).utf8))
      }
    case .round(let statement):
      ask(owner, reply) { [self] connection in
        let answer: String = try connection.query(statement(call)).one().get("answer")
        let digest = try digest(of: path["round"] ?? "", &connection)
        guard case .object(let members) = try JSONReader.parse(Array(answer.utf8), source: "answer").text else {
          throw PostgresError(.decoding, "the round is no object")
        }
        return DoorAnswer(200, .object(members + [.init("terms", .string(digest))]))
      }
    case .enter:
      do throws(Refusals) {
        let entries = try EntryRequest(call, body: request.body, most: limits.entriesPerRequest)
        if let problem = entries.zeroProblem { throw Refusals([problem]) }
        enter(entries, owner, reply)
      } catch {
        reply(DoorAnswer(error.problems))
      }
    }
  }

  private func ask(
    _ owner: String, _ reply: @escaping @Sendable (DoorAnswer) -> Void,
    _ work: @escaping @Sendable (inout Connection) throws -> DoorAnswer
  ) {
    if let refusal = database.read(.init(work: work, reply: reply), owner: owner) { reply(refusal) }
  }

  /// - Parameter isFresh: whether the round's terms were just read.
  private func enter(
    _ request: EntryRequest, _ owner: String, isFresh: Bool = false, _ reply: @escaping @Sendable (DoorAnswer) -> Void
  ) {
    let terms = terms.withLock { $0[request.round] }
    guard isFresh || terms == request.terms else {
      // The first for this round, or its terms changed before it took bids: they are read, then it goes on.
      let job = DoorDatabase.ReadJob(
        work: { [self] connection in
          _ = try digest(of: request.round, &connection)
          return DoorAnswer(200, [])
        },
        reply: { [self] answer in
          guard answer.status == 200 else { return reply(answer) }
          enter(request, owner, isFresh: true, reply)
        })
      if let refusal = database.read(job, owner: owner) { reply(refusal) }
      return
    }
    guard terms == request.terms else {
      return reply(
        DoorAnswer(
          DoorProblem(
            409, "GM409", "the entries are signed under other terms than those of round \(request.round)",
            "read the round again, look at what changed, and sign anew", at: "terms")))
    }
    let problems = request.signatureProblems(market: market)
    guard problems.isEmpty else { return reply(DoorAnswer(problems)) }
    if let refusal = database.place(.init(request: request, reply: reply), owner: owner) { reply(refusal) }
  }

  private func digest(of round: String, _ connection: inout Connection) throws -> String {
    let digest = hexText(try Terms.offer(of: round, &connection))
    return terms.withLock { terms in
      if terms.count >= 10_000 { terms = [:] }
      terms[round] = digest
      return digest
    }
  }

  /// The query's pairs; nil where it cannot be read or has a name that the route does not know.
  private static func query(_ text: String, _ route: Route) -> [(name: String, value: String)]? {
    var pairs: [(name: String, value: String)] = []
    for part in text.split(separator: "&") {
      let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard halves.count == 2, let name = decoded(halves[0]),
        let value = decoded(halves[1].replacing("+", with: "%20")),
        route.parameters.contains(where: { !$0.isInPath && $0.name == name })
      else { return nil }
      pairs.append((name, value))
    }
    return pairs
  }
}

/// Of a clock that never goes back.
func monotonicNanoseconds() -> Int64 {
  var now = timespec()
  clock_gettime(CLOCK_MONOTONIC, &now)
  return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}
