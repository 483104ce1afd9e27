import Foundation
import Market
import Postgres
import Settlement
import TestSupport
import Units

/// A market with awards of known payments: the books are tested without waiting for the engine.
struct SettledMarket {
  /// What a company wins: pool, first slot, slots and GPUs, several for a curve.
  struct Win {
    var company: String
    var uses: [(pool: Int, slot: Int, slots: Int, gpus: Int)]
    /// Micro-dollars per GPU-hour, and in all.
    var limit: Int64
    var payment: Int64
  }

  let market: TestMarket
  private(set) var logins: [String: String] = [:]
  static let pools = ["h100-us", "a100.eu"]
  /// Micro-dollars per GPU-hour.
  static let reserve: Int64 = 1_000_000

  init(companies: [String] = ["Acme Robotics", "bolt/bio"], poolGPUs: Int = 64) throws {
    market = try TestMarket()
    for pool in Self.pools { try market.addPool(pool, gpus: poolGPUs, lot: 1, reserve: "1.00") }
    for company in companies { logins[company] = try market.addCompany(company, credit: "1000000000") }
  }

  /// One block and one curve over both pools, whose payments are no whole cents.
  static let wins = [
    Win(company: "Acme Robotics", uses: [(0, 0, 5, 32)], limit: 2_400_000, payment: 200_005_678),
    Win(company: "bolt/bio", uses: [(0, 0, 3, 8), (1, 0, 2, 16)], limit: 3_000_000, payment: 100_019_999),
  ]

  /// Opens, fills, closes and publishes a round; returns the awards in the order of the wins.
  ///
  /// - Parameters:
  ///   - pricing: the rule it is opened with.
  ///   - pricedBy: the rule that the payments follow; nil takes `pricing`.
  @discardableResult
  func publish(
    _ name: String, day: String = "2026-12-07", _ wins: [Win] = SettledMarket.wins, pricing: String = "vcg",
    pricedBy: String? = nil, afterClosing: () throws -> Void = {}
  ) throws -> [String] {
    var asOperator = try market.asOperator()
    // Simulated, so that delivery may lie before the gate whatever today is.
    try asOperator.query(
      """
      SELECT market.open_round(\(name), \(day + "T00:00Z")::timestamptz, \(day + "T00:00Z")::timestamptz + interval '1 day',
        clock_timestamp() + interval '1 hour', \(pricing), 'quick', NULL, true)
      """)
    var awards = ""
    var paid: [String: Int64] = [:]
    var welfare: Int64 = 0
    for win in wins {
      let bid = try place(win, name, day)
      let slots = win.uses.reduce(0) { $0 + Int64($1.slots * $1.gpus) }
      let value = slots * win.limit
      welfare += value - slots * Self.reserve
      paid[win.company, default: 0] += win.payment
      let uses = win.uses.map { "[\($0.pool),\($0.slot),\($0.slots),\($0.gpus)]" }.joined(separator: ",")
      awards += """
        \(awards.isEmpty ? "" : ","){"company":"\(win.company)","bid":"\(bid)","alternative":1,"gpu_slots":\(slots),\
        "value":\(value),"reserve_cost":\(slots * Self.reserve),"payment":\(win.payment),"uses":[\(uses)]}
        """
    }
    let payments = paid.sorted { $0.key < $1.key }.map {
      "{\"company\":\"\($0.key)\",\"payment\":\($0.value),\"low\":\($0.value),\"high\":\($0.value),\"exact\":true}"
    }.joined(separator: ",")
    try asOperator.query("SELECT market.close_round(\(name))")
    try afterClosing()
    var clearing = try market.asClearing()
    let root: [UInt8] = try clearing.query("SELECT merkle_root FROM market.sealed_round(\(name))").one().get(
      "merkle_root")
    let result = """
      {"instance_digest":"\(String(repeating: "00", count: 32))","result_digest":"\(String(repeating: "11", count: 32))",\
      "engine_version":"test","effort":"quick","work_done":1,"stopped_early":false,"welfare":\(welfare),\
      "bound":\(welfare),"proven":true,"ties":"none","prices":{},"price_bound":\(welfare),\
      "priced_by":"\(pricedBy ?? pricing)","awards":[\(awards)],"payments":[\(payments)]}
      """
    try clearing.query("SELECT market.publish_round(\(name), \(root), \(result)::jsonb)")
    return try clearing.query("SELECT award FROM market.awards(\(name))").map { try $0.get("award") }
  }

  private func place(_ win: Win, _ round: String, _ day: String) throws -> String {
    let period = "\"start\":\"\(day)T00:00:00Z\""
    let body: String
    if win.uses.count == 1, let use = win.uses.first {
      body = """
        {"type":"block","alternatives":[{"pool":"\(Self.pools[use.pool])","gpus":\(use.gpus),"slots":\(use.slots),\
        "window":{\(period),"end":"\(day)T23:00:00Z"},"limit":\(win.limit)}]}
        """
    } else {
      let segments = win.uses.map {
        """
        {"pool":"\(Self.pools[$0.pool])",\(period),"end":"\(day)T0\($0.slots):00:00Z",\
        "steps":[{"gpus":\($0.gpus),"limit":\(win.limit)}]}
        """
      }
      body = "{\"type\":\"curve\",\"segments\":[\(segments.joined(separator: ","))]}"
    }
    var connection = try market.connect(logins[win.company])
    return try connection.query(
      "SELECT market.place_bid(\(round), \(newIdempotencyKey()), \(body)) ->> 'bid' AS bid"
    ).one().get("bid")
  }

  /// Runs a statement as a role, nil for the superuser acting as the owner of all.
  func run(_ role: String?, _ statement: SQL) throws {
    var connection = try market.connect(role)
    if role == nil { try connection.script("SET ROLE market_owner") }
    try connection.query(statement)
  }

  /// What the ledger finds wrong with itself.
  func problems() throws -> [String] {
    var connection = try market.asFinance()
    return try Books.problems(&connection).map(\.1)
  }

  /// Exports into a folder of the test's own; returns the path.
  func export(
    _ format: ExportFormat, _ selection: Selection = .everything, accounts: AccountMap = .builtIn, name: String? = nil
  ) throws -> String {
    // Removed with the server.
    let folder = try TestServer.shared().folder + "/" + market.database
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let path = folder + "/" + (name ?? "out.\(format.rawValue).\(format.fileExtension)")
    var connection = try market.asFinance()
    _ = try SettlementExport.run(
      connection: &connection, format: format, selection: selection, accounts: accounts, to: path)
    return path
  }
}

/// The refusal of what must not be done.
func refused(_ body: () throws -> Void) -> PostgresError? {
  do {
    try body()
    return nil
  } catch {
    return error as? PostgresError
  }
}
