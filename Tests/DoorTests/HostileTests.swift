import Foundation
import Signing
import TestSupport
import Testing

@testable import Door
@testable import DoorClient

/// What strangers and broken clients send: each gets its answer or its end, and others notice nothing.
@Suite struct HostileTests {
  private func get(_ path: String, _ more: String = "") -> String {
    "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\(more)\r\n"
  }

  private func status(_ answer: String) -> String { String(answer.split(separator: " ").dropFirst().first ?? "none") }

  @Test func whatIsNoRequestOfOurs() throws {
    let market = try DoorMarket()
    let port = market.door.port
    #expect(status(raw(port, [get("/v1/health")])) == "200")
    #expect(status(raw(port, [get("/v1/nothing")])) == "404")
    #expect(status(raw(port, [get("/v1/%zz")])) == "404")
    #expect(status(raw(port, ["DELETE /v1/bids HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"])) == "405")
    let unsigned = raw(port, [get("/v1/bids")])
    #expect(status(unsigned) == "401" && unsigned.contains("the request is not signed"))
    #expect(unsigned.contains(#""errors":[{"code":"signature","message":"#))
    for nonsense in [
      "\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\u{0}\u{1}\u{2}", "GET /v1/health HTTP/1.1\r\nHost : a\r\n\r\n",
      "POST /v1/rounds/r/entries HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST /v1/rounds/r/entries HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
      "GET /v1/health HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "x", count: 20_000) + "\r\n\r\n",
      "GET /v1/health HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X: y\r\n", count: 200) + "\r\n",
    ] {
      let answer = raw(port, [nonsense, "\r\n"], readSeconds: 15)
      #expect(!answer.contains(" 200 "), "\(nonsense.prefix(40)) was answered: \(answer.prefix(80))")
    }
    #expect(status(raw(port, [get("/v1/health")])) == "200")
  }

  @Test func largeContentIsRefused() throws {
    let market = try DoorMarket { $0.bodyBytes = 10_000 }
    let port = market.door.port
    let declared = raw(
      port,
      [
        "POST /v1/rounds/r/entries HTTP/1.1\r\nHost: a\r\nContent-Length: 10001\r\n\r\n",
        String(repeating: "x", count: 4000),
      ])
    #expect(status(declared) == "413")
    let chunk = "1000\r\n" + String(repeating: "x", count: 4096) + "\r\n"
    let chunked = raw(
      port,
      [
        "POST /v1/rounds/r/entries HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", chunk, chunk, chunk,
        chunk,
      ])
    #expect(status(chunked) == "413")
    let many = #expect(throws: DoorClient.Refusal.self) {
      try market.enter((0..<40).map { .init(kind: "place", key: "k\($0)", body: String(repeating: "x", count: 400)) })
    }
    #expect(many?.status == 413)
  }

  /// Who is slow loses his connection and nobody else's time.
  @Test func slowClientsAreEnded() throws {
    let market = try DoorMarket {
      $0.headSeconds = 1
      $0.bodySeconds = 1
      $0.idleSeconds = 1
    }
    let port = market.door.port
    #expect(raw(port, []).isEmpty, "a silent connection is ended")
    #expect(raw(port, ["GET /v1/health HT"]).isEmpty)
    #expect(raw(port, ["POST /v1/rounds/r/entries HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc"]).isEmpty)
    let idle = raw(port, ["GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n"])
    #expect(status(idle) == "200", "a resting connection is ended after its answer")
  }

  /// Silent connections make room for those who speak.
  @Test func silentConnectionsKeepNobodyOut() throws {
    let market = try DoorMarket {
      $0.connections = 20
      $0.connectionsPerAddress = 1000
    }
    var files: [Int32] = []
    defer { for file in files { close(file) } }
    for _ in 0..<100 {
      let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = in_port_t(UInt16(market.door.port).bigEndian)
      address.sin_addr.s_addr = inet_addr("127.0.0.1")
      _ = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(file, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      files.append(file)
    }
    #expect(try market.place(TestMarket.block()).kind == "place")
  }

  @Test func tooManyRequestsWait() throws {
    let market = try DoorMarket { $0.perKey = .init(perSecond: 1, burst: 3) }
    var refusals: [DoorClient.Refusal] = []
    let client = try market.client()
    for _ in 0..<6 {
      do { _ = try client.ask("GET", "/v1/account") } catch { refusals.append(error) }
    }
    #expect(refusals.count >= 2 && refusals.allSatisfy { $0.status == 429 })
    #expect(try market.client("zephyr").ask("GET", "/v1/account").at("company").string() == "zephyr")
    let byAddress = try DoorMarket { $0.perAddress = .init(perSecond: 1, burst: 2) }
    let answers = (0..<4).map { _ in raw(byAddress.door.port, [get("/v1/health")]) }
    #expect(answers.contains { $0.contains(" 429 ") && $0.lowercased().contains("retry-after: 1") })
  }

  /// Every way to send what somebody else should have signed.
  @Test func wrongSignatures() throws {
    let market = try DoorMarket()
    let (id, terms) = (try market.marketID(), try market.terms())
    let body = try TestMarket.block().body
    func refusal(_ company: String = "acme", _ change: (inout SignedEntry) -> Void) throws -> DoorClient.Refusal? {
      let key = try market.key(company)
      var entry = SignedEntry(
        market: id, round: "r", terms: terms, company: company, key: "k", kind: "place",
        bid: SignedEntry.newBid(company: company, key: "k"), parent: nil, body: body)
      change(&entry)
      let signature = EntrySignature.sign([entry], key)[0]
      let client = try market.client(company)
      do throws(DoorClient.Refusal) {
        _ = try client.ask(
          "POST", "/v1/rounds/r/entries",
          [
            "company": .string(company), "terms": .string(terms),
            "entries": [
              [
                "kind": "place", "bid": .string(SignedEntry.newBid(company: company, key: "k")), "key": "k",
                "body": .string(body), "signature": .string(signature.text),
              ]
            ],
          ])
        return nil
      } catch { return error }
    }
    #expect(try refusal { $0.market = "m_other" }?.status == 422)
    #expect(try refusal { $0.round = "q" }?.problems.first?.place == "entries[0].signature")
    #expect(try refusal { $0.terms = "" }?.status == 422)
    #expect(try refusal { $0.body = "{}" }?.status == 422)
    // A stranger with a key of his own, under acme's name.
    let stranger = try CompanyKey.make(company: "acme", file: market.folder + "/stranger.key")
    var client = try DoorClient(market: market.address, key: stranger)
    client.retries = 0
    let strange = #expect(throws: DoorClient.Refusal.self) {
      try client.enter([.init(kind: "place", key: "k", body: body)], round: "r", market: id, terms: terms)
    }
    #expect(strange?.status == 403)
    // A company in another's name.
    let rival = try market.key("zephyr")
    let named = EntrySignature.sign(
      [
        SignedEntry(
          market: id, round: "r", terms: terms, company: "acme", key: "k", kind: "place",
          bid: SignedEntry.newBid(company: "acme", key: "k"), parent: nil, body: body)
      ], rival)[0]
    let inAnothersName = #expect(throws: DoorClient.Refusal.self) {
      try market.client("zephyr").ask(
        "POST", "/v1/rounds/r/entries",
        [
          "company": "acme", "terms": .string(terms),
          "entries": [
            [
              "kind": "place", "bid": .string(SignedEntry.newBid(company: "acme", key: "k")), "key": "k",
              "body": .string(body), "signature": .string(named.text),
            ]
          ],
        ])
    }
    #expect(inAnothersName?.status == 403 && inAnothersName?.problems.first?.message == "this key is not one of 'acme'")
    #expect(try market.administer("SELECT count(*) AS n FROM market.entry").one().get("n") == 0)
    #expect(try refusal { _ in } == nil, "the same, unchanged, is taken")
  }

  /// Random bodies: refused with reasons, and never the door's end.
  @Test func randomContent() throws {
    let market = try DoorMarket { $0.perKey = .init(perSecond: 100_000, burst: 100_000) }
    var generator = SeededGenerator(5)
    let client = try market.client()
    let sound =
      #"{"company":"acme","terms":"x","entries":[{"kind":"place","bid":"b","key":"k","body":"","signature":""}]}"#
    for _ in 0..<300 {
      var bytes = Array(sound.utf8)
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...127, using: &generator)
      }
      let refusal = #expect(throws: DoorClient.Refusal.self) {
        try client.askRaw("POST", "/v1/rounds/r/entries", bytes)
      }
      #expect(
        [400, 409, 422].contains(refusal?.status),
        "\(String(decoding: bytes, as: UTF8.self)): \(String(describing: refusal))")
    }
    #expect(try client.ask("GET", "/v1/account").at("company").string() == "acme")
  }
}
