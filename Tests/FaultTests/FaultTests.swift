import Foundation
import Glibc
import Market
import Postgres
import Synchronization
import TestSupport
import Testing
import Units

@Suite("Faults", .serialized)
struct FaultTests {
  /// One round is killed at every step in turn: each run goes on where the dead one left it.
  @Test(arguments: [false, true])
  func killedAtEveryStep(_ isEncrypted: Bool) throws {
    for turn in 0..<faultRounds {
      let faults = try FaultMarket()
      let receipts = try faults.bidIn("r\(turn)", bids: 12, encrypted: isEncrypted)
      var reference: String?
      for step in ClearingJob.Step.allCases {
        let killed = try faults.clear("r\(turn)", ["GPUMARKET_CRASH_AT": step.rawValue])
        if try faults.state("r\(turn)") != .published || step == .done {
          #expect(killed.status == -SIGKILL, "not killed at \(step): \(killed.error)")
        }
        try faults.check(receipts)
        // An encrypted book can be read once its boxes are open.
        if step == .load { reference = try faults.dryDigest("r\(turn)") }
        FaultCounts.add(isEncrypted ? "encrypted clearings killed at a step" : "clearings killed at a step")
      }
      let last = try faults.clear("r\(turn)")
      #expect(last.status == 0, "\(last.error)")
      #expect(try faults.state("r\(turn)") == .published)
      #expect(reference != nil)
      #expect(try faults.digest("r\(turn)") == reference)
      try faults.check(receipts)
      try faults.verify("r\(turn)")
    }
  }

  @Test func killedAtAnyMoment() throws {
    let faults = try FaultMarket()
    var random = SeededGenerator(77)
    for turn in 0..<3 * faultRounds {
      // Every second round is an encrypted one.
      let receipts = try faults.bidIn("m\(turn)", bids: 8, encrypted: turn % 2 == 1)
      for _ in 0..<3 {
        let run = try faults.tool().start(["clear", "--round", "m\(turn)"] + faults.clearing)
        usleep(UInt32.random(in: 1_000...150_000, using: &random))
        kill(run.process.processIdentifier, SIGKILL)
        _ = try run.finish()
        FaultCounts.add("clearings killed at a random moment")
      }
      #expect(try faults.clear("m\(turn)").status == 0)
      #expect(try faults.state("m\(turn)") == .published)
      try faults.check(receipts)
      try faults.verify("m\(turn)")
    }
  }

  @Test func twoAtOncePublishOnce() throws {
    let faults = try FaultMarket()
    for turn in 0..<2 * faultRounds {
      let receipts = try faults.bidIn("two\(turn)", bids: 10)
      let runs = try (0..<3).map { _ in
        try faults.tool().start(["clear", "--round", "two\(turn)", "--json"] + faults.clearing)
      }
      let results = try runs.map { try $0.finish() }
      for result in results { #expect(result.status == 0, "\(result.error)") }
      #expect(results.filter { $0.output.contains("\"outcome\": \"published\"") }.count == 1)
      #expect(results.filter { $0.output.contains("already published") }.count == 2)
      try faults.check(receipts)
      FaultCounts.add("rounds cleared by three at once")
    }
  }

  @Test func theServerRestartsOrABackendDies() throws {
    let server = try TestServer.durable()
    let faults = try FaultMarket(on: server)
    for turn in 0..<faultRounds {
      for fault in ["backend", "restart", "crash"] {
        let round = "\(fault)\(turn)"
        let receipts = try faults.bidIn(round, bids: 10, effort: "3000")
        let run = try faults.tool().start(["clear", "--round", round] + faults.clearing)
        usleep(400_000)
        switch fault {
        case "backend":
          var owner = try faults.market.connect(nil)
          _ = try owner.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'market_clearing'")
        case "restart":
          try server.server.stop()
          try server.server.start()
        default:
          try killAndRestart(server.server)
        }
        let result = try run.finish()
        #expect([0, 4].contains(result.status), "\(result.error)")
        try faults.check(receipts)
        #expect(try faults.clear(round).status == 0)
        #expect(try faults.state(round) == .published)
        try faults.check(receipts)
        FaultCounts.add("clearings through a \(fault)")
      }
    }
  }

  /// A killed server is dead some moments later, and its children may hold its memory for a while.
  private func killAndRestart(_ server: PrivateServer) throws {
    if case .running(let process, _) = try server.status() {
      kill(process, SIGKILL)
      for _ in 0..<600 where kill(process, 0) == 0 { usleep(50_000) }
    }
    for _ in 0..<100 {
      do { return try server.start() } catch { usleep(200_000) }
    }
    try server.start()
  }

  @Test func bidsRacingTheGate() throws {
    let faults = try FaultMarket(companies: 8)
    for turn in 0..<faultRounds {
      try faults.open("race\(turn)", gateAfter: 3600)
      let acknowledged = Mutex<[Receipt]>([])
      let round = "race\(turn)"
      let threads = faults.logins.map { login in
        Thread {
          do {
            let own = try faults.bidUntilRefused(login, in: round)
            acknowledged.withLock { $0 += own }
          } catch { Issue.record("\(error)") }
        }
      }
      for thread in threads { thread.start() }
      var watcher = try faults.market.connect(nil)
      var count = 0
      while count < 100, !threads.allSatisfy(\.isFinished) {
        usleep(20_000)
        count = try watcher.query(
          "SELECT count(*) AS n FROM market.entry JOIN market.round r USING (round_id) WHERE r.name = \(round)"
        ).one().get("n")
      }
      try faults.bringGate(round, inSeconds: 0.5)
      // The clearing job comes at the gate, while bids still arrive.
      try faults.closeAtGate(round)
      while !threads.allSatisfy(\.isFinished) { usleep(20_000) }
      let receipts = acknowledged.withLock { $0 }
      var owner = try faults.market.connect(nil)
      let book = try owner.query(
        """
        SELECT encode(e.hash, 'hex') AS hash FROM market.seal s JOIN market.entry e USING (entry_id)
        JOIN market.round r ON r.round_id = s.round_id WHERE r.name = \(round)
        """
      ).map { try $0.get("hash", as: String.self) }
      #expect(Set(book) == Set(receipts.map(\.hash)))
      #expect(receipts.count > 50)
      try faults.check(receipts)
      FaultCounts.add("bids acknowledged while racing the gate", receipts.count)
    }
  }

  @Test func unsafeSettingsAreRefused() throws {
    let server = try TestServer.durable()
    let faults = try FaultMarket(on: server)
    let receipts = try faults.bidIn("unsafe", bids: 4)
    var owner = try Connection(conninfo: server.conninfo())
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
      try owner.script("ALTER SYSTEM SET \(setting) = off")
      try owner.script("SELECT pg_reload_conf()")
      try wait(for: setting, "off", server)
      let result = try faults.clear("unsafe")
      #expect(result.status == 2 && result.error.contains("\(setting) = off"), "\(result.error)")
      try owner.script("ALTER SYSTEM RESET \(setting)")
      try owner.script("SELECT pg_reload_conf()")
      try wait(for: setting, "on", server)
      #expect(try faults.state("unsafe") == .open)
    }
    #expect(try faults.clear("unsafe").status == 0)
    try faults.check(receipts)
    FaultCounts.add("unsafe settings refused", 3)
  }

