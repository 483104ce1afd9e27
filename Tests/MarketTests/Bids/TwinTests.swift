import Foundation
import Glibc
import Market
import Postgres
import Synchronization
import TestSupport
import Testing

/// A request and its twin under way at once: the second waits for the first, and gets the same receipt, whatever the rules
/// have become meanwhile.
@Suite("Twins")
struct TwinTests {
  let market: TestMarket
  let login: String
  let round: String

  init() throws { (market, login, round) = try TestMarket.withOneBidder(credit: "1000000") }

  @Test func aCapLoweredMeanwhileDoesNotTurnTheTwinAway() throws {
    let body = try TestMarket.block(gpus: 32).body
    try twins("SELECT market.place_bid(\(round), 'k', \(body))::text AS receipt") {
      var asOperator = try market.asOperator()
      try Companies.setCap(&asOperator, company: "acme", pool: "h100", gpus: 8)
    }
    let other = refusal { try market.place(TestMarket.block(gpus: 32), as: login, in: round) }
    #expect(other?.message.contains("your cap is 8 GPUs") == true, "the cap holds for whoever asks anew")
  }

  @Test func anOutageMeanwhileDoesNotTurnTheTwinAway() throws {
    let body = try TestMarket.block(gpus: 64).body
    try twins("SELECT market.place_bids(\(round), '{k1,k2}', ARRAY[\(body), \(body)], '{NULL,NULL}')::text AS receipt")
    {
      // As the owner, since the operator's way waits for the first of the twins.
      var owner = try market.connect(nil)
      try owner.script("UPDATE market.round_pool SET capacity_gpus = array_fill(8, ARRAY[24]), most_gpus = 8")
    }
  }

  @Test func aWithdrawalAndItsTwin() throws {
    let placed = try market.place(TestMarket.block(), as: login, in: round)
    try market.place(TestMarket.block(), as: login, in: round, parent: placed.bid)
    try twins("SELECT market.withdraw_bid(\(round), \(placed.bid), 'w')::text AS receipt") {}
  }

  /// Sends a request twice over two connections; the second while the first is not committed, and `meanwhile` while the second
  /// waits.
  private func twins(_ request: SQL, meanwhile: () throws -> Void) throws {
    var first = try market.connect(login)
    var watcher = try market.connect(nil)
    let waiting = Atomic(0)
    let answer = Mutex<Result<String, any Error>?>(nil)
    let receipt: String = try first.transaction { first in
      let receipt: String = try first.query(request).one().get("receipt")
      Thread {
        let result = Result {
          var second = try market.connect(login)
          waiting.store(second.backendProcess, ordering: .relaxed)
          return try second.query(request).one().get("receipt", as: String.self)
        }
        answer.withLock { $0 = result }
      }.start()
      var waits = false
      for _ in 0..<2000 where !waits {
        usleep(5000)
        waits =
          try watcher.query(
            "SELECT FROM pg_stat_activity WHERE pid = \(waiting.load(ordering: .relaxed)) AND wait_event_type = 'Lock'"
          ).first != nil
      }
      #expect(waits, "the second waits for the first")
      try meanwhile()
      return receipt
    }
    var came: Result<String, any Error>?
    for _ in 0..<2000 where came == nil {
      usleep(5000)
      came = answer.withLock { $0 }
    }
    #expect(try came?.get() == receipt)
    var auditor = try market.asAuditor()
    #expect(try AuditInvariants.problems(&auditor) == [])
  }
}
