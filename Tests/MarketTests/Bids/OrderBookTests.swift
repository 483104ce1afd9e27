import Files
import Foundation
import Market
import Postgres
import TestSupport
import Testing
import Units

@Suite("Order book")
struct OrderBookTests {
  let market: TestMarket
  let acme: String
  let round: String

  init() throws {
    (market, acme, round) = try TestMarket.withOneBidder(credit: "1000")
  }

  @Test func aReceiptHoldsTheHashOfItsOwnFields() throws {
    let receipt = try market.place(TestMarket.block(), as: acme, in: round, key: "first")
    #expect(receipt.kind == "place" && receipt.key == "first" && receipt.company == "acme")
    #expect(receipt.hash.count == 64)
    var connection = try market.connect(acme)
    let history = try OrderBook.history(of: receipt.bid, &connection)
    #expect(history.map(\.hash) == [receipt.hash])
  }

  @Test func theSameKeyReturnsTheSameReceipt() throws {
    let bid = try TestMarket.block()
    let first = try market.place(bid, as: acme, in: round, key: "k")
    let again = try market.place(bid, as: acme, in: round, key: "k")
    #expect(first.json == again.json)
    let error = refusal { try market.place(TestMarket.block(gpus: 16), as: acme, in: round, key: "k") }
    #expect(error?.sqlState == "GM409")
    var connection = try market.connect(acme)
    #expect(try OrderBook.mine(round: round, &connection).count == 1)
  }

  @Test(arguments: [
    ("no multiple of the lot", "GM422", 12, 2, TestMarket.delivery, "2.00"),
    ("more than h100 ever has", "GM422", 72, 2, TestMarket.delivery, "2.00"),
    ("below the reserve price", "GM422", 8, 2, TestMarket.delivery, "0.99"),
    ("its delivery is 2036-12-01T00:00Z/2036-12-02T00:00Z", "GM422", 8, 2, "2036-11-30T23:00Z/P1D", "2.00"),
    ("does not lie on slots of 60 minutes", "GM422", 8, 2, "2036-12-01T00:30Z/PT5H", "2.00"),
    ("hours do not fit the window", "GM422", 8, 6, "2036-12-01T00:00Z/PT5H", "2.00"),
    ("above your credit of 1000.00 USD", "GM422", 64, 24, TestMarket.delivery, "2.00"),
  ])
  func refusesAtTheDoor(_ words: String, _ state: String, _ gpus: Int, _ slots: Int, _ window: String, _ limit: String)
    throws
  {
    let bid = try TestMarket.block(gpus: gpus, slots: slots, window: window, limit: limit)
    let error = refusal { try market.place(bid, as: acme, in: round) }
    #expect(error?.sqlState == state)
    #expect(error?.message.contains(words) == true, "said: \(error?.message ?? "nothing")")
    #expect(error?.hint?.isEmpty == false)
    var connection = try market.connect(acme)
    #expect(try OrderBook.mine(round: round, &connection).isEmpty)
    #expect(try Companies.account(&connection).exposure == .zero)
  }

  @Test func amendingTakesANewPlaceAndWithdrawingTakesTheChildren() throws {
    let parent = try market.place(TestMarket.block(), as: acme, in: round)
    let child = try market.place(TestMarket.block(limit: "1.50"), as: acme, in: round, parent: parent.bid)
    var connection = try market.connect(acme)
    let amended = try OrderBook.amend(
      parent.bid, to: TestMarket.block(gpus: 16), in: round, parent: nil, key: "a", &connection)
    #expect(amended.bid == parent.bid && amended.hash != parent.hash)
    #expect(try OrderBook.mine(round: round, &connection).map(\.id) == [child.bid, parent.bid])
    let loop = refusal {
      _ = try OrderBook.amend(
        parent.bid, to: TestMarket.block(), in: round, parent: child.bid, key: "loop", &connection)
    }
    #expect(loop?.message.contains("cycle") == true)
    let gone = try OrderBook.withdraw(parent.bid, in: round, key: "w", &connection)
    #expect(gone.map(\.bid) == [parent.bid, child.bid])
    let repeated = try OrderBook.withdraw(parent.bid, in: round, key: "w", &connection)
    #expect(repeated.map(\.hash) == gone.map(\.hash))
    #expect(try Companies.account(&connection).exposure == .zero)
    #expect(try OrderBook.mine(round: round, &connection).allSatisfy(\.isWithdrawn))
  }

