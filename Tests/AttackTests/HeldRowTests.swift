import Foundation
import Glibc
import Market
import Postgres
import Synchronization
import TestSupport
import Testing
import Units

/// A company that keeps a transaction open holds rows that the operator's acts need; they are done all the same.
@Suite("Rows that a company holds")
struct HeldRowTests {
  /// Half a minute is when the acts give up.
  static let bound: TimeInterval = 20

  @Test(arguments: [true, false])
  func anOwnAlterRoleLeftOpenDelaysNoRevocation(_ isRotation: Bool) throws {
    let (market, login, _) = try TestMarket.withOneBidder(credit: "1000000")
    var held = try Self.holding(market, login)
    try held.script("BEGIN; ALTER ROLE CURRENT_USER PASSWORD 'x'")
    var asOperator = try market.asOperator()
    try asOperator.script("SET statement_timeout = '60s'")
    let began = Date()
    if isRotation {
      #expect(try Companies.rotate(&asOperator, company: "acme").login == login)
    } else {
      try Companies.revoke(&asOperator, company: "acme", reason: "left the fund")
    }
    #expect(Date().timeIntervalSince(began) < Self.bound)
    #expect(throws: PostgresError.self) { try held.script("COMMIT") }
    var owner = try market.connect(nil)
    let stored = try owner.query("SELECT rolpassword, rolcanlogin FROM pg_authid WHERE rolname = \(login)").one()
    #expect(try stored.get("rolcanlogin", as: Bool.self) == isRotation)
    #expect(try stored.optional("rolpassword", as: String.self)?.hasPrefix("SCRAM") == (isRotation ? true : nil))
    var auditor = try market.asAuditor()
    let acts = try AuditLine.read(since: nil, most: 1000, &auditor).map(\.act)
    #expect(acts.contains("end sessions") && acts.contains(isRotation ? "rotate credential" : "revoke company"))
  }

  /// Several sessions in a row for the same row: whoever waits behind the first gets it when the first is ended.
  @Test func sessionsThatQueueForTheRowAreEndedToo() throws {
    let (market, login, _) = try TestMarket.withOneBidder(credit: "1000000")
    var held = try Self.holding(market, login)
    try held.script("BEGIN; ALTER ROLE CURRENT_USER PASSWORD 'x'")
    let waiting = (0..<3).map { _ in
      Thread {
        do {
          var other = try Self.holding(market, login)
          try other.script("BEGIN; ALTER ROLE CURRENT_USER PASSWORD 'y'; SELECT pg_sleep(60)")
        } catch {}  // it is ended, waiting or asleep
      }
    }
    for thread in waiting { thread.start() }
    usleep(500_000)
    var asOperator = try market.asOperator()
    let began = Date()
    try Companies.revoke(&asOperator, company: "acme", reason: "left the fund")
    #expect(Date().timeIntervalSince(began) < Self.bound)
    while !waiting.allSatisfy(\.isFinished) { usleep(20_000) }
    #expect(throws: PostgresError.self) { _ = try market.connect(login) }
  }

  @Test(arguments: ["credit", "quota", "revoke"])
  func aBidLeftOpenDelaysNoActForLong(_ act: String) throws {
    let (market, login, round) = try TestMarket.withOneBidder(credit: "1000000")
    var held = try Self.holding(market, login)
    try held.script("BEGIN")
    _ = try OrderBook.place(TestMarket.block(), in: round, parent: nil, key: "held", &held)
    var asOperator = try market.asOperator()
    let began = Date()
    switch act {
    case "credit": try Companies.setCredit(&asOperator, company: "acme", to: Money(dollars: "500000"))
    case "quota": try Companies.setQuota(&asOperator, company: "acme", entries: 9)
    default: try Companies.revoke(&asOperator, company: "acme", reason: "left the fund")
    }
    #expect(Date().timeIntervalSince(began) < Self.bound)
    #expect(throws: PostgresError.self) { try held.script("COMMIT") }
    var owner = try market.connect(nil)
    #expect(try owner.query("SELECT FROM market.entry").isEmpty)
  }

  /// No session holds the round for long; but one of them always does, and who shares a row passes who waits for it alone.
  @Test func sessionsThatTakeTurnsDelayNoCancellationForLong() throws {
    let (market, login, round) = try TestMarket.withOneBidder(credit: "1000000")
    let rival = try market.addCompany("rival", credit: "1000000")
    let stop = Atomic(false)
    let threads = [login, rival, login, rival].enumerated().map { number, login in
      Thread {
        while !stop.load(ordering: .relaxed) {
          do {
            var held = try Self.holding(market, login)
            usleep(UInt32(number) * 60_000)
            while !stop.load(ordering: .relaxed) {
              try held.script("BEGIN")
              _ = try OrderBook.place(TestMarket.block(), in: round, parent: nil, key: newIdempotencyKey(), &held)
              usleep(250_000)
              try held.script("ROLLBACK")
            }
          } catch { usleep(20_000) }  // it was ended, or the round is no more
        }
      }
    }
    for thread in threads { thread.start() }
    usleep(800_000)
    var asOperator = try market.asOperator()
    let began = Date()
    let answer = Result { try Rounds.cancel(round, reason: "test", &asOperator) }
    let seconds = Date().timeIntervalSince(began)
    stop.store(true, ordering: .relaxed)
    while !threads.allSatisfy(\.isFinished) { usleep(20_000) }
    #expect(try answer.get() == "cancelled")
    #expect(seconds < Self.bound)
  }

  /// Other tests' timeouts do not help the operator here.
  private static func holding(_ market: TestMarket, _ login: String) throws -> Connection {
    var connection = try market.connect(login)
    try connection.script("SET idle_in_transaction_session_timeout = 0")
    return connection
  }
}
