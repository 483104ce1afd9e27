import Foundation
import Glibc
import Market
import Postgres
import Synchronization
import TestSupport
import Testing
import Units

/// A bid that waits in a circle, which the server breaks by undoing it (SQLSTATE 40P01).
extension LostReplyTests {
  /// It is sent again with its key, and done once; after three times its key is said, to go on by hand.
  @Test(arguments: [1, 3])
  func aDeadlocksVictimIsSentAgain(_ times: Int) throws {
    let faults = try FaultMarket(companies: 1)
    let login = faults.logins[0]
    try faults.open("circle", gateAfter: 3600)
    let first = try faults.place(TestMarket.block(), in: "circle")
    var holder = try faults.market.connect(nil)
    // Who waits longer than this looks for a circle, and is undone if it stands in one: that is always the bid.
    try holder.execute("ALTER ROLE \(identifier: login) SET deadlock_timeout = '100ms'")
    try holder.script(
      "SET deadlock_timeout = '1h'; SET idle_in_transaction_session_timeout = 0; SET application_name = 'holder'")
    // The bid's last row all the time, and its first one until it may go on.
    try holder.script("BEGIN")
    _ = try holder.query("SELECT FROM market.company_round FOR UPDATE")
    try holder.script("SAVEPOINT held")
    try Self.holdRound(&holder)

    let file = faults.home + "/receipt.json"
    let command = Self.bid + ["--round", "circle", "--database", faults.market.conninfo(login), "--receipt", file]
    let running = try faults.tool().start(command)
    for _ in 0..<times { try Self.undoBid(of: login, &holder, faults.market) }
    try holder.script("ROLLBACK")
    var run = try running.finish()
    #expect(
      run.error.ranges(of: "let another request go first; trying again with the same key").count == min(times, 2),
      "\(run.error)")
    if times == 3 {
      #expect(run.status == 3 && run.error.contains("other requests went first three times"), "\(run.error)")
      let key = try #require(run.error.firstMatch(of: /--key (k_[0-9a-f]+)/).map { String($0.1) })
      run = try faults.tool().run(command + ["--key", key])
    }
    #expect(run.status == 0, "\(run.error)")
    let receipt = try Receipt.read(Array(Data(contentsOf: URL(filePath: file))), source: file)[0]
    var company = try faults.market.connect(login)
    #expect(try OrderBook.mine(round: "circle", &company).map(\.hash) == [first.hash, receipt.hash])
    try faults.check([first, receipt])
    FaultCounts.add("bids undone in a deadlock", times)
  }

  /// Closes the circle around the bid that waits for the round's row; when it was undone, the holder has that row again, so
  /// that the next try waits there until it is let go on.
  private static func undoBid(of login: String, _ holder: inout Connection, _ market: TestMarket) throws {
    // A third session stops the bid on its way, at its company's row, until the holder waits for the bid.
    let isStopping = Atomic(false)
    let stopper = Thread {
      do {
        var connection = try market.connect(nil)
        try connection.script("SET idle_in_transaction_session_timeout = 0; SET application_name = 'stopper'")
        try connection.script("BEGIN")
        _ = try connection.query("SELECT FROM market.company WHERE login_role = \(login) FOR NO KEY UPDATE")
        isStopping.store(true, ordering: .sequentiallyConsistent)
        try Self.wait(
          market, for: "the holder",
          """
          SELECT FROM pg_stat_activity
          WHERE datname = current_database() AND application_name = 'holder' AND wait_event_type = 'Lock'
          """)
        try connection.script("ROLLBACK")
      } catch { Issue.record("\(error)") }
    }
    stopper.start()
    while !isStopping.load(ordering: .sequentiallyConsistent), !stopper.isFinished { usleep(1000) }
    try holder.script("ROLLBACK TO SAVEPOINT held")
    try Self.wait(
      market, for: "the bid",
      """
      SELECT FROM pg_stat_activity bid JOIN pg_stat_activity other ON other.pid = ANY (pg_blocking_pids(bid.pid))
      WHERE bid.usename = \(login) AND other.datname = current_database() AND other.application_name = 'stopper'
      """)
    try holdRound(&holder)
    while !stopper.isFinished { usleep(1000) }
  }

  /// Waits for the bid under way, if it has the row.
  private static func holdRound(_ holder: inout Connection) throws {
    _ = try holder.query("SELECT FROM market.round FOR UPDATE")
  }

  /// Asks until there is such a session; no sound run takes as long as it has patience.
  private static func wait(_ market: TestMarket, for whom: String, _ question: SQL) throws {
    var watcher = try market.connect(nil)
    for _ in 0..<6000 {
      if try !watcher.query(question).isEmpty { return }
      usleep(5000)
    }
    Issue.record("\(whom) does not wait")
  }
}
