import Files
import Postgres
import Units

/// All of a published round, as the auditor gets it: enough to check the clearing without a database.
public struct VerifyBundle: Sendable {
  /// An entry of the order book with every field that is hashed.
  public struct Entry: Sendable {
    /// In the sealed order, from 1.
    public let place: Int
    /// The company's name, which is hashed; its login is not.
    public let company: String
    /// `b_` and 32 hexadecimal digits; a company's own, kept when it amends or withdraws.
    public let bid: String
    /// `place`, `amend` or `withdraw`.
    public let kind: String
    /// The bid of the same company that it hangs on; nil without one, and for a withdrawal.
    public let parent: String?
    /// Idempotency key, 1 to 200 characters; a company uses each once.
    public let key: String
    /// 32 hexadecimal digits, random: whoever sees the hash cannot find the entry by guessing.
    public let salt: String
    /// By the server's clock, UTC to the microsecond; text, because its very form is hashed.
    public let acceptedAt: String
    /// `Bid.body`, or what `EncryptedBid.seal` made of it; empty for a withdrawal.
    public let body: String
    /// The company's over all that it can mean, in hexadecimal (`EntrySignature.bytes`); nil of one that has no key.
    public internal(set) var signature: String?
    /// As stored, 64 hexadecimal digits; the checks compute it again (`SealHash.entry`).
    public let hash: String
    /// What was sealed in the body, in an encrypted round.
    public let opened: String?
    /// Why it was refused at opening.
    public let refusal: String?
  }

  /// The keys of an encrypted round.
  public struct Encryption: Sendable {
    /// As announced, in hexadecimal, with who signed that.
    public let publicKey, signer, signature: String
    /// Nil where no box was ever opened.
    public let secretKey: String?
  }

  /// What was published of a clearing.
  public struct Record: Sendable {
    /// As in `RoundResult`: three digests in hexadecimal, the engine's version, an effort's text, a `TieStatus`.
    public let merkleRoot, instanceDigest, resultDigest, engineVersion, effort, ties: String
    /// Units of work, as in `Effort.units`.
    public let workDone: Int
    /// Whether the deadline ended it; whether welfare equals bound.
    public let stoppedEarly, proven: Bool
    /// The rule that the payments follow: the round's, or `vcg` where core-selecting fell back to it.
    public let pricedBy: String
    /// Micro-dollars net of reserve cost: of what was awarded, and what no allocation exceeds.
    public let welfare, bound: Int64
    /// What the prices alone bound the welfare by.
    public let priceBound: Int64
    /// Micro-dollars for a lot of each pool in each slot.
    public let prices: [String: [Int64]]
  }

  /// A published award.
  public struct PublishedAward: Sendable {
    /// `a_…`, the company's name, `b_…`.
    public let id, company, bid: String
    /// Which alternative of a block bid, from 1; nil for a curve.
    public let alternative: Int?
    /// GPUs times slots, then micro-dollars: as the file says, until checked.
    public let gpuSlots, value, reserveCost, payment: Int64
    /// GPUs, not lots, from `start` to before `end`; by start, then pool.
    public let uses: [(pool: String, start: Instant, end: Instant, gpus: Int)]
  }

  /// What a company was charged.
  public struct Payment: Sendable {
    /// The company's name.
    public let company: String
    /// Micro-dollars: the charge, and the interval that certainly holds the rule's payment.
    public let payment, low, high: Int64
    /// Whether the rule's payment is known to the micro-dollar.
    public let exact: Bool
  }

  /// One line of the transaction that an award caused.
  public struct Posting: Sendable {
    /// Of the ledger's transaction; all its lines share it.
    public let number: Int64
    /// `a_…`, an account such as `Assets:Receivable:Acme`, and its kind: `receivable` or `revenue`.
    public let award, account, kind: String
    /// Whose receivable the account is, and of which pool the revenue, by the ledger's own columns; nil for an account
    /// of another kind.
    public let company, pool: String?
    /// Whom the transaction charges, on invoices too, by the ledger's own column; nil where that is nobody.
    public let transactionCompany: String?
    /// Positive for a debit, negative for a credit; a transaction's lines add up to zero.
    public let cents: Int64
  }

