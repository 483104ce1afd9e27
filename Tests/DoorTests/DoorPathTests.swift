import Files
import Foundation
import Market
import Signing
import TestSupport
import Testing
import Units

@testable import Door
@testable import DoorClient

/// The way of a bid through the door: signed, placed, amended, withdrawn, listed, cleared and verified.
@Suite struct DoorPathTests {
  @Test func theWholeWay() throws {
    let market = try DoorMarket()
    let account = try market.client().ask("GET", "/v1/account")
    #expect(try account.at("company").string() == "acme")
    #expect(try account.at("member").string() == "alice")

    let placed = try market.place(TestMarket.block(), key: "k1")
    #expect(placed.company == "acme" && placed.kind == "place")
    #expect(placed.bid == SignedEntry.newBid(company: "acme", key: "k1"))
    #expect(hexText(placed.computedHash) == placed.hash, "a receipt holds the hash of its fields, signature included")
    #expect(try market.place(TestMarket.block(), key: "k1").hash == placed.hash, "a retry gives the same receipt")

    let other = try market.place(TestMarket.block(limit: "1.50"), key: "k2")
    let amended = try market.enter([
      .init(kind: "amend", bid: placed.bid, key: "k3", body: try TestMarket.block(limit: "2.50").body)
    ])[0]
    #expect(amended.bid == placed.bid && amended.kind == "amend")
    let withdrawn = try market.enter([.init(kind: "withdraw", bid: other.bid, key: "k4")])[0]
    #expect(withdrawn.kind == "withdraw" && withdrawn.body.isEmpty)

    let bids = try market.client().ask("GET", "/v1/bids", query: "round=r").at("bids").elements().map { bid in
      (try bid.at("bid").string(), try bid.at("withdrawn").bool())
    }
    #expect(bids.map(\.0).sorted() == [placed.bid, other.bid].sorted())
    #expect(bids.first { $0.0 == other.bid }?.1 == true)
    let history = try market.client().ask("GET", "/v1/bids/\(placed.bid)").at("receipts").elements()
      .map { try $0.at("hash").string() }
    #expect(history == [placed.hash, amended.hash])
    let receipts = try market.client().ask("GET", "/v1/receipts", query: "key=k1&key=k4&key=none").at("receipts")
      .elements().map { try $0.at("hash").string() }
    #expect(receipts == [placed.hash, withdrawn.hash])
    // A rival sees none of it.
    #expect(try Array(market.client("zephyr").ask("GET", "/v1/bids").at("bids").elements()).isEmpty)

    let outcome = try market.clear()
    #expect(outcome.ending == .published && outcome.bids == 1)
    let (problems, said) = try market.verify()
    #expect(problems.isEmpty, "\(problems)")
    #expect(said.contains("4 of 4 entries carry their company's signature"))
    #expect(try market.administer("SELECT count(*) AS n FROM market.award").one().get("n") == 1)
    #expect(
      try market.administer("SELECT string_agg(i, '; ') AS problems FROM market.check_invariants() i").one()
        .optional("problems", as: String.self) == nil)
  }

  /// All entries of a request or none; each refusal is named with its place.
  @Test func aRequestIsAllOrNothing() throws {
    let market = try DoorMarket()
    let good = try TestMarket.block().body
    let refusal = #expect(throws: DoorClient.Refusal.self) {
      try market.enter([
        .init(kind: "place", key: "a", body: good),
        .init(kind: "place", key: "b", body: try TestMarket.block(pool: "h100", gpus: 7).body),
        .init(kind: "amend", bid: "b_none", key: "c", body: good),
      ])
    }
    #expect(refusal?.problems.map(\.place) == ["entries[1]", "entries[2]"])
    #expect(refusal?.problems.allSatisfy { !$0.message.isEmpty && !$0.hint.isEmpty } == true)
    #expect(try market.administer("SELECT count(*) AS n FROM market.entry").one().get("n") == 0)
  }

  @Test func childrenAreWithdrawnWithTheirParent() throws {
    let market = try DoorMarket()
    let body = try TestMarket.block().body
    let parent = SignedEntry.newBid(company: "acme", key: "p")
    let both = try market.enter([
      .init(kind: "place", key: "p", body: body), .init(kind: "place", parent: parent, key: "c", body: body),
    ])
    #expect(both.map(\.parent) == [nil, parent])
    let alone = #expect(throws: DoorClient.Refusal.self) {
      try market.enter([.init(kind: "withdraw", bid: parent, key: "w")])
    }
    #expect(alone?.status == 409 && alone?.problems.first?.hint == "withdraw both in one request")
    let gone = try market.enter([
      .init(kind: "withdraw", bid: both[1].bid, key: "w1"), .init(kind: "withdraw", bid: parent, key: "w2"),
    ])
    #expect(gone.count == 2)
  }

  /// Requests that arrive together share transactions, and a bad one fails alone.
  @Test func manyAtOnce() throws {
    let market = try DoorMarket { $0.writers = 1 }
    let (id, terms) = (try market.marketID(), try market.terms())
    let bodies = [try TestMarket.block().body, try TestMarket.block(gpus: 7).body]
    let clients = ["acme": try market.client("acme"), "zephyr": try market.client("zephyr")]
    let outcomes = LockedResults()
    DispatchQueue.concurrentPerform(iterations: 60) { number in
      let name = number % 2 == 0 ? "acme" : "zephyr"
      let isBad = number % 5 == 0
      do {
        _ = try clients[name]?.enter(
          [.init(kind: "place", key: "k\(number)", body: bodies[isBad ? 1 : 0])], round: "r", market: id, terms: terms)
        outcomes.add(isBad ? "a bad bid was taken" : nil)
      } catch {
        let status = (error as? DoorClient.Refusal)?.status
        outcomes.add(isBad && status == 422 ? nil : "\(number): \(error)")
      }
    }
    #expect(outcomes.problems.isEmpty, "\(outcomes.problems)")
    #expect(try market.administer("SELECT count(*) AS n FROM market.entry").one().get("n") == 48)
  }

  /// An import is signed once, and each entry can be checked alone.
  @Test func anImportIsSignedOnce() throws {
    let market = try DoorMarket()
    let body = try TestMarket.block(gpus: 8, slots: 1).body
    let receipts = try market.enter((0..<300).map { .init(kind: "place", key: "i\($0)", body: body) })
    #expect(receipts.count == 300)
    let signatures = receipts.compactMap { $0.signature.flatMap { EntrySignature(text: $0) } }
    #expect(Set(signatures.map(\.signature)).count == 1 && Set(signatures.map(\.bytes)).count == 300)
    _ = try market.clear()
    let (problems, said) = try market.verify()
    #expect(problems.isEmpty, "\(problems)")
    #expect(said.contains("300 of 300 entries carry their company's signature"))
  }

  /// What is accepted when the door is told to stop is finished.
  @Test func stoppingFinishesWhatWasAccepted() throws {
    let market = try DoorMarket()
    let (id, terms, client) = (try market.marketID(), try market.terms(), try market.client())
    let body = try TestMarket.block(gpus: 8, slots: 1).body
    let outcomes = LockedResults()
    let group = DispatchGroup()
    for number in 0..<8 {
      DispatchQueue.global().async(group: group) {
        do {
          let answer = try client.enter(
            (0..<100).map { .init(kind: "place", key: "s\(number)-\($0)", body: body) }, round: "r", market: id,
            terms: terms)
          for receipt in try answer.at("receipts").elements() { outcomes.add(try receipt.at("key").string()) }
        } catch {}
      }
    }
    while try market.administer("SELECT count(*) AS n FROM market.entry").one().get("n") == 0 { usleep(1000) }
    #expect(market.door.stop())
    group.wait()
    let stored: [String] = try market.administer("SELECT key FROM market.entry").map { try $0.get("key") }
    #expect(Set(outcomes.problems).isSubset(of: stored), "an acknowledged bid is lost")
    #expect(stored.count % 100 == 0 && !stored.isEmpty)
    #expect(market.log.all.contains { $0.contains(" stopped complete=true") })
  }

  /// Gathers from many threads.
  final class LockedResults: @unchecked Sendable {
    private let lock = NSLock()
    private var found: [String] = []
    func add(_ problem: String?) {
      guard let problem else { return }
      lock.lock()
      found.append(problem)
      lock.unlock()
    }
    var problems: [String] {
      lock.lock()
      defer { lock.unlock() }
      return found
    }
  }
}
