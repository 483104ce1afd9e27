import Foundation
import Market
import Postgres
import TestSupport
import Testing
import Units

extension LostReplyTests {
  /// What changes a bid is sent again as what places it is: done once, with the same receipts, those of its children too.
  @Test(arguments: ["amend", "withdraw"], [false, true])
  func aChangeIsRetriedWithItsKey(_ verb: String, _ isEncrypted: Bool) throws {
    let faults = try FaultMarket(companies: 1)
    try faults.open("lost", gateAfter: 3600, encrypted: isEncrypted)
    let parent = try faults.place(TestMarket.block(gpus: 16), in: "lost")
    let children = try (0..<2).map { _ in try faults.place(TestMarket.block(), in: "lost", parent: parent.bid) }
    let stranger = try faults.place(TestMarket.block(), in: "lost")
    // The tool waits longer after each loss, so two of them at length only.
    let losses: [LosingProxy.Loss] = faultRounds > 1 ? [.request, .reply] : [.reply]
    let (proxy, address) = try proxy(faults, losses, marker: "\(verb)_bid")
    let host = try faults.host()
    let file = faults.home + "/receipts.json"
    var change = ["bid", verb, parent.bid, "--round", "lost", "--key", "once", "--database", address]
    change += verb == "amend" ? Array(Self.bid.dropFirst(2)) : ["--yes"]
    if verb == "amend", isEncrypted { change += ["--clearing-key", hex(host.key.publicKey)] }
    func kept() throws -> [Receipt] { try Receipt.read(Array(Data(contentsOf: URL(filePath: file))), source: file) }

    let run = try faults.tool().run(change + ["--receipt", file])
    #expect(run.status == 0 && run.error.contains("trying again with the same key"), "\(run.error)")
    #expect(proxy.count == losses.count)
    let receipts = try kept()
    #expect(receipts.map(\.bid) == [parent.bid] + (verb == "amend" ? [] : children.map(\.bid)))
    // By hand it is the same, and under this key nothing else is done.
    let again = try faults.tool().run(change + ["--receipt", file])
    #expect(again.status == 0, "\(again.error)")
    #expect(try kept().map(\.hash) == receipts.map(\.hash))
    let other = try faults.tool().run(change.map { $0 == parent.bid ? stranger.bid : $0 })
    #expect(other.status == 3 && other.error.contains("key was used for another request"), "\(other.error)")

    var company = try faults.market.connect(faults.logins[0])
    for (place, bid) in ([parent] + children + [stranger]).enumerated() {
      let entries = [bid.hash] + (place < receipts.count ? [receipts[place].hash] : [])
      #expect(try OrderBook.history(of: bid.bid, &company).map(\.hash) == entries)
    }
    try faults.check([parent, stranger] + children + receipts)
    FaultCounts.add("replies and requests lost", losses.count)
  }
}
