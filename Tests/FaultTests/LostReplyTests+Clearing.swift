import Market
import Postgres
import TestSupport
import Testing

extension LostReplyTests {
  /// Each call by which the clearing job writes loses its request, then its answer: the next run finds what was done and
  /// goes on, and nothing is done twice.
  @Test(arguments: [false, true])
  func whatTheClearingJobWritesIsWrittenOnce(_ isEncrypted: Bool) throws {
    let faults = try FaultMarket()
    let receipts = try faults.bidIn("lost", bids: 8, encrypted: isEncrypted)
    var reference: String?
    for call in ["close_due_round"] + (isEncrypted ? ["open_boxes"] : []) + ["publish_round"] {
      if call == "publish_round" { reference = try faults.dryDigest("lost") }
      for loss in [LosingProxy.Loss.request, .reply] {
        let (proxy, address) = try proxy(faults, [loss], marker: call, login: "market_clearing")
        let run = try faults.tool().run(["clear", "--round", "lost", "--database", address])
        #expect(run.status == 4 && proxy.count == 1, "\(call): \(run.output)\(run.error)")
        let isDone = loss == .reply
        let expected: Round.State =
          switch call {
          case "close_due_round": isDone ? .closed : .open
          case "publish_round": isDone ? .published : .closed
          default: .closed
          }
        #expect(try faults.state("lost") == expected, "\(call)")
        try faults.check(receipts)
        FaultCounts.add("replies and requests of the clearing job lost")
      }
    }
    let before = try Self.rows(faults)
    let again = try faults.clear("lost")
    #expect(
      again.status == 0 && again.output.contains("is published already; nothing was done"),
      "\(again.output)\(again.error)")
    let told = try faults.tool().run(["clear", "--round", "lost", "--json"] + faults.clearing)
    #expect(told.status == 0 && told.output.contains("\"outcome\": \"already published\""), "\(told.output)")
    #expect(try Self.rows(faults) == before)
    #expect(reference != nil)
    #expect(try faults.digest("lost") == reference)
    // The log would have an act that was done twice.
    var auditor = try faults.market.asAuditor()
    let acts = try AuditLine.read(since: nil, most: 1000, &auditor).filter { $0.actor == "market_clearing" }.map(\.act)
    let once = ["closed round"] + (isEncrypted ? ["announce key", "open boxes"] : []) + ["published round"]
    #expect(acts.sorted() == once.sorted())
    try faults.check(receipts)
    try faults.verify("lost")
  }

  /// How many rows of each kind the job has written.
  private static func rows(_ faults: FaultMarket) throws -> [Int] {
    var owner = try faults.market.connect(nil)
    var counts: [Int] = []
    for table in [
      "market.seal", "market.opened", "market.clearing", "market.award", "market.award_use", "market.company_payment",
      "ledger.transaction", "ledger.posting", "market.audit",
    ] {
      counts.append(try owner.query("SELECT count(*) AS n FROM \(unsafeRaw: table)").one().get("n"))
    }
    return counts
  }
}