  @Test func manyAreAllOrNothing() throws {
    var connection = try market.connect(acme)
    let good = try TestMarket.block()
    let items = [(bid: good, parent: String?.none, key: "1"), (bid: good, parent: "#1", key: "2")]
    let receipts = try OrderBook.placeAll(items, in: round, &connection)
    #expect(receipts[1].parent == receipts[0].bid)
    let bad = try items.map { ($0.bid, $0.parent, $0.key + "x") } + [(TestMarket.block(gpus: 9), nil, "3x")]
    let error = refusal {
      _ = try OrderBook.placeAll(bad.map { (bid: $0.0, parent: $0.1, key: $0.2) }, in: round, &connection)
    }
    let refusals = try #require(error.flatMap(OrderBook.refusals))
    #expect(refusals.map(\.index) == [2])
    #expect(refusals[0].message.contains("no multiple of the lot"))
    #expect(try OrderBook.mine(round: round, &connection).count == 2)
  }

  /// Random writes against a model in memory: exposure is the sum of the dearest alternatives of open bids, and never
  /// above credit.
  @Test(arguments: [1, 2, 3] as [UInt64])
  func exposureNeverExceedsCredit(seed: UInt64) throws {
    var random = SeededGenerator(seed)
    var connection = try market.connect(acme)
    var model: [String: Int64] = [:]
    for step in 0..<60 {
      let gpus = 8 * Int.random(in: 1...8, using: &random)
      let slots = Int.random(in: 1...8, using: &random)
      let cents = Int64.random(in: 100...400, using: &random)
      let limit = Money(cents: cents).dollars
      let bid = try TestMarket.block(gpus: gpus, slots: slots, limit: limit)
      let worst = Int64(gpus * slots) * cents * 10_000
      let known = model.keys.sorted().randomElement(using: &random)
      do {
        switch Int.random(in: 0..<4, using: &random) {
        case 0 where known != nil:
          _ = try OrderBook.withdraw(known!, in: round, key: "k\(step)", &connection)
          model[known!] = nil
        case 1 where known != nil:
          _ = try OrderBook.amend(known!, to: bid, in: round, parent: nil, key: "k\(step)", &connection)
          model[known!] = worst
        default:
          model[try OrderBook.place(bid, in: round, parent: nil, key: "k\(step)", &connection).bid] = worst
        }
      } catch {
        #expect(error.message.contains("above your credit"))
        #expect(model.values.reduce(0, +) + worst > 1_000_000_000 - 1)
      }
      #expect(try Companies.account(&connection).exposure.microdollars == model.values.reduce(0, +))
      #expect(model.values.reduce(0, +) <= 1_000_000_000)
    }
  }

  /// Whatever text comes as a body, the door answers with a refusal of ours and writes nothing.
  @Test func strangeBodiesAreRefusedKindly() throws {
    var random = SeededGenerator(7)
    var connection = try market.connect(acme)
    let body = try TestMarket.block().body
    for step in 0..<300 {
      var bytes = Array(body.utf8)
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let at = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[at] = UInt8.random(in: 32..<127, using: &random)
        case 1: bytes.remove(at: at)
        default: bytes.insert(UInt8.random(in: 32..<127, using: &random), at: at)
        }
      }
      let text = String(decoding: bytes, as: UTF8.self)
      let before = try OrderBook.mine(round: round, &connection).count
      do {
        _ = try connection.query("SELECT market.place_bid(\(round), \("f\(step)"), \(text), NULL)")
        #expect(try OrderBook.mine(round: round, &connection).count == before + 1)
      } catch {
        #expect(error.sqlState.hasPrefix("GM"), "\(error.sqlState) \(error.message) for \(text)")
        #expect(error.hint?.isEmpty == false)
        #expect(try OrderBook.mine(round: round, &connection).count == before)
      }
    }
  }
}
