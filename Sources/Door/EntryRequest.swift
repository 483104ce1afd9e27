import Files
import Signing

/// A request for the order book, read and its form checked: entries of one company for one round.
struct EntryRequest: Sendable {
  let caller: [UInt8]
  let round: String
  let company: String
  /// As the client says; compared with the round's own.
  let terms: String
  let entries: [Entry]

  struct Entry: Sendable {
    let kind: String
    let bid: String
    let parent: String?
    let key: String
    let body: String
    let signature: EntrySignature
  }

  /// Reads `{"company":…,"terms":…,"entries":[…]}`.
  ///
  /// - Throws: everything wrong with it, as far as it can be told.
  init(_ call: Call, body: [UInt8], most: Int) throws(Refusals) {
    caller = call.caller
    round = call.path["round"] ?? ""
    var problems: [DoorProblem] = []
    do {
      let value = try JSONReader.parse(body, source: "request", depthLimit: 8)
      try value.require(keys: ["company", "terms", "entries"])
      company = try value.at("company").string()
      terms = try value.at("terms").string()
      var entries: [Entry] = []
      for item in try value.at("entries").elements() {
        do throws(JSONProblem) {
          entries.append(try Self.entry(item, company: company, caller: call.caller))
        } catch {
          problems.append(Self.problem(error))
          if problems.count >= 100 { break }
        }
        guard entries.count <= most else {
          problems.append(
            DoorProblem(413, "large", "the request has more than \(most) entries", "send it in parts", at: "entries"))
          break
        }
      }
      self.entries = entries
    } catch {
      throw Refusals([Self.problem(error)])
    }
    if entries.isEmpty, problems.isEmpty {
      problems.append(DoorProblem(400, "GM400", "the request has no entries", "send one at least", at: "entries"))
    }
    guard problems.isEmpty else { throw Refusals(problems) }
  }

  private static func entry(_ item: JSONValue, company: String, caller: [UInt8]) throws(JSONProblem) -> Entry {
    try item.require(keys: ["kind", "bid", "key", "body", "signature"], optional: ["parent"])
    let kind = try item.at("kind").string()
    guard ["place", "amend", "withdraw"].contains(kind) else {
      throw try item.at("kind").problem("there is no such kind", "give place, amend or withdraw")
    }
    let key = try item.at("key").string()
    guard (1...200).contains(key.unicodeScalars.count) else {
      throw try item.at("key").problem("the key has not 1 to 200 characters", "use a new random key for each entry")
    }
    let bid = try item.at("bid").string()
    guard kind != "place" || bid == SignedEntry.newBid(company: company, key: key) else {
      throw try item.at("bid").problem(
        "this is not the id that company and key give",
        "take b_ and the first 32 hexadecimal digits of SHA-256 over company, / and key")
    }
    let parent = item["parent"].flatMap { $0.isNull ? nil : $0 }
    let body = try item.at("body").string()
    if kind == "withdraw" {
      if let parent { throw parent.problem("a withdrawal hangs on nothing", "leave parent out") }
      guard body.isEmpty else { throw try item.at("body").problem("a withdrawal has no body", "send an empty text") }
    }
    guard let signature = EntrySignature(text: try item.at("signature").string()) else {
      throw try item.at("signature").problem("this is no entry's signature", "see Entry in /v1/openapi.json")
    }
    guard signature.publicKey == caller else {
      throw try item.at("signature").problem(
        "the entry is signed by another key than the request", "sign both with one key")
    }
    return Entry(
      kind: kind, bid: bid, parent: try parent?.string(), key: key, body: body, signature: signature)
  }

  /// Which entries' signatures are wrong.
  ///
  /// Of an import, many share one signature over one root, which is looked at once.
  func signatureProblems(market: String) -> [DoorProblem] {
    var known: Set<[UInt8]> = []
    var problems: [DoorProblem] = []
    for (at, entry) in entries.enumerated() {
      let signed = SignedEntry(
        market: market, round: round, terms: terms, company: company, key: entry.key, kind: entry.kind, bid: entry.bid,
        parent: entry.parent, body: entry.body)
      guard !entry.signature.verifies(signed, known: &known) else { continue }
      problems.append(
        DoorProblem(
          422, "GM422", "the entry's signature is not that of its key over these fields",
          "sign market, round, terms, company, key, kind, bid, parent and body as /v1/openapi.json says",
          at: "entries[\(at)].signature"))
      if problems.count >= 100 { break }
    }
    return problems
  }

  /// As the database's function takes it.
  var json: JSONText {
    [
      "caller": .string(hexText(caller)), "company": .string(company), "round": .string(round),
      "entries": .array(
        entries.map { entry in
          [
            "kind": .string(entry.kind), "bid": .string(entry.bid), "parent": entry.parent.map { .string($0) } ?? .null,
            "key": .string(entry.key), "body": .string(entry.body), "signature": .string(entry.signature.text),
          ]
        }),
    ]
  }

  /// Whether a text holds what PostgreSQL cannot keep: a refusal of the whole batch it would be part of.
  var zeroProblem: DoorProblem? {
    let texts = [company, terms, round] + entries.flatMap { [$0.bid, $0.parent ?? "", $0.key, $0.body] }
    guard texts.contains(where: { $0.utf8.contains(0) }) else { return nil }
    return DoorProblem(400, "GM400", "a text holds a zero character", "leave it out")
  }

  private static func problem(_ error: JSONProblem) -> DoorProblem {
    DoorProblem(
      400, "GM400", "line \(error.line), column \(error.column): \(error.problem)", error.advice,
      at: error.path.isEmpty ? nil : error.path)
  }
}

/// Why a request is refused: at least one problem.
struct Refusals: Error {
  let problems: [DoorProblem]

  init(_ problems: [DoorProblem]) { self.problems = problems }
}
