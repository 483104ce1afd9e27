import Foundation
import Glibc
import Market
import Postgres
import Synchronization
import TestSupport
import Testing
import Units

/// Bids from many connections against one open round, beside pgbench that inserts the same bytes into a bare table on
/// the same server. The door is loaded twice: by pgbench, like against like, and by our own client, whose receipts must all
/// be in the book afterwards. Then both take files of bids, each file one transaction. In `make test` for a moment, in
/// `make load` at length; no time is asserted.
@Suite("Load", .serialized)
struct LoadTests {
  static let seconds = ProcessInfo.processInfo.environment["GPUMARKET_LOAD_SECONDS"].flatMap { Double($0) } ?? 1
  static let connections =
    ProcessInfo.processInfo.environment["GPUMARKET_LOAD_CONNECTIONS"].flatMap { Int($0) } ?? 8

  /// What one connection did: how long each bid took, in microseconds, and its receipts' hashes.
  private struct Share: Sendable {
    var microseconds: [Int] = []
    var hashes: [String] = []
  }

  @Test func noAcknowledgedBidIsMissing() throws {
    let server = try TestServer.durable()
    let faults = try FaultMarket(on: server, companies: Self.connections)
    try faults.open("load", gateAfter: 3600)
    var owner = try faults.market.connect(nil)
    try owner.script("UPDATE market.company SET entry_quota = 100000000, credit_limit = 1000000000000000000")
    try owner.script(
      """
      CREATE TABLE public.bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text UNIQUE, body text,
        accepted_at timestamptz DEFAULT clock_timestamp())
      """)
    let body = Self.bids[3].body
    let bare = try pgbench(
      faults, "INSERT INTO public.bare (key, body) VALUES ('k:k', '\(body)') RETURNING id;", every: "")
    // One connection, one company: a session asks once to be its own.
    let sessions = faults.logins.enumerated().map { at, login in
      "\\if :client_id = \(at)\nSET SESSION AUTHORIZATION \"\(login)\";\n\\endif"
    }
    let first = "\\if :started = 0\n\(sessions.joined(separator: "\n"))\n\\set started 1\n\\endif\n"
    let door = try pgbench(
      faults, "SELECT market.place_bid('load', 'pgbench-:k', '\(body)', NULL) AS receipt;", every: first)
    let placed: Int = try owner.query("SELECT count(*) AS n FROM market.entry").one().get("n")
    #expect(placed >= door.microseconds.count, "what pgbench saw acknowledged is in the book")
    let shares = Mutex<[Share]>([])
    let threads = faults.logins.map { login in
      Thread {
        do {
          let own = try bid(faults.market, login)
          shares.withLock { $0.append(own) }
        } catch { Issue.record("\(error)") }
      }
    }
    for thread in threads { thread.start() }
    while !threads.allSatisfy(\.isFinished) { usleep(20_000) }

    let all = shares.withLock { $0 }
    let hashes = all.flatMap(\.hashes)
    let stored = Set(
      try owner.query("SELECT encode(hash, 'hex') AS hash FROM market.entry WHERE key NOT LIKE 'pgbench-%'").map {
        try $0.get("hash", as: String.self)
      })
    #expect(Set(hashes) == stored && hashes.count == stored.count, "every acknowledged bid is in the book, once")
    let files = try loadWithFiles(faults, body, first)
    try faults.check([])
    let times = all.flatMap(\.microseconds).sorted()
    let rate = Double(times.count) / Self.seconds
    report("bare table, pgbench", bare.rate, bare.microseconds)
    report("the door, pgbench", door.rate, door.microseconds)
    report("the door, our client in this test", rate, times)
    print(
      "load: files of \(Self.file) bids, pgbench: bare table \(Int(files.bare)) bids/s, the door \(Int(files.door)) bids/s"
    )
    print(
      "load: the door takes \(String(format: "%.2f", bare.rate / max(door.rate, 1))) times as long as the bare table; "
        + "load average \(Self.loadAverage)")
  }

  /// Bids in one file of a company that places many at once.
  static let file = 500

