import Foundation
import Market
import Postgres
import TestSupport
import Testing
import Units

/// What an old snapshot, a clock that is set back, or a key that is late must not do to a book.
@Suite("The gate and the seal")
struct GateTests {
  /// A snapshot from before a bid would leave that bid out of the seal, although it was acknowledged.
  @Test func anOlderSnapshotClosesNothing() throws {
    let (market, login, round) = try TestMarket.withOneBidder(credit: "1000000")
    var asOperator = try market.asOperator()
    var hashes: [String] = []
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
      try asOperator.script("BEGIN ISOLATION LEVEL \(level)")
      #expect(try Rounds.named(round, &asOperator).state == .open)
      hashes.append(try market.place(TestMarket.block(), as: login, in: round).hash)
      let error = refusal { _ = try Rounds.close(round, &asOperator) }
      #expect(error?.sqlState == "GM409" && error?.message.contains(level.lowercased()) == true)
      try asOperator.script("ROLLBACK; BEGIN ISOLATION LEVEL \(level)")
      let other = refusal { _ = try Rounds.cancel(round, reason: "test", &asOperator) }
      #expect(other?.sqlState == "GM409")
      try asOperator.script("ROLLBACK")
      #expect(try Rounds.named(round, &asOperator).state == .open)
    }
    try asOperator.script("BEGIN")
    #expect(try Rounds.named(round, &asOperator).state == .open)
    hashes.append(try market.place(TestMarket.block(), as: login, in: round).hash)
    #expect(try Rounds.close(round, &asOperator) == "closed")
    try asOperator.script("COMMIT")
    #expect(try sealed(market) == hashes)
    var auditor = try market.asAuditor()
    #expect(try AuditInvariants.problems(&auditor) == [])
  }

  @Test func anOlderSnapshotEncryptsNothing() throws {
    let (market, login, round) = try TestMarket.withOneBidder(credit: "1000000")
    var asOperator = try market.asOperator()
    try asOperator.script("BEGIN ISOLATION LEVEL REPEATABLE READ")
    #expect(try Rounds.named(round, &asOperator).state == .open)
    try market.place(TestMarket.block(), as: login, in: round)
    let error = refusal { try Rounds.encrypt(round, &asOperator) }
    #expect(error?.sqlState == "GM409" && error?.message.contains("repeatable read") == true)
    try asOperator.script("ROLLBACK")
  }

  /// Tried and rolled back, it would tell the operator whether a round has bids.
  @Test func aRoundIsEncryptedAsItIsOpenedOrNever() throws {
    let (market, login, round) = try TestMarket.withOneBidder(credit: "1000000")
    var asOperator = try market.asOperator()
    let withoutBids = refusal { try Rounds.encrypt(round, &asOperator) }
    try market.place(TestMarket.block(), as: login, in: round)
    let withBids = refusal { try Rounds.encrypt(round, &asOperator) }
    #expect(withoutBids?.sqlState == "GM409" && withoutBids?.message == withBids?.message)
    #expect(try !EncryptionAnnouncement(round, &asOperator).isEncrypted)
  }

  /// The seal's order is that of the times, and the last entry of a bid is the one that counts: both must be the same
  /// one also where the clock went back an hour between two entries.
  @Test func aClockThatIsSetBackReordersNoBid() throws {
    let (market, login, round) = try TestMarket.withOneBidder(credit: "1000000")
    var company = try market.connect(login)
    let first = try OrderBook.place(TestMarket.block(), in: round, parent: nil, key: "first", &company)
    let second = try OrderBook.place(TestMarket.block(), in: round, parent: nil, key: "second", &company)
    // As if both had come while the clock was an hour ahead.
    var owner = try market.connect(nil)
    try owner.script(
      """
      SET session_replication_role = replica;
      UPDATE market.entry e SET accepted_at = e.accepted_at + interval '1 hour',
        hash = market.entry_hash(r.name, c.name, e.bid, e.kind, e.parent, e.key, e.salt,
          market.exact_time(e.accepted_at + interval '1 hour'), e.body)
      FROM market.round r, market.company c WHERE r.round_id = e.round_id AND c.company_id = e.company_id
      """)
    let amended = try OrderBook.amend(
      first.bid, to: TestMarket.block(gpus: 16, limit: "3.00"), in: round, parent: nil, key: "amended", &company)
    let again = try OrderBook.amend(
      first.bid, to: TestMarket.block(gpus: 24, limit: "3.00"), in: round, parent: nil, key: "again", &company)
    let withdrawn = try OrderBook.withdraw(second.bid, in: round, key: "withdrawn", &company)
    let third = try OrderBook.place(TestMarket.block(), in: round, parent: nil, key: "third", &company)
    #expect(third.acceptedAt < amended.acceptedAt && amended.acceptedAt < again.acceptedAt)
    // A retry is the same entry, time and all.
    let retried = try OrderBook.amend(
      first.bid, to: TestMarket.block(gpus: 24, limit: "3.00"), in: round, parent: nil, key: "again", &company)
    #expect(retried.hash == again.hash)

    try market.close(round)
    var job = ClearingJob()
    job.host = try StatementHost(home: TestFolder.make(), keyFile: nil, statements: nil)
    var clearing = try market.asClearing()
    #expect(try job.run(round, &clearing).ending == .published)
    let book = try SealedBook.load(round, &clearing)
    #expect(book.entries.map(\.id) == [third.bid, first.bid])
    #expect(book.entries.last?.bodyText == again.body)
    #expect(try sealed(market).count == 6)
    let isHead = try [again, amended, withdrawn[0]].map { try SealProof(hash: $0.hash, &company).isHead }
    #expect(isHead == [true, false, true])
    var auditor = try market.asAuditor()
    #expect(VerifyRound(try VerifyBundle.load(round, &auditor)).findings().flatMap(\.problems) == [])
    #expect(try AuditInvariants.problems(&auditor) == [])
  }

  /// One bid without a key, and nobody could prove later how its round was opened.
  @Test func nothingIsSealedBeforeTheKeyIsAnnounced() throws {
    let (market, login, round) = try TestMarket.withOneBidder(credit: "1000000")
    try market.markEncrypted(round)
    var company = try market.connect(login)
    let bid = try TestMarket.block()
    let early = try EncryptedBid.seal(
      bid, round: round, company: "acme", key: "early", exposure: bid.worstCase(.hour),
      to: EncryptionKeyPair().publicKey)
    let error = refusal {
      _ = try OrderBook.place(sealed: early, in: round, parent: nil, key: "early", &company)
    }
    #expect(error?.sqlState == "GM409" && error?.message == "the key of round \(round) is not announced yet")
    let host = try StatementHost(home: TestFolder.make(), keyFile: nil, statements: nil).afterTheGate()
    var clearing = try market.asClearing()
    #expect(try host.announceKeys(&clearing) == [round])
    let body = try EncryptedBid.seal(
      bid, round: round, company: "acme", key: "early", exposure: bid.worstCase(.hour),
      to: EncryptionAnnouncement(round, &company).publicKey)
    _ = try OrderBook.place(sealed: body, in: round, parent: nil, key: "early", &company)
    try market.close(round)
    var job = ClearingJob()
    job.host = host
    #expect(try job.run(round, &clearing).bids == 1)
  }

  /// The hashes of all sealed books of a market, in their order.
  private func sealed(_ market: TestMarket) throws -> [String] {
    var owner = try market.connect(nil)
    return try owner.query(
      "SELECT encode(e.hash, 'hex') AS hash FROM market.seal s JOIN market.entry e USING (entry_id) ORDER BY s.position"
    ).map { try $0.get("hash", as: String.self) }
  }
}
