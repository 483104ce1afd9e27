import Postgres
import Units

/// A pool as the operator described it.
public struct Pool: Sendable {
  /// Unique in the market: 1 to 63 lower-case letters, digits and `.`, `_`, `-`, the first a letter or digit.
  public let name: String
  /// Whole, without outages or what rounds have taken: 1 to 10,000,000, a multiple of the lot.
  public let capacityGPUs: Int
  /// GPUs trade in multiples of this: 1 to 100,000.
  public let lotGPUs: Int
  /// The least that the fund accepts, published; a round keeps the one it opened with.
  public let reserve: Price
}

/// GPUs that a pool lacks for a while.
public struct Outage: Sendable {
  /// `o_` and 16 hexadecimal digits.
  public let id: String
  /// The pool's name.
  public let pool: String
  /// 1 to the pool's capacity.
  public let gpus: Int
  /// At most 366 days, on any instants.
  public let period: TimeRange
  /// 1 to 500 characters, which holders of awards read.
  public let reason: String
}

/// The pools of the market. Errors carry the server's sentence and advice (`PostgresError`, SQLSTATE `GM…`).
public enum Pools {
  /// Adds a pool; operator only.
  public static func add(
    _ connection: inout Connection, name: String, capacityGPUs: Int, lotGPUs: Int, reserve: Price
  ) throws(PostgresError) {
    _ = try connection.query(
      """
      SELECT market.add_pool(\(name), \(capacityGPUs)::integer, \(lotGPUs)::integer,
        \(reserve.microdollarsPerGPUHour)::bigint)
      """)
  }

  /// All pools by name.
  public static func list(_ connection: inout Connection) throws(PostgresError) -> [Pool] {
    var pools: [Pool] = []
    for row in try connection.query("SELECT * FROM market.pools()") {
      pools.append(
        Pool(
          name: try row.get("pool"), capacityGPUs: try row.get("capacity_gpus"), lotGPUs: try row.get("lot_gpus"),
          reserve: try row.price("reserve_price")))
    }
    return pools
  }

  /// Records an outage; returns its id. Open rounds offer that much less from then on; operator only.
  public static func addOutage(
    _ connection: inout Connection, pool: String, gpus: Int, period: TimeRange, reason: String
  ) throws(PostgresError) -> String {
    try connection.query(
      """
      SELECT market.add_outage(\(pool), \(gpus)::integer, \(period.start)::timestamptz, \(period.end)::timestamptz,
        \(reason)) AS id
      """
    ).one().get("id")
  }

  /// Outages of one pool, or of all.
  public static func outages(_ connection: inout Connection, pool: String?) throws(PostgresError) -> [Outage] {
    var outages: [Outage] = []
    for row in try connection.query("SELECT * FROM market.outages(\(pool))") {
      outages.append(
        Outage(
          id: try row.get("outage"), pool: try row.get("pool"), gpus: try row.get("gpus"),
          period: try row.period("starts_at", "ends_at"), reason: try row.get("reason")))
    }
    return outages
  }
}