  /// Rows a second where each transaction has a file of them.
  private func loadWithFiles(_ faults: FaultMarket, _ body: String, _ first: String) throws -> (
    bare: Double, door: Double
  ) {
    let bare = try pgbench(
      faults,
      "INSERT INTO public.bare (key, body) SELECT 'f:k-' || n, '\(body)' FROM generate_series(1, \(Self.file)) n RETURNING id;",
      every: "")
    let many = "ARRAY[\(Self.file)]"
    let door = try pgbench(
      faults,
      "SELECT market.place_bids('load', ARRAY(SELECT 'pgbench-f:k-' || n FROM generate_series(1, \(Self.file)) n), "
        + "array_fill('\(body)'::text, \(many)), array_fill(NULL::text, \(many)));", every: first)
    // Each file whole or not at all, and at least as many as pgbench saw acknowledged.
    var owner = try faults.market.connect(nil)
    let files = try owner.query(
      """
      SELECT count(*)::integer AS bids, count(DISTINCT encode(hash, 'hex'))::integer AS hashes
      FROM market.entry WHERE key LIKE 'pgbench-f%' GROUP BY substring(key FROM '^pgbench-f([0-9]+)-')
      """)
    #expect(files.count >= door.microseconds.count, "what pgbench saw acknowledged is in the book")
    for file in files {
      #expect(try file.get("bids", as: Int.self) == Self.file && file.get("hashes", as: Int.self) == Self.file)
    }
    return (bare.rate * Double(Self.file), door.rate * Double(Self.file))
  }

  static var loadAverage: String {
    var averages = [0.0]
    return getloadavg(&averages, 1) == 1 ? String(format: "%.1f", averages[0]) : "unknown"
  }

  private func report(_ what: String, _ rate: Double, _ times: [Int]) {
    func at(_ share: Double) -> String {
      times.isEmpty
        ? "–" : String(format: "%.2f", Double(times[min(times.count - 1, Int(Double(times.count) * share))]) / 1000)
    }
    print(
      "load: \(what): \(Self.connections) connections, \(Int(rate)) bids/s, p50 \(at(0.5)) ms, p99 \(at(0.99)) ms, "
        + "\(times.count) bids")
  }

  private func bid(_ market: TestMarket, _ login: String) throws -> Share {
    var share = Share()
    var connection = try market.connect(login)
    let clock = ContinuousClock()
    let end = clock.now.advanced(by: .milliseconds(Int(Self.seconds * 1000)))
    var number = 0
    while clock.now < end {
      number += 1
      let bid = Self.bids[number % Self.bids.count]
      let start = clock.now
      let receipt = try OrderBook.place(
        bid, in: "load", parent: nil, key: "\(login)-\(number)", &connection)
      let (seconds, attoseconds) = start.duration(to: clock.now).components
      share.microseconds.append(Int(seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000))
      share.hashes.append(receipt.hash)
    }
    return share
  }

  /// What the day's bidders send: two alternatives each.
  static let bids: [Bid] = {
    do {
      return try (1...8).map { number in
        guard case .block(let first) = try TestMarket.block(gpus: 8 * number, slots: number, limit: "2.\(number)0"),
          case .block(let second) = try TestMarket.block(gpus: 8, slots: number + 2, limit: "1.\(number)0")
        else { return try TestMarket.block() }
        return .block(first + second)
      }
    } catch { return [] }
  }()

  /// One statement again and again, by as many connections, for as long; `:k` is random, `every` comes before it.
  private func pgbench(
    _ faults: FaultMarket, _ statement: String, every: String
  ) throws -> (rate: Double, microseconds: [Int]) {
    let folder = try TestFolder.make()
    try "\(every)\\set k random(1, 1000000000000000)\n\(statement)\n"
      .write(toFile: folder + "/script.sql", atomically: true, encoding: .utf8)
    let socket = FaultMarket.serverSocket(faults.market.conninfo(nil))
    let host = String(socket.dropLast("/.s.PGSQL.5432".count))
    // ChildProcess unblocks the signals that end pgbench; Foundation's does not.
    let status = ChildProcess.run(
      [
        "/usr/lib/postgresql/15/bin/pgbench", "-h", host, "-U", "postgres", "-n", "-D", "started=0", "-f",
        folder + "/script.sql", "-c",
        "\(Self.connections)", "-j", "2", "-T", "\(max(1, Int(Self.seconds)))", "-l", "--log-prefix", folder + "/times",
        faults.market.database,
      ], environment: ["PATH": "/usr/bin:/bin"], log: folder + "/pgbench.log")
    var times: [Int] = []
    for file in try FileManager.default.contentsOfDirectory(atPath: folder) where file.hasPrefix("times") {
      for line in try String(contentsOfFile: folder + "/" + file, encoding: .utf8).split(separator: "\n") {
        let fields = line.split(separator: " ")
        if fields.count > 2, let time = Int(fields[2]) { times.append(time) }
      }
    }
    #expect(status == 0 && !times.isEmpty)
    return (Double(times.count) / Double(max(1, Int(Self.seconds))), times.sorted())
  }
}
