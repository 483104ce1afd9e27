import Files
import Postgres
import Units

/// What the clearing host signs right after a gate has closed: which book was sealed, and under which terms. Whoever
/// keeps the file can later show that the book or the terms are others.
public struct Statement: Sendable, Equatable {
  /// The round's name.
  public let round: String
  /// Entries of the sealed book, everyone's.
  public let entryCount: Int
  /// 32 bytes.
  public let merkleRoot: [UInt8]
  /// Microseconds of the server's clock, UTC.
  public let closedAt: String
  /// What the round was held under.
  public let terms: Terms
  /// The signing host's, 32 bytes (Ed25519).
  public let publicKey: [UInt8]
  /// 64 bytes, over all but the key as one JSON text.
  public let signature: [UInt8]

  /// Signs what the database says of a closed round; for the clearing role.
  ///
  /// - Throws: `GM409` where the round is not sealed.
  public init(_ round: String, key: StatementKey, _ connection: inout Connection) throws {
    guard let row = try connection.query("SELECT * FROM market.closing_facts(\(round))").first else {
      throw PostgresError(
        .refused, "round \(round) is not sealed", sqlState: "GM409",
        hint: "a statement is made once the gate has closed")
    }
    let root: String = try row.get("merkle_root")
    self.round = round
    entryCount = try row.get("entry_count")
    merkleRoot = bytes(hex: root) ?? []
    closedAt = try row.instant("closed_at").iso8601
    terms = try Terms(ofSealed: round, &connection)
    publicKey = key.publicKey
    signature = key.sign(Self.message(round, entryCount, merkleRoot, closedAt, terms))
  }

  /// Reads a statement's file.
  ///
  /// - Throws: `JSONProblem` for another kind of file, `TrustProblem` where the signature is not the key's.
  public init(json text: [UInt8], source: String) throws {
    let value = try JSONReader.parse(text, source: source)
    try value.require(format: Self.format)
    try value.require(keys: [
      "format", "round", "entry_count", "merkle_root", "closed_at", "offer", "caps", "public_key", "signature",
    ])
    func hexadecimal(_ name: String) throws -> [UInt8] {
      let member = try value.at(.key(name))
      guard let found = bytes(hex: try member.string()) else {
        throw member.problem("this is not hexadecimal", "take the statement as the clearing host wrote it")
      }
      return found
    }
    round = try value.at("round").string()
    entryCount = Int(try value.at("entry_count").integer(in: 0...Int64(Int32.max)))
    merkleRoot = try hexadecimal("merkle_root")
    closedAt = try value.at("closed_at").string()
    terms = Terms(offer: try hexadecimal("offer"), caps: try hexadecimal("caps"))
    publicKey = try hexadecimal("public_key")
    signature = try hexadecimal("signature")
    guard
      StatementKey.verifies(
        signature, Self.message(round, entryCount, merkleRoot, closedAt, terms), publicKey: publicKey)
    else {
      throw TrustProblem(
        "the signature of \(source) is not that of its key", "take the statement as the clearing host wrote it")
    }
  }

  private static let format = FileFormat("closing statement", 2)

  private static func message(
    _ round: String, _ count: Int, _ root: [UInt8], _ closedAt: String, _ terms: Terms
  ) -> String {
    JSONText.object(members(round, count, root, closedAt, terms)).text()
  }

  private static func members(
    _ round: String, _ count: Int, _ root: [UInt8], _ closedAt: String, _ terms: Terms
  ) -> [JSONText.Member] {
    [
      .init("format", .string(format.text)), .init("round", .string(round)),
      .init("entry_count", .integer(Int64(count))), .init("merkle_root", .string(hex(root))),
      .init("closed_at", .string(closedAt)), .init("offer", .string(hex(terms.offer))),
      .init("caps", .string(hex(terms.caps))),
    ]
  }

  /// As a file.
  public var json: JSONText {
    .object(
      Self.members(round, entryCount, merkleRoot, closedAt, terms) + [
        .init("public_key", .string(hex(publicKey))), .init("signature", .string(hex(signature))),
      ])
  }

  /// What is not as the seal of a book says, in words; empty if all is.
  ///
  /// - Parameter pinnedKey: the clearing host's public key as it was handed over, in hexadecimal; nil trusts the file's.
  public func problems(round: String, entryCount: Int, merkleRoot: [UInt8], pinnedKey: String?) -> [String] {
    var problems: [String] = []
    if let pinnedKey, pinnedKey.lowercased() != hex(publicKey) {
      problems.append("the statement is signed by another key, \(hex(publicKey))")
    }
    if round != self.round { problems.append("the statement is of round \(self.round)") }
    if entryCount != self.entryCount {
      problems.append("the book has \(entryCount) entries, the statement says \(self.entryCount)")
    }
    if merkleRoot != self.merkleRoot {
      problems.append("the book's root is \(hex(merkleRoot)), the statement says \(hex(self.merkleRoot))")
    }
    return problems
  }

  /// Which terms of a book are not those that were signed, in words; empty if all are.
  func problems(termsOf book: SealedEntries, isEncrypted: Bool) -> [String] {
    var changed = problems(offer: Terms.offer(of: book, isEncrypted: isEncrypted))
    let caps = Terms.caps(of: book)
    if caps != terms.caps {
      changed.append(
        "the caps are not those that were signed: their digest is \(hex(caps)), the statement says \(hex(terms.caps))")
    }
    return changed
  }

  /// The same of the digest of what a round offers alone, which companies can compute: `Terms.offer(of:_:)`.
  public func problems(offer found: [UInt8]) -> [String] {
    guard found != terms.offer else { return [] }
    return [
      "what the round offers, or how it is priced, is not what was signed: the digest of the offer is \(hex(found)), "
        + "the statement says \(hex(terms.offer))"
    ]
  }

  /// Whether both are of the same closing; their terms are compared apart.
  func isOfSameBook(as other: Statement) -> Bool {
    (round, entryCount, closedAt) == (other.round, other.entryCount, other.closedAt) && merkleRoot == other.merkleRoot
  }
}
