import Foundation
import Glibc
import Market
import Postgres
import TestSupport
import Testing
import Units

/// A server whose clock a test sets.
private struct ServerClock {
  private static let library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
  static var canBeSet: ConditionTrait {
    .enabled(if: access(library, R_OK) == 0, "libfaketime is not installed (apt-get install faketime)")
  }

  let server: TestServer
  private let offset = "/tmp/gpumarket-clock-\(getpid())-\(UInt32.random(in: 0 ... .max))"

  init() throws {
    try Self.sweep()
    server = try TestServer.durable(environment: [
      "LD_PRELOAD": Self.library, "FAKETIME_TIMESTAMP_FILE": offset, "FAKETIME_NO_CACHE": "1",
      "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    ])
    try set("+0")
  }

  /// - Parameter text: seconds from the machine's own clock, with a sign.
  func set(_ text: String) throws {
    // The server reads it at every look at its clock, and a process that may not read it ends: it is readable before it is there.
    let next = offset + ".next"
    try (text + "\n").write(toFile: next, atomically: false, encoding: .utf8)
    chmod(next, 0o644)
    guard rename(next, offset) == 0 else { throw POSIXError(.EIO) }
  }

  func remove() {
    unlink(offset)
    #expect(throws: Never.self) { try Self.sweep() }
  }

  /// Removes what libfaketime keeps in shared memory for processes that are gone: a later process of the same number, but of
  /// another user, could not start.
  private static func sweep() throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: "/dev/shm") {
      guard name.hasPrefix("sem.faketime_sem_") || name.hasPrefix("faketime_shm_"),
        let owner = name.split(separator: "_").last.flatMap({ Int32($0) }), kill(owner, 0) != 0, errno == ESRCH
      else { continue }
      unlink("/dev/shm/" + name)
    }
  }
}

@Suite("Faults of the host", .serialized)
struct HostFaultTests {
  /// Closing is a stored state: a clock that goes back an hour opens no gate.
  @Test(ServerClock.canBeSet) func aClockSetBackOpensNoGate() throws {
    let clock = try ServerClock()
    defer { clock.remove() }
    let faults = try FaultMarket(on: clock.server)
    let receipts = try faults.bidIn("clock", bids: 6)
    try faults.closeAtGate("clock")
    var connection = try faults.market.asOperator()
    let before = try Rounds.serverTime(&connection)
    try clock.set("-3600")
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

  /// The clearing host's clock is two hours behind, and the gate of an encrypted round has passed by the database's: nobody
  /// is left to wait without knowing.
  @Test(ServerClock.canBeSet) func aHostWhoseClockIsBehindFails() throws {
    let clock = try ServerClock()
    defer { clock.remove() }
    let faults = try FaultMarket(on: clock.server)
    try faults.open("behind", gateAfter: 3600, encrypted: true)
    for number in 0..<2 { try faults.place(TestMarket.block(), by: number, in: "behind") }
    try clock.set("+7200")
    let run = try faults.tool().run(["clear", "--due"] + faults.clearing)
    #expect(run.status == 3 && run.error.contains("error: round behind: the gate that was announced"), "\(run)")
    #expect(run.error.contains("the two clocks differ") && !run.error.contains("waits"), "\(run.error)")
    #expect(try faults.state("behind") == .closed)
    var owner = try faults.market.connect(nil)
    #expect(try owner.query("SELECT FROM market.opened").isEmpty)
  }

  /// A full disk is an error, never a false receipt; with space again everything goes on.
  @Test func aFullDiskGivesNoFalseReceipt() throws {
    guard let disk = SmallDisk("full", megabytes: 140) else { return }
    defer { disk.remove() }
    let host = try HostMarket(home: disk.folder + "/home")
    defer { host.stop() }
    var receipts: [Receipt] = []
    for turn in 0..<faultRounds {
      disk.fill(butFor: 400_000)
      var failure: PostgresError?
      var number = 0
      // Large bids, so that the disk is full soon.
      guard case .block(let one) = try TestMarket.block(slots: 20) else { return }
      let large = Bid.block(Array(repeating: one[0], count: 60))
      while failure == nil, number < 4000 {
        number += 1
        failure = refusal { receipts.append(try host.place(large, key: "\(turn)-\(number)")) }
      }
      #expect(failure != nil, "\(number) bids went in")
      #expect(failure?.sqlState == "53100" || failure?.kind == .unavailable, "\(String(describing: failure))")
      disk.empty()
      try host.server.start()
      receipts.append(try host.place(TestMarket.block(slots: 20), key: "after-\(turn)"))
    }
    try host.check(receipts)
    FaultCounts.add("bids acknowledged around a full disk", receipts.count)
  }

  /// Where the log cannot be written the server stops: nothing is acknowledged that was not, and with space again it
  /// recovers, and the same key gives one row.
  @Test func aFullLogDiskStopsTheServerAndLosesNothing() throws {
    guard let disk = SmallDisk("wal", megabytes: 96) else { return }
    defer { disk.remove() }
    let place = try TestFolder()
    let host = try HostMarket(home: place.path + "/home")
    defer { host.stop() }
    try host.server.stop()
    let log = host.server.home + "/data/pg_wal"
    #expect(
      ChildProcess.run(
        [
          "/bin/sh", "-c",
          "cp -a \"$1/.\" \"$2\" && chown --reference=\"$1\" \"$2\" && chmod 700 \"$2\" && rm -r \"$1\" "
            + "&& ln -s \"$2\" \"$1\"", "move", log, disk.folder,
        ], environment: ["PATH": "/usr/bin:/bin"], log: "/dev/null") == 0)
    try host.server.start()
    var receipts = [try host.place(TestMarket.block(), key: "before")]
    for turn in 0..<faultRounds {
      disk.fill(butFor: 8_000_000)
      var failure: PostgresError?
      var number = 0
      while failure == nil, number < 20 {
        number += 1
        failure = refusal { receipts.append(try host.place(TestMarket.block(), key: "\(turn)-\(number)")) }
        // A new segment each time; there is room for none.
        _ = refusal {
          var owner = try Connection(conninfo: host.server.conninfo())
          try owner.script("SELECT pg_switch_wal()")
        }
      }
      #expect(failure?.kind == .unavailable, "\(String(describing: failure))")
      var stopped = false
      for _ in 0..<600 where !stopped {
        if case .running = try host.server.status() { usleep(100_000) } else { stopped = true }
      }
      #expect(stopped, "a server that cannot write its log does not go on")
      disk.empty()
      try host.server.start()
      // It is unknown whether the last one went in: its key tells.
      receipts.append(try host.place(TestMarket.block(), key: "\(turn)-\(number)"))
      receipts.append(try host.place(TestMarket.block(), key: "\(turn)-after"))
    }
    try host.check(receipts)
    FaultCounts.add("bids acknowledged around a full log disk", receipts.count)
  }
}

