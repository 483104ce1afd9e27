import Foundation
import Glibc
import Market
import Postgres
import TestSupport
import Testing
import Units

@Suite("Faults of the host", .serialized)
struct HostFaultTests {
  static let fakeClock = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"

  /// Closing is a stored state: a clock that goes back an hour opens no gate.
  @Test func aClockSetBackOpensNoGate() throws {
    guard access(Self.fakeClock, R_OK) == 0 else {
      print("skipped: libfaketime is not installed (apt-get install faketime)")
      return
    }
    let offset = "/tmp/gpumarket-clock-\(getpid())"
    func setClock(_ text: String) throws {
      try (text + "\n").write(toFile: offset, atomically: true, encoding: .utf8)
      chmod(offset, 0o644)
    }
    try setClock("+0")
    defer { unlink(offset) }
    let server = try TestServer.durable(environment: [
      "LD_PRELOAD": Self.fakeClock, "FAKETIME_TIMESTAMP_FILE": offset, "FAKETIME_NO_CACHE": "1",
      "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    ])
    let faults = try FaultMarket(on: server)
    let receipts = try faults.bidIn("clock", bids: 6)
    try faults.closeAtGate("clock")
    var connection = try faults.market.asOperator()
    let before = try Rounds.serverTime(&connection)
    try setClock("-3600")
    usleep(100_000)
    let after = try Rounds.serverTime(&connection)
    #expect(after < before, "the server's clock went back")
    for login in faults.logins {
      let error = refusal { try faults.market.place(TestMarket.block(), as: login, in: "clock") }
      #expect(error?.sqlState == "GM409")
      var company = try faults.market.connect(login)
      for own in try OrderBook.mine(round: "clock", &company) {
        #expect(refusal { _ = try OrderBook.withdraw(own.id, in: "clock", key: newIdempotencyKey(), &company) } != nil)
      }
    }
    #expect(try faults.state("clock") == .closed)
    let run = try faults.clear("clock")
    #expect(run.status == 0, "\(run.error)")
    #expect(try faults.state("clock") == .published)
    try faults.check(receipts)
    FaultCounts.add("gates that stayed closed with the clock set back", faults.logins.count)
  }

  /// A full disk is an error, never a false receipt; with space again everything goes on.
  @Test func aFullDiskGivesNoFalseReceipt() throws {
    let folder = "/tmp/gpumarket-full-\(getpid())"
    mkdir(folder, 0o755)
    defer { rmdir(folder) }
    guard geteuid() == 0,
      ChildProcess.run(
        ["/usr/bin/mount", "-t", "tmpfs", "-o", "size=140m,mode=755", "tmpfs", folder], environment: [:],
        log: "/dev/null") == 0
    else {
      print("skipped: mounting a small disk needs root and the right to mount")
      return
    }
    let server = try PrivateServer(home: folder + "/home")
    defer {
      do { try server.stop() } catch { Issue.record("\(error)") }
      _ = ChildProcess.run(["/usr/bin/umount", "-l", folder], environment: [:], log: "/dev/null")
    }
    try server.start()
    var owner = try Connection(conninfo: server.conninfo())
    _ = try Migrator(folder: TestMarket.sqlFolder).migrate(&owner, slotLength: .hour)
    var asOperator = try Connection(conninfo: server.conninfo(user: "market_operator"))
    try Pools.add(
      &asOperator, name: "h100", capacityGPUs: 256, lotGPUs: 8, reserve: Price(dollarsPerGPUHour: "1.00"))
    let login = try Companies.add(&asOperator, name: "acme", credit: Money(dollars: "1000000000")).login
    let period = try TimeRange(iso8601: TestMarket.delivery)
    let round = try Rounds.open(
      &asOperator, name: "full", delivery: period, gate: period.start, pricing: "vcg", effort: "20", pools: nil)

    var receipts: [Receipt] = []
    for turn in 0..<faultRounds {
      try fill(folder)
      var failure: PostgresError?
      var number = 0
      // Large bids, so that the disk is full soon.
      let choice = try TestMarket.block(slots: 20)
      guard case .block(let one) = choice else { return }
      let large = Bid.block(Array(repeating: one[0], count: 60))
      while failure == nil, number < 4000 {
        number += 1
        failure = refusal {
          var company = try Connection(conninfo: server.conninfo(user: login))
          receipts.append(
            try OrderBook.place(large, in: round, parent: nil, key: "\(turn)-\(number)", &company))
        }
      }
      #expect(failure != nil, "\(number) bids went in")
      #expect(failure?.sqlState == "53100" || failure?.kind == .unavailable, "\(String(describing: failure))")
      unlink(folder + "/filler")
      try server.start()
      var company = try Connection(conninfo: server.conninfo(user: login))
      receipts.append(try OrderBook.place(choice, in: round, parent: nil, key: "after-\(turn)", &company))
    }
    var auditor = try Connection(conninfo: server.conninfo(user: "market_auditor"))
    #expect(try AuditInvariants.problems(&auditor) == [])
    var checker = try Connection(conninfo: server.conninfo())
    let stored = Set(
      try checker.query("SELECT encode(hash, 'hex') AS hash FROM market.entry").map {
        try $0.get("hash", as: String.self)
      })
    #expect(stored == Set(receipts.map(\.hash)), "every receipt and nothing else is in the book")
    FaultCounts.add("bids acknowledged around a full disk", receipts.count)
  }

  /// Leaves a few hundred kilobytes free.
  private func fill(_ folder: String) throws {
    var free = statvfs()
    guard statvfs(folder, &free) == 0 else { return }
    let bytes = Int(free.f_bavail) * Int(free.f_frsize) - 400_000
    _ = FileManager.default.createFile(atPath: folder + "/filler", contents: Data(count: max(0, bytes)))
  }
}