  /// A reload is told to the server, and done a while later.
  private func wait(for setting: String, _ value: String, _ server: TestServer) throws {
    for _ in 0..<600 {
      var fresh = try Connection(conninfo: server.conninfo())
      if try fresh.query("SELECT current_setting(\(setting)) AS value").one().get("value") == value { return }
      usleep(50_000)
    }
    Issue.record("\(setting) did not become \(value)")
  }

  /// The order of rows on disk is nothing that a clearing sees.
  @Test func rowsInAnyOrderGiveTheSameDigest() throws {
    let faults = try FaultMarket()
    let receipts = try faults.bidIn("order", bids: 20)
    try faults.market.close("order")
    let first = try faults.dryDigest("order")
    var owner = try faults.market.connect(nil)
    for rewrite in [
      "CLUSTER market.entry USING entry_company_id_key_key", "CLUSTER market.bid USING bid_pkey",
      "VACUUM FULL market.seal",
      "ANALYZE market.entry",
    ] {
      try owner.script(rewrite)
      #expect(try faults.dryDigest("order") == first)
    }
    #expect(first != nil)
    #expect(try faults.clear("order").status == 0)
    #expect(try faults.digest("order") == first)
    try faults.check(receipts)
  }

  @Test func aKilledExportLeavesNoHalfFile() throws {
    let faults = try FaultMarket()
    _ = try faults.bidIn("export", bids: 20)
    #expect(try faults.clear("export").status == 0)
    let file = faults.home + "/bundle.json"
    let arguments = [
      "verify", "export", "--round", "export", file, "--database", faults.market.conninfo("market_auditor"),
    ]
    #expect(try faults.tool().run(arguments).status == 0)
    let whole = try Data(contentsOf: URL(filePath: file))
    var random = SeededGenerator(5)
    for _ in 0..<10 * faultRounds {
      try FileManager.default.removeItem(atPath: file)
      let run = try faults.tool().start(arguments)
      usleep(UInt32.random(in: 5_000...120_000, using: &random))
      kill(run.process.processIdentifier, SIGKILL)
      _ = try run.finish()
      if FileManager.default.fileExists(atPath: file) {
        #expect(try Data(contentsOf: URL(filePath: file)) == whole)
      }
      #expect(try faults.tool().run(arguments).status == 0)
      #expect(try Data(contentsOf: URL(filePath: file)) == whole)
      FaultCounts.add("exports killed")
    }
    let verified = try faults.tool().run(["verify", "--offline", file])
    #expect(verified.status == 0 && verified.output.hasSuffix("pass\n"), "\(verified.output)\(verified.error)")
  }
}
