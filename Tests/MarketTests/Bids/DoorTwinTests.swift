import Foundation
import Market
import Postgres
import TestSupport
import Testing
import Units

/// The door beside the one it replaced: the same requests get the same answers, word for word, and leave the same totals.
@Suite("The door and its earlier twin")
struct DoorTwinTests {
  /// A market with two rounds, and what one company has placed there.
  private final class Side {
    let market: TestMarket
    var company: Connection
    var owner: Connection
    var bids: [String] = []

    init(earlier: Bool) throws {
      let market = try TestMarket()
      try market.addPool(gpus: 128)
      try market.addPool("h200", gpus: 64, lot: 4)
      let login = try market.addCompany("acme", credit: "3000")
      _ = try market.openRound("first", delivery: "2036-12-01T00:00Z/P1D")
      _ = try market.openRound("second", delivery: "2036-12-02T00:00Z/P1D")
      var owner = try market.connect(nil)
      try owner.script("UPDATE market.company SET entry_quota = 60")
      if earlier {
        try owner.script("SET ROLE market_owner;\n\(EarlierDoor.receiptAndAppendEntry);\nRESET ROLE")
      }
      let company = try market.connect(login)
      self.market = market
      self.owner = owner
      self.company = company
    }

    /// The answer to a request: receipts without what is random, or the refusal; a bid's id told as its place among all.
    func answer(_ request: SQL) -> String {
      var text: String
      do {
        let receipt: String = try company.query(request).one().get("receipt")
        for match in receipt.matches(of: /"bid": "(b_[0-9a-f]{16,32})"/) where !bids.contains(String(match.1)) {
          bids.append(String(match.1))
        }
        text = receipt.replacing(/"(salt|hash|accepted_at)": "[^"]*"/) { "\"\($0.1)\"" }
      } catch { text = "\(error.sqlState) \(error)" }
      for (place, bid) in bids.enumerated() { text.replace(bid, with: "bid \(place)") }
      return text
    }

    func totals() throws -> String {
      try owner.query(
        """
        SELECT string_agg(concat_ws(' ', round_id, entries, choices, exposure, bytes), '; ' ORDER BY round_id) AS totals
        FROM market.company_round
        """
      ).one().get("totals")
    }
  }

  @Test(arguments: [6, 7, 8] as [UInt64])
  func theyAnswerAlike(_ seed: UInt64) throws {
    let door = try Side(earlier: false)
    let earlier = try Side(earlier: true)
    let isEarlier: Bool = try earlier.owner.query(
      "SELECT prosrc LIKE '%FILTER (WHERE%' AS earlier FROM pg_proc WHERE oid = 'market.append_entry'::regproc"
    ).one().get("earlier")
    #expect(isEarlier)
    var random = SeededGenerator(seed)
    func one<T>(_ of: [T]) -> T { of[Int.random(in: of.indices, using: &random)] }
    var keys: [(key: String, body: String)] = []
    var refused = Set<String>()
    var accepted = 0
    for number in 0..<160 {
      let (day, round) = one([("01", "first"), ("01", "first"), ("02", "second")])
      let body = try TestMarket.block(
        pool: one(["h100", "h100", "h200", "h300"]), gpus: one([8, 16, 32, 64, 12]), slots: one([1, 2, 6]),
        window: "2036-12-\(day)T00:00Z/P1D", limit: one(["1.00", "2.00", "4.00", "0.50"])
      ).body
      let key = one([
        "k\(number)", "k\(number)", "k\(number)", keys.last?.key ?? "", String(repeating: "k", count: 201),
      ])
      let sent = key == keys.last?.key ? one([keys.last?.body ?? body, body]) : body
      keys.append((key, sent))
      let place = door.bids.isEmpty ? 0 : Int.random(in: door.bids.indices, using: &random)
      let kind = Int.random(in: 0..<12, using: &random)
      if kind == 0 {
        let credit = one([300, 3000, 6000])
        for side in [door.market, earlier.market] {
          var asOperator = try side.asOperator()
          try Companies.setCredit(&asOperator, company: "acme", to: Money(dollars: "\(credit)"))
          try Companies.setCap(&asOperator, company: "acme", pool: "h100", gpus: credit > 300 ? 64 : 16)
        }
      }
      func request(_ side: Side) -> SQL {
        let bid = place < side.bids.count ? side.bids[place] : "b_none"
        return switch kind {
        case 1, 2: "SELECT market.withdraw_bid(\(round), \(bid), \(key))::text AS receipt"
        case 3, 4: "SELECT market.amend_bid(\(round), \(bid), \(key), \(sent))::text AS receipt"
        case 5: "SELECT market.amend_bid(\(round), \(bid), \(key), \(sent), \(side.bids.last))::text AS receipt"
        case 6: "SELECT market.place_bid(\(round), \(key), \(sent), \(bid))::text AS receipt"
        case 7:
          """
          SELECT market.place_bids(\(round), ARRAY[\(key), \(key + "/")], ARRAY[\(sent), \(body)], ARRAY[NULL, '#1'])::text
            AS receipt
          """
        case 8: "SELECT market.place_bid('third', \(key), \(sent))::text AS receipt"
        default: "SELECT market.place_bid(\(round), \(key), \(sent))::text AS receipt"
        }
      }
      let (answer, expected) = (door.answer(request(door)), earlier.answer(request(earlier)))
      #expect(answer == expected, "\(kind) \(round) \(key)")
      if answer.hasPrefix("GM") { refused.insert(String(answer.prefix(30))) } else { accepted += 1 }
    }
    #expect(try door.totals() == earlier.totals())
    #expect(accepted > 20 && refused.count > 10, "\(accepted) accepted, refused: \(refused)")
    for market in [door.market, earlier.market] {
      var auditor = try market.asAuditor()
      #expect(try AuditInvariants.problems(&auditor) == [])
    }
  }
}
