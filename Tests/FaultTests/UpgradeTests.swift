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
  /// What an older version lacked, and what the next one might do to the tables that every bid passes.
  static let lacking = [
    "024_invariants.sql", "026_award_checks.sql", "028_bounds.sql", "033_award_key.sql", "034_market_rules.sql",
    "035_caps_salt.sql", "046_ledger_check.sql", "047_export_log.sql", "050_settlement_rules.sql",
  ]
  /// Files of functions as they were before 028: what is replaced in them, where 006 has the earlier door at its end. The new 006
  /// needs a column that 028 makes, so between the two no bid can be placed.
  static let changed = [
    "003_helpers.sql": [("' USD'", "' dollars'")],
    "004_pools_and_companies.sql": [("'give 0 to 10000000 GPUs'", "'give no negative cap'")],
    "006_bids.sql": [
      ("    max(x.bytes) FILTER (WHERE r.round_id = held.id) AS bytes,\n", ""), ("t.choices, t.bytes, ", "t.choices, "),
      ("stands.bytes + octet_length(append_entry.body)", "octet_length(append_entry.body)"),
      ("exposure, choices, bytes)", "exposure, choices)"),
      ("new_choices, octet_length(append_entry.body));", "new_choices);"),
      (", bytes = t.bytes + octet_length(append_entry.body)", ""),
    ],
  ]
  static let next = """
    ALTER TABLE market.round ADD COLUMN note text;
    ALTER TABLE market.entry ADD COLUMN channel text;
    ALTER TABLE market.bid ADD COLUMN note text;
    CREATE OR REPLACE FUNCTION market.place_bid(round_name text, key text, body text, parent text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      RETURN market.append_entry(round_name, NULL, 'place', parent, key, body);
    END
    $$;
    """

  private func folder(without files: [String] = [], with next: String? = nil) throws -> String {
    let folder = try TestFolder.make() + "/sql"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    for name in try FileManager.default.contentsOfDirectory(atPath: TestMarket.sqlFolder)
    where name.hasSuffix(".sql") && !files.contains(name) {
      try FileManager.default.copyItem(atPath: TestMarket.sqlFolder + "/" + name, toPath: folder + "/" + name)
    }
    if !files.isEmpty {
      for (name, edits) in Self.changed {
        var text = try String(contentsOfFile: folder + "/" + name, encoding: .utf8)
        text.replace(/^-- Revision [0-9]+\./, with: "-- Revision 0.")
        if name == "006_bids.sql" { text += "\n" + EarlierDoor.receiptAndAppendEntry }
        for (now, before) in edits {
          #expect(text.contains(now), "\(name) has no \(now)")
          text.replace(now, with: before)
        }
        try text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
      }
    }
    try next?.write(toFile: folder + "/900_next.sql", atomically: true, encoding: .utf8)
    return folder
  }

  @Test func aRoundStaysOpenThroughIt() throws {
    let (old, new) = (try folder(without: Self.lacking), try folder(with: Self.next))
    let market = try TestMarket(migrations: old)
    try market.addPool(gpus: 256)
    let logins = try (0..<4).map { try market.addCompany("company-\($0)", credit: "1000000000") }
    let round = try market.openRound("open")
    var receipts = [try market.place(TestMarket.block(), as: logins[0], in: round)]

    // Four companies bid before, during and after; whoever is turned away tries the same key again.
    let acknowledged = Mutex<[[Receipt]]>([])
    let placed = Atomic(0)
    let stop = Atomic(false)
    let threads = logins.map { login in
      Thread {
        do {
          let own = try bid(as: login, in: round, market, placed) { stop.load(ordering: .relaxed) }
          acknowledged.withLock { $0.append(own) }
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
    let functions = try functions(&owner)
    // Slowly, so that bids meet every state that they could see.
    let applied = try Migrator(folder: new).migrate(&owner, slotLength: nil) { _ in usleep(30_000) }
    wait(forBids: 20)
    stop.store(true, ordering: .relaxed)
    while !threads.allSatisfy(\.isFinished) { usleep(5000) }
    // What is dropped and made again is another function to a bid under way, which rarely happens just then.
    let dropped = Set(functions).subtracting(try self.functions(&owner))
    #expect(dropped.isEmpty, "a bid under way may be about to call \(dropped)")
    #expect(applied == (Self.lacking + Self.changed.keys).sorted() + ["900_next.sql"])
    receipts += acknowledged.withLock { $0.flatMap(\.self) }
    #expect(receipts.count > 40)

    // The older tool is turned away; the newer one finds every bid, seals and clears them.
    #expect(throws: Migrator.Problem.self) { _ = try Migrator(folder: old).status(&owner) }
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

  private func functions(_ connection: inout Connection) throws -> [String] {
    try connection.query(
      "SELECT oid || ' ' || proname AS f FROM pg_proc WHERE pronamespace IN ('market'::regnamespace, 'ledger'::regnamespace)"
    ).map { try $0.get("f") }
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
