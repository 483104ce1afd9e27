import Foundation
import Glibc
import Market
import Postgres
import Synchronization
import TestSupport
import Testing
import Units

/// A database is brought to a newer version while a round is open and companies bid.
@Suite("Upgrade", .serialized)
struct UpgradeTests {
  /// What the next version might do to the tables that every bid passes.
  static let next = """
    ALTER TABLE market.round ADD COLUMN note text;
    ALTER TABLE market.entry ADD COLUMN channel text;
    ALTER TABLE market.bid ADD COLUMN note text;
    """

  /// The checkout's `sql` with a table file, and functions that say something else, of a higher version.
  private func nextVersion() throws -> String {
    let folder = try TestFolder.make() + "/sql"
    try FileManager.default.copyItem(atPath: TestMarket.sqlFolder, toPath: folder)
    try Self.next.write(toFile: folder + "/tables/900_next.sql", atomically: true, encoding: .utf8)
    let show = folder + "/functions/access/show.sql"
    let text = try String(contentsOfFile: show, encoding: .utf8)
    try text.replacing("' USD'", with: "' dollars'").write(toFile: show, atomically: true, encoding: .utf8)
    try "1000\n".write(toFile: folder + "/version", atomically: true, encoding: .utf8)
    return folder
  }

  @Test func aRoundStaysOpenThroughIt() throws {
    let market = try TestMarket()
    try market.addPool(gpus: 256)
    let logins = try (0..<4).map { try market.addCompany("company-\($0)", credit: "1000000000") }
    let round = try market.openRound("open")

    // Four companies bid before, during and after; whoever is turned away tries the same key again.
    let acknowledged = Mutex<[Receipt]>([])
    let placed = Atomic(0)
    let stop = Atomic(false)
    let threads = logins.map { login in
      Thread {
        do {
          let own = try bid(as: login, in: round, market, placed) { stop.load(ordering: .relaxed) }
          acknowledged.withLock { $0 += own }
        } catch { Issue.record("\(error)") }
      }
    }
    for thread in threads { thread.start() }
    func wait(forBids count: Int) {
      let wanted = placed.load(ordering: .relaxed) + count
      while placed.load(ordering: .relaxed) < wanted, !threads.allSatisfy(\.isFinished) { usleep(5000) }
    }
    wait(forBids: 20)
    var owner = try market.connect(nil)
    // Slowly, so that bids meet every state that they could see.
    let applied = try Migrator(folder: nextVersion()).migrate(&owner, slotLength: nil) { _ in usleep(5_000) }
    #expect(applied == ["tables/900_next.sql", "functions"])
    wait(forBids: 20)
    stop.store(true, ordering: .relaxed)
    while !threads.allSatisfy(\.isFinished) { usleep(5000) }
    let receipts = acknowledged.withLock { $0 }
    #expect(receipts.count > 40)

    // Every bid is there; the round closes and clears.
    try market.close(round)
    let stored = try owner.query("SELECT encode(hash, 'hex') AS hash FROM market.entry").map {
      try $0.get("hash", as: String.self)
    }
    #expect(Set(stored) == Set(receipts.map(\.hash)) && stored.count == receipts.count)
    var job = ClearingJob()
    job.host = try StatementHost(home: TestFolder.make(), keyFile: nil, statements: nil)
    var clearing = try market.asClearing()
    #expect(try job.run(round, &clearing).ending == .published)
    var auditor = try market.asAuditor()
    #expect(try AuditInvariants.problems(&auditor) == [])
    #expect(VerifyRound(try VerifyBundle.load(round, &auditor)).findings().flatMap(\.problems) == [])
    FaultCounts.add("bids acknowledged around an upgrade", receipts.count)
  }

  private func bid(
    as login: String, in round: String, _ market: TestMarket, _ placed: borrowing Atomic<Int>, until done: () -> Bool
  ) throws -> [Receipt] {
    var receipts: [Receipt] = []
    var connection = try market.connect(login)
    var number = 0
    var failures = 0
    while !done() {
      let bid = try TestMarket.block(gpus: 8 * (1 + number % 4))
      let error = refusal {
        receipts.append(try OrderBook.place(bid, in: round, parent: nil, key: "\(login)-\(number)", &connection))
      }
      if let error {
        failures += 1
        // A deadlock with the migration is broken by the server; anything else would be a fault.
        #expect(error.sqlState == "40P01" && failures < 20, "\(error)")
        if failures >= 20 { break }
        continue
      }
      number += 1
      usleep(10_000)  // else there are more bids than a moment clears
      placed.add(1, ordering: .relaxed)
    }
    return receipts
  }
}
