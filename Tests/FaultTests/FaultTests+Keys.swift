import Foundation
import Glibc
import Postgres
import TestSupport
import Testing
import Units

@testable import Market

/// A key is on disk before anybody is told of it, whenever its host dies. What a power cut leaves of the disk no test sees.
extension FaultTests {
  /// Whatever was announced when the announcing process was killed opens what is sealed to it.
  @Test func killedWhileAnnouncing() throws {
    let faults = try FaultMarket(companies: 1)
    var random = SeededGenerator(78)
    var rounds: [String] = []
    for turn in 0..<5 * faultRounds {
      for name in ["a\(turn)", "b\(turn)"] {
        try faults.open(name, gateAfter: 3600, encrypted: true, announced: false)
        rounds.append(name)
      }
      let run = try faults.tool().start(["clear", "--due"] + faults.clearing)
      usleep(UInt32.random(in: 1_000...150_000, using: &random))
      kill(run.process.processIdentifier, SIGKILL)
      _ = try run.finish()
      _ = try checkAnnouncedKeys(faults)
      FaultCounts.add("announcements killed at a random moment")
    }
    #expect(try faults.tool().run(["clear", "--due"] + faults.clearing).status == 0)
    #expect(try checkAnnouncedKeys(faults) == rounds.count)
    try clearAll(rounds, faults)
  }

  /// The file comes first: it is there when the request gets lost, and when the answer does.
  @Test func aKeyIsOnDiskBeforeItsRequestIsSent() throws {
    let faults = try FaultMarket(companies: 1)
    try faults.open("first", gateAfter: 3600, encrypted: true, announced: false)
    let proxy = try LosingProxy(
      to: FaultMarket.serverSocket(faults.market.conninfo(nil)), marker: "announce_key", losses: [.request, .reply])
    let address = "host=\(proxy.folder) port=5432 user=market_clearing dbname=\(faults.market.database)"
    for announced in [0, 1] {
      let run = try faults.tool().run(["clear", "--due", "--database", address])
      #expect(run.status == 4 && proxy.count == announced + 1, "\(run.error)")
      let files = try FileManager.default.contentsOfDirectory(atPath: faults.home + "/clearing.key.rounds")
      #expect(files.count == announced + 1)
      #expect(try checkAnnouncedKeys(faults) == announced)
    }
    // A further run announces no other key.
    #expect(try faults.tool().run(["clear", "--due"] + faults.clearing).status == 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: faults.home + "/clearing.key.rounds").count == 2)
    try clearAll(["first"], faults)
  }

  /// Whoever was shown the host's public key was shown that of the key which is in the file ever after.
  @Test func killedWhileMakingTheHostKey() throws {
    var random = SeededGenerator(79)
    var seen = 0
    for turn in 0..<5 * faultRounds {
      let home = try TestFolder.make()
      let tool = Tool(home: home)
      // Two at once, of which one makes the key.
      let runs = try (0..<2).map { _ in try tool.start(["verify", "key"]) }
      // The first two live to show theirs.
      if turn > 0 { usleep(UInt32.random(in: 1_000...150_000, using: &random)) }
      for run in runs where turn > 0 { kill(run.process.processIdentifier, SIGKILL) }
      let shown = try runs.map { try $0.finish().output }
      let kept = try tool.run("verify", "key")
      #expect(kept.status == 0 && kept.output.utf8.count == 65, "\(kept.output)\(kept.error)")
      let left = try FileManager.default.contentsOfDirectory(atPath: home).filter { $0.hasSuffix(".new") }
      #expect(left.isEmpty)
      for text in shown where !text.isEmpty { #expect(kept.output.hasPrefix(text)) }
      seen += shown.count { !$0.isEmpty }
      FaultCounts.add("host keys killed in the making")
    }
    #expect(seen >= 2)
  }

  /// A secret whose writer was killed half-way does not lie about for ever; one whose writer is alive is left to it.
  @Test func copiesOfTheKilledAreRemoved() throws {
    let faults = try FaultMarket(companies: 1)
    try faults.open("first", gateAfter: 3600, encrypted: true, announced: false)
    let tool = faults.tool()
    #expect(try tool.run(["verify", "key"]).status == 0)
    let folder = faults.home + "/clearing.key.rounds"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let killed = try tool.start(["verify", "key"])
    kill(killed.process.processIdentifier, SIGKILL)
    _ = try killed.finish()
    let left = "\(folder)/gone-0123456789abcdef.key.gpumarket-\(killed.process.processIdentifier).new"
    let used = "\(folder)/first-0123456789abcdef.key.gpumarket-\(getpid()).new"
    for path in [left, used] { #expect(FileManager.default.createFile(atPath: path, contents: Data("secret".utf8))) }
    #expect(try tool.run(["clear", "--due"] + faults.clearing).status == 0)
    #expect(access(left, F_OK) != 0 && access(used, F_OK) == 0)
    unlink(used)
    try clearAll(["first"], faults)
  }

  /// Every key that was announced lies in its file, whole, for its owner alone, and is the one; returns how many there are.
  private func checkAnnouncedKeys(_ faults: FaultMarket) throws -> Int {
    var owner = try faults.market.connect(nil)
    let rows = try owner.query(
      "SELECT r.name, k.public_key FROM market.round_key k JOIN market.round r USING (round_id)")
    for row in rows {
      let round: String = try row.get("name")
      let publicKey: [UInt8] = try row.get("public_key")
      let host = try faults.host()
      let announcement = try EncryptionAnnouncement(round, &owner)
      try announcement.verify(pinned: hex(host.key.publicKey))
      let (pair, gate) = try host.roundKeyFile(round, publicKey: publicKey)
      #expect(gate == announcement.gate, "the gate of \(round) is another")
      let bytes = "\(EncryptionAnnouncement.format.text)\n\(hex(pair.secretKey))\n\(gate.iso8601)\n".utf8.count
      #expect(EncryptionKeyPair(secretKey: pair.secretKey).publicKey == publicKey, "the key of \(round) is another")
      let path = "\(faults.home)/clearing.key.rounds/\(round)-\(hex(publicKey).prefix(16)).key"
      var found = stat()
      let isFound = stat(path, &found) == 0
      #expect(isFound && found.st_size == bytes && found.st_mode & 0o777 == 0o600, "\(path)")
    }
    return rows.count
  }

  /// A bid in each round is sealed, opened and awarded.
  private func clearAll(_ rounds: [String], _ faults: FaultMarket) throws {
    var receipts: [Receipt] = []
    for round in rounds {
      receipts.append(try faults.place(TestMarket.block(window: faults.window(round)), in: round))
      try faults.bringGate(round, inSeconds: 0.1)
    }
    for round in rounds { try faults.waitForGate(round) }
    let run = try faults.tool().run(["clear", "--due"] + faults.clearing)
    #expect(run.status == 0, "\(run.error)")
    var company = try faults.market.connect(faults.logins[0])
    #expect(try OrderBook.refusals(round: nil, &company).isEmpty)
    let awards = try Results.awards(round: nil, ownOnly: true, &company)
    #expect(Set(awards.map(\.bid)) == Set(receipts.map(\.bid)))
    try faults.check(receipts)
  }
}