  /// Its state is always published, and its server's clock stands at the gate.
  public let round: Round
  /// When the book was sealed: after every entry, UTC to the microsecond, in the form of `Entry.acceptedAt`.
  public let closedAt: String
  /// What the seal says; the checks compare it with `entries`.
  public let entryCount: Int
  /// What the seal says, 64 hexadecimal digits.
  public let merkleRoot: String
  /// Whether bids were to be sealed.
  public let isEncrypted: Bool
  /// Nil where no key was announced, as for a default round.
  public let encryption: Encryption?
  /// In the engine's order.
  public let pools: [OfferedPool]
  /// As they stood at the seal: the most GPUs a company may hold of a pool in any slot.
  public let caps: [(company: String, pool: String, gpus: Int)]
  /// Of the caps' digest in a statement, in hexadecimal; empty where the database has lost it.
  public let capsSalt: String
  /// The market's random id, which companies sign.
  public let market: String
  /// Of the companies in the book, as they stood when it was sealed.
  public let keys: [RegisteredKey]
  /// All of the round, in the sealed order.
  public let entries: [Entry]
  /// The clearing as it was published.
  public let record: Record
  /// In the order of acceptance of their bids.
  public let awards: [PublishedAward]
  /// By company name; one for each company that won something.
  public let payments: [Payment]
  /// By transaction and line; corrections made later are not here.
  public let postings: [Posting]
  /// The file's own text.
  public let text: String

  private static let sections = [
    "round", "pools", "caps", "keys", "entries", "clearing", "awards", "payments", "postings",
  ]
  private static let format = FileFormat("bundle", 3)

  /// Asks the database, as the auditor.
  ///
  /// - Throws: `GM409` before publication.
  public static func load(_ round: String, _ connection: inout Connection) throws -> VerifyBundle {
    var content: [String: String] = [:]
    var entries: [Substring] = []
    for row in try connection.query("SELECT section, content::text AS content FROM market.audit_round(\(round))") {
      let section: String = try row.get("section")
      let text: String = try row.get("content")
      // Entries come as several lists, none of them empty.
      if section == "entries" { entries.append(text.dropFirst().dropLast()) } else { content[section] = text }
    }
    content["entries"] = "[\(entries.joined(separator: ", "))]"
    let body = sections.map { "\"\($0)\":\(content[$0] ?? "null")" }.joined(separator: ",\n")
    return try VerifyBundle(json: sealed(Array(body.utf8)), source: round)
  }

  /// The file around its sections. The digest finds a damaged file; that the content is true, the checks find.
  static func sealed(_ sections: [UInt8]) -> [UInt8] {
    Array("{\"format\":\"\(format.text)\",\"sha256\":\"\(hex(sha256(sections)))\",\n".utf8) + sections
      + Array("}\n".utf8)
  }

  /// Reads an exported bundle.
  ///
  /// - Throws: `JSONProblem`, or `TrustProblem` for a damaged file.
  public init(json bytes: [UInt8], source: String) throws {
    text = String(decoding: bytes, as: UTF8.self)
    let value = try JSONReader.parse(bytes, source: source)
    try value.require(format: Self.format)
    try value.require(keys: ["format", "sha256"] + Self.sections)
    let start = "{\"format\":\"\(Self.format.text)\",\"sha256\":\"\(try value.at("sha256").string())\",\n"
    guard text.hasPrefix(start), text.hasSuffix("}\n"),
      hex(sha256(Array(text.utf8.dropFirst(start.utf8.count).dropLast(2)))) == (try value.at("sha256").string())
    else { throw TrustProblem("the bundle \(source) is damaged", "export it again") }

    let head = try value.at("round")
    round = try Round(bundle: head)
    closedAt = try head.at("closed_at").string()
    entryCount = Int(try head.at("entry_count").integer())
    merkleRoot = try head.at("merkle_root").string()
    let keys = try head.at("encryption")
    encryption = keys.isNull ? nil : try Encryption(keys)
    isEncrypted = try head.at("encrypted").bool()
    capsSalt = try head.optionalText("caps_salt") ?? ""
    pools = try value.at("pools").elements().map { pool in
      OfferedPool(
        name: try pool.at("name").string(),
        capacityGPUs: try pool.at("capacity_gpus").elements().map { Int(try $0.integer(in: 0...10_000_000)) },
        lotGPUs: Int(try pool.at("lot_gpus").integer(in: 1...1_000_000)),
        reserve: try Price(microdollarsPerGPUHour: pool.at("reserve_price").integer()))
    }
    caps = try value.at("caps").elements().map { cap in
      (try cap.at("company").string(), try cap.at("pool").string(), Int(try cap.at("gpus").integer()))
    }
    market = try head.at("market").string()
    self.keys = try value.at("keys").elements().map { key in
      RegisteredKey(
        company: try key.text("company"), member: try key.text("member"), mayBid: try key.at("may_bid").bool(),
        publicKey: try key.text("public_key"), registeredAt: try key.text("registered_at"),
        revokedAt: try key.optionalText("revoked_at"))
    }
    entries = try value.at("entries").elements().map { try Entry($0) }
    record = try Record(value.at("clearing"))
    awards = try value.at("awards").elements().map { try PublishedAward($0) }
    payments = try value.at("payments").elements().map { item in
      Payment(
        company: try item.at("company").string(), payment: try item.at("payment").integer(),
        low: try item.at("low").integer(),
        high: try item.at("high").integer(), exact: try item.at("exact").bool())
    }
    postings = try value.at("postings").elements().map { try Posting($0) }
  }
}

