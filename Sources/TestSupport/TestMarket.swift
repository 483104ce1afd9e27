import Foundation
import Market
import Postgres
import Units

/// A market of its own for a test: a migrated database on a real server, with the checkout's `sql`.
public final class TestMarket: Sendable {
  /// The database's name.
  public let database: String
  private let server: TestServer

  /// - Parameters:
  ///   - server: nil takes the one that all suites share.
  ///   - slotLength: of the market.
  ///   - afresh: migrates the database itself instead of copying one. Slower; but a copy lacks the rights on the
  ///     database, which PostgreSQL does not copy.
  public init(
    on server: TestServer? = nil, slotLength: SlotLength = .hour, afresh: Bool = false
  ) throws {
    self.server = try server ?? TestServer.shared()
    if afresh {
      database = try self.server.makeDatabase()
      var connection = try Connection(conninfo: self.server.conninfo(database: database))
      _ = try Migrator(folder: TestMarket.sqlFolder).migrate(&connection, slotLength: slotLength)
      return
    }
    let template = try self.server.template("market \(slotLength.minutes)") { conninfo in
      var connection = try Connection(conninfo: conninfo)
      _ = try Migrator(folder: TestMarket.sqlFolder).migrate(&connection, slotLength: slotLength)
    }
    database = try self.server.makeDatabase(template: template)
  }

  /// A market with a pool, a company named acme, and an open round.
  ///
  /// - Returns: with it the company's login and the round's name.
  public static func withOneBidder(credit: String) throws -> (market: TestMarket, login: String, round: String) {
    let market = try TestMarket()
    try market.addPool()
    return (market, try market.addCompany("acme", credit: credit), try market.openRound())
  }

  /// The migrations of this checkout.
  public static var sqlFolder: String {
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "sql").path
  }

  /// The connection string of a role; nil for the superuser.
  public func conninfo(_ role: String?) -> String { server.conninfo(user: role, database: database) }

  /// A connection as a role; nil for the superuser.
  public func connect(_ role: String?) throws -> Connection { try Connection(conninfo: conninfo(role)) }

  /// As the role that opens rounds and adds companies.
  public func asOperator() throws -> Connection { try connect("market_operator") }
  /// As the role that closes gates and publishes.
  public func asClearing() throws -> Connection { try connect("market_clearing") }
  /// As the role that reads awards and writes the books.
  public func asFinance() throws -> Connection { try connect("market_finance") }
  /// As the role that reads everything once it is published.
  public func asAuditor() throws -> Connection { try connect("market_auditor") }

  /// Adds a pool with round numbers.
  public func addPool(_ name: String = "h100", gpus: Int = 64, lot: Int = 8, reserve: String = "1.00") throws {
    var connection = try asOperator()
    try Pools.add(&connection, name: name, capacityGPUs: gpus, lotGPUs: lot, reserve: Price(dollarsPerGPUHour: reserve))
  }

  /// Adds a company; returns its login role.
  public func addCompany(_ name: String, credit: String = "1000000") throws -> String {
    var connection = try asOperator()
    return try Companies.add(&connection, name: name, credit: Money(dollars: credit)).login
  }

  /// A day far from now, so that no test runs into a gate by chance.
  public static let delivery = "2036-12-01T00:00Z/P1D"

  /// Opens a round of one day; returns its name.
  public func openRound(
    _ name: String? = nil, delivery: String = TestMarket.delivery, pricing: String = "vcg", pools: [String]? = nil
  ) throws -> String {
    var connection = try asOperator()
    let period = try TimeRange(iso8601: delivery)
    return try Rounds.open(
      &connection, name: name, delivery: period, gate: period.start - TimeSpan(hours: 12), pricing: pricing,
      effort: "20", pools: pools)
  }

  /// A block bid in the first hours of the usual day.
  public static func block(
    pool: String = "h100", gpus: Int = 8, minimum: Int? = nil, slots: Int = 2, window: String = TestMarket.delivery,
    limit: String = "2.00"
  ) throws -> Bid {
    .block([
      BlockAlternative(
        pool: pool, gpus: gpus, minimumGPUs: minimum, slots: slots, window: try TimeRange(iso8601: window),
        limit: try Price(dollarsPerGPUHour: limit))
    ])
  }

  /// Places a bid as a company's login.
  @discardableResult
  public func place(
    _ bid: Bid, as login: String, in round: String, parent: String? = nil, key: String = newIdempotencyKey()
  ) throws -> Receipt {
    var connection = try connect(login)
    return try OrderBook.place(bid, in: round, parent: parent, key: key, &connection)
  }

  /// Closes the gate at once.
  public func close(_ round: String) throws {
    var connection = try asOperator()
    _ = try Rounds.close(round, &connection)
  }
}