/// A disk that is soon full; nothing where this process may not mount one.
private struct SmallDisk {
  let folder: String

  init?(_ name: String, megabytes: Int) {
    folder = "/tmp/gpumarket-\(name)-\(getpid())"
    mkdir(folder, 0o755)
    guard geteuid() == 0,
      ChildProcess.run(
        ["/usr/bin/mount", "-t", "tmpfs", "-o", "size=\(megabytes)m,mode=755", "tmpfs", folder], environment: [:],
        log: "/dev/null") == 0
    else {
      print("skipped: mounting a small disk needs root and the right to mount")
      rmdir(folder)
      return nil
    }
  }

  /// Leaves so many bytes free.
  func fill(butFor rest: Int) {
    var free = statvfs()
    guard statvfs(folder, &free) == 0 else { return }
    let bytes = Int(free.f_bavail) * Int(free.f_frsize) - rest
    _ = FileManager.default.createFile(atPath: folder + "/filler", contents: Data(count: max(0, bytes)))
  }

  func empty() { unlink(folder + "/filler") }

  func remove() {
    _ = ChildProcess.run(["/usr/bin/umount", "-l", folder], environment: [:], log: "/dev/null")
    rmdir(folder)
  }
}

/// A market with one company and one open round on a server of its own in a given place.
private struct HostMarket {
  let server: PrivateServer
  let login: String
  let round = "full"

  init(home: String) throws {
    server = try PrivateServer(home: home)
    try server.start()
    var owner = try Connection(conninfo: server.conninfo())
    _ = try Migrator(folder: TestMarket.sqlFolder).migrate(&owner, slotLength: .hour)
    var asOperator = try Connection(conninfo: server.conninfo(user: "market_operator"))
    try Pools.add(
      &asOperator, name: "h100", capacityGPUs: 256, lotGPUs: 8, reserve: Price(dollarsPerGPUHour: "1.00"))
    login = try Companies.add(&asOperator, name: "acme", credit: Money(dollars: "1000000000")).login
    let period = try TimeRange(iso8601: TestMarket.delivery)
    _ = try Rounds.open(
      &asOperator, name: round, delivery: period, gate: period.start, pricing: "vcg", effort: "20", pools: nil)
  }

  func stop() {
    do { try server.stop() } catch { Issue.record("\(error)") }
  }

  func place(_ bid: Bid, key: String) throws -> Receipt {
    var company = try Connection(conninfo: server.conninfo(user: login))
    return try OrderBook.place(bid, in: round, parent: nil, key: key, &company)
  }

  /// Every receipt and nothing else is in the book, and all that must hold does.
  func check(_ receipts: [Receipt]) throws {
    var auditor = try Connection(conninfo: server.conninfo(user: "market_auditor"))
    #expect(try AuditInvariants.problems(&auditor) == [])
    var owner = try Connection(conninfo: server.conninfo())
    let stored = try owner.query("SELECT encode(hash, 'hex') AS hash FROM market.entry").map {
      try $0.get("hash", as: String.self)
    }
    #expect(Set(stored) == Set(receipts.map(\.hash)) && stored.count == Set(stored).count)
  }
}