extension JSONValue {
  fileprivate func text(_ name: String) throws -> String { try at(.key(name)).string() }
  fileprivate func optionalText(_ name: String) throws -> String? {
    let value = try at(.key(name))
    return value.isNull ? nil : try value.string()
  }
  fileprivate func instant(_ name: String) throws -> Instant { try Instant(iso8601: text(name)) }
}

extension VerifyBundle.Entry {
  fileprivate init(_ value: JSONValue) throws {
    place = Int(try value.at("place").integer())
    company = try value.text("company")
    bid = try value.text("bid")
    kind = try value.text("kind")
    parent = try value.optionalText("parent")
    key = try value.text("key")
    salt = try value.text("salt")
    acceptedAt = try value.text("accepted_at")
    body = try value.text("body")
    signature = try value.optionalText("signature")
    hash = try value.text("hash")
    opened = try value.optionalText("opened")
    refusal = try value.optionalText("refusal")
  }
}

extension VerifyBundle.Encryption {
  fileprivate init(_ value: JSONValue) throws {
    publicKey = try value.text("public_key")
    signer = try value.text("signer")
    signature = try value.text("signature")
    secretKey = try value.optionalText("secret_key")
  }
}

extension VerifyBundle.Record {
  fileprivate init(_ value: JSONValue) throws {
    merkleRoot = try value.text("merkle_root")
    instanceDigest = try value.text("instance_digest")
    resultDigest = try value.text("result_digest")
    engineVersion = try value.text("engine_version")
    effort = try value.text("effort")
    ties = try value.text("ties")
    pricedBy = try value.text("priced_by")
    workDone = Int(try value.at("work_done").integer())
    stoppedEarly = try value.at("stopped_early").bool()
    proven = try value.at("proven").bool()
    welfare = try value.at("welfare").integer()
    bound = try value.at("bound").integer()
    priceBound = try value.at("price_bound").integer()
    var prices: [String: [Int64]] = [:]
    for (pool, line) in try value.at("prices").members() {
      prices[pool] = try line.elements().map { try $0.integer(in: 0 ... .max) }
    }
    self.prices = prices
  }
}

extension VerifyBundle.PublishedAward {
  fileprivate init(_ value: JSONValue) throws {
    id = try value.text("award")
    company = try value.text("company")
    bid = try value.text("bid")
    let alternative = try value.at("alternative")
    self.alternative = alternative.isNull ? nil : Int(try alternative.integer())
    gpuSlots = try value.at("gpu_slots").integer()
    self.value = try value.at("value").integer()
    reserveCost = try value.at("reserve_cost").integer()
    payment = try value.at("payment").integer()
    uses = try value.at("uses").elements().map { use in
      (try use.text("pool"), try use.instant("start"), try use.instant("end"), Int(try use.at("gpus").integer()))
    }
  }
}

extension VerifyBundle.Posting {
  fileprivate init(_ value: JSONValue) throws {
    number = try value.at("number").integer()
    award = try value.text("award")
    account = try value.text("account")
    kind = try value.text("kind")
    company = try value.optionalText("company")
    pool = try value.optionalText("pool")
    transactionCompany = try value.optionalText("transaction_company")
    cents = try value.at("cents").integer()
  }
}

extension Round {
  /// As a bundle has it: published, its server's clock standing at its gate.
  fileprivate init(bundle value: JSONValue) throws {
    name = try value.text("name")
    state = .published
    delivery = try TimeRange(start: value.instant("delivery_start"), end: value.instant("delivery_end"))
    gate = try value.instant("gate")
    pricing = try value.text("pricing")
    effort = try value.text("effort")
    isSimulated = try value.at("simulated").bool()
    slotLength = try SlotLength(minutes: Int(value.at("slot_minutes").integer(in: 1...1440)))
    cancelReason = nil
    serverTime = gate
  }
}
