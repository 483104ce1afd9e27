import Clearing
import Market
import Postgres
import Replay
import Units

/// A market made for one replay: a database of its own on the private server.
struct ReplayMarket {
  let options: DatabaseOptions
  let name: String
  let book: ReplayBook

  private func server() throws -> PrivateServer {
    guard case .privateServer(let server) = try options.resolve() else {
      throw Failure(
        .usage, "replay makes and drops a database, so it works on the private server only",
        advice: "run it without --database and without PGHOST, PGSERVICE and PGDATABASE")
    }
    guard name != PrivateServer.database, name.wholeMatch(of: /[a-z][a-z0-9_]{0,40}/) != nil else {
      throw Failure(
        .usage, "a replay cannot use the database '\(name)'",
        advice: "give --market a name of lower-case letters and digits other than \(PrivateServer.database)")
    }
    return server
  }

  func connect(user: String?) throws -> Connection {
    try Connection(conninfo: server().conninfo(user: user, database: name))
  }

  /// What the database of a replay is marked with: only such a one is ever dropped.
  private static let mark = "gpumarket replay"

  /// Drops the replay before this one and makes pools and companies.
  func create() throws {
    let server = try server()
    try server.start()
    do {
      var root = try Connection(conninfo: server.conninfo())
      try dropEarlier(on: server, &root)
      try root.script("CREATE DATABASE \(name)")
      try root.script("COMMENT ON DATABASE \(name) IS '\(Self.mark)'")
    }
    var migration = try connect(user: nil)
    _ = try Migrator().migrate(&migration, slotLength: book.slotLength)
    var connection = try connect(user: "market_operator")
    for pool in book.pools {
      try Pools.add(&connection, name: pool.name, capacityGPUs: pool.capacity, lotGPUs: 1, reserve: pool.reserve)
    }
    for owner in book.owners {
      _ = try Companies.add(&connection, name: owner, credit: Money(microdollars: 1_000_000_000_000_000_000))
    }
  }

  /// Drops the earlier replay of this name with the logins of its companies, and refuses any other database.
  private func dropEarlier(on server: PrivateServer, _ root: inout Connection) throws {
    let found = try root.query(
      "SELECT shobj_description(oid, 'pg_database') AS mark FROM pg_database WHERE datname = \(name)")
    guard let row = found.first else { return }
    guard try row.optional("mark", as: String.self) == Self.mark else {
      throw Failure(
        .conflict, "there is a database '\(name)' already, and no replay made it",
        advice: "nothing was done to it; give the replay another name with --market")
    }
    // The logins first: a replay that is broken off in between still finds its database, and drops it the next time.
    try dropLogins(try Connection(conninfo: server.conninfo(database: name)))
    try root.script("DROP DATABASE \(name) WITH (FORCE)")
  }

  /// Logins belong to the server, not to a database, so they would outlive it.
  private func dropLogins(_ connection: consuming Connection) throws {
    guard try connection.query("SELECT to_regclass('market.company') IS NOT NULL AS made").one().get("made") else {
      return
    }
    let logins: String? = try connection.query(
      """
      SELECT string_agg(format('%I', r.rolname), ', ') AS logins
      FROM market.company c JOIN pg_roles r ON r.rolname = c.login_role
      """
    ).one().optional("logins")
    if let logins { try connection.script("DROP ROLE \(logins)") }
  }

  /// Opens the round and places each company's bids through its own login, in order of submission to within a
  /// batch of 500 jobs; then closes the gate. Returns the bid id of each job.
  func placeBids(round: String, pricing: String, effort: Effort) throws -> [String] {
    var asOperator = try connect(user: "market_operator")
    let gate = try Rounds.serverTime(&asOperator) + TimeSpan(hours: 24)
    _ = try Rounds.open(
      &asOperator, name: round, delivery: book.horizon, gate: gate, pricing: pricing, effort: effort.text, pools: nil,
      simulated: true)
    let logins = Dictionary(uniqueKeysWithValues: try Companies.list(&asOperator).map { ($0.name, $0.login) })
    var ids = [String](repeating: "", count: book.bids.count)
    for batch in stride(from: 0, to: book.bids.count, by: 500) {
      let indices = batch..<min(batch + 500, book.bids.count)
      for (owner, mine) in Dictionary(grouping: indices, by: { book.bids[$0].owner }).sorted(by: {
        $0.value[0] < $1.value[0]
      }) {
        var company = try connect(user: logins[owner])
        let items = try mine.map { (bid: try bid(book.bids[$0]), parent: String?.none, key: "replay/\($0)") }
        let receipts = try OrderBook.placeAll(items, in: round, &company)
        for (index, receipt) in zip(mine, receipts) { ids[index] = receipt.bid }
      }
      showProgress("place bids \(indices.upperBound) of \(book.bids.count)")
    }
    _ = try Rounds.close(round, &asOperator)
    return ids
  }

  private func bid(_ replayed: ReplayBid) throws -> Bid {
    let (start, end) = book.window(of: replayed)
    return .block(
      try replayed.alternatives.map { alternative in
        BlockAlternative(
          pool: book.pools[alternative.pool].name, gpus: replayed.gpus, minimumGPUs: nil, slots: replayed.slots,
          window: try TimeRange(start: start, end: end), limit: alternative.limit)
      })
  }

  func clear(round: String) throws -> ClearingJob.Outcome {
    var connection = try connect(user: "market_clearing")
    var job = ClearingJob()
    job.onImprovement = { showProgress("clear: gap \(percentUp($0.gap))") }
    return try job.run(round, &connection)
  }

  /// Where each job runs, by the awards that were published.
  func placements(round: String, ids: [String]) throws -> [ReplayPlacement?] {
    var connection = try connect(user: "market_operator")
    var placed: [String: ReplayPlacement] = [:]
    for award in try Results.awards(round: round, ownOnly: false, &connection) {
      guard let use = award.uses.first, let pool = book.pools.firstIndex(where: { $0.name == use.pool }) else {
        continue
      }
      let slot = (use.period.start - book.horizon.start).seconds / book.slotLength.span.seconds
      placed[award.bid] = ReplayPlacement(pool: pool, start: Int(slot))
    }
    return ids.map { placed[$0] }
  }
}
