/// What a company signs of an entry for the order book: all that it can mean. The server's time and salt come later, and
/// the receipt has them.
public struct SignedEntry: Sendable, Equatable {
  /// The market's random id, so that no entry serves in another market.
  public var market: String
  /// The round's name.
  public var round: String
  /// The digest of the round's terms, 64 hexadecimal digits: under other terms the entry does not hold.
  public var terms: String
  /// The company's name.
  public var company: String
  /// Idempotency key, 1 to 200 characters.
  public var key: String
  /// `place`, `amend` or `withdraw`.
  public var kind: String
  /// The bid's id; of a new bid `newBid(company:key:)`.
  public var bid: String
  /// The company's bid that it hangs on.
  public var parent: String?
  /// The bid as JSON, or its box in an encrypted round; empty for a withdrawal.
  public var body: String

  /// An entry with all its fields.
  public init(
    market: String, round: String, terms: String, company: String, key: String, kind: String, bid: String,
    parent: String?, body: String
  ) {
    self.market = market
    self.round = round
    self.terms = terms
    self.company = company
    self.key = key
    self.kind = kind
    self.bid = bid
    self.parent = parent
    self.body = body
  }

  /// SHA-256 over the fields, each with its length before it, 32 bytes.
  public var digest: [UInt8] {
    digest256(
      lengthPrefixed(
        ["gpumarket signed entry 1", market, round, terms, company, key, kind, bid, parent ?? "", body]))
  }

  /// The id that a new bid gets, which follows from company and key: 128 bits, since the company chooses the key.
  public static func newBid(company: String, key: String) -> String {
    "b_" + hexText(digest256(Array("\(company)/\(key)".utf8)).prefix(16))
  }
}

/// A company's signature over an entry, as the order book keeps it.
///
/// What is signed is the root of a Merkle tree over entries' digests, so that an import of thousands takes one signature
/// and each entry can be checked alone. A single entry is a tree of one leaf.
public struct EntrySignature: Sendable, Equatable {
  /// The key that signed, 32 bytes.
  public let publicKey: [UInt8]
  /// 64 bytes.
  public let signature: [UInt8]
  /// From the entry to what was signed.
  public let path: [MerkleTree.Sibling]

  /// The most steps of a path: more entries than a round may hold.
  static let deepest = 32
  private static let format: UInt8 = 1

  private static func message(_ root: [UInt8]) -> [UInt8] { Array("gpumarket signed entries 1\n".utf8) + root }

  /// Signs entries together, each to be kept with its own.
  public static func sign(_ entries: [SignedEntry], _ key: CompanyKey) -> [EntrySignature] {
    let (root, paths) = MerkleTree.paths(entries.map(\.digest))
    let signature = key.sign(message(root))
    return paths.map { EntrySignature(publicKey: key.publicKey, signature: signature, path: $0) }
  }

  /// Whether it is its key's over this entry. That the key was the company's is another question.
  public func verifies(_ entry: SignedEntry) -> Bool {
    CompanyKey.verifies(
      signature, Self.message(MerkleTree.root(of: entry.digest, path: path)), publicKey: publicKey)
  }

  /// The same for many entries, of which those that were signed together share a signature: `known` remembers what was
  /// verified already.
  public func verifies(_ entry: SignedEntry, known: inout Set<[UInt8]>) -> Bool {
    let message = Self.message(MerkleTree.root(of: entry.digest, path: path))
    let whole = publicKey + signature + message
    if known.contains(whole) { return true }
    guard CompanyKey.verifies(signature, message, publicKey: publicKey) else { return false }
    known.insert(whole)
    return true
  }

  init(publicKey: [UInt8], signature: [UInt8], path: [MerkleTree.Sibling]) {
    self.publicKey = publicKey
    self.signature = signature
    self.path = path
  }

  /// The stored form: the format's number 1, key, signature, number of steps, and for each its side (0 left, 1 right) and
  /// hash.
  public var bytes: [UInt8] {
    [Self.format] + publicKey + signature + [UInt8(path.count)] + path.flatMap { [$0.isLeft ? 0 : 1] + $0.hash }
  }

  /// Reads the stored form; nil where it is none.
  public init?(bytes: [UInt8]) {
    guard bytes.count >= 98, bytes[0] == Self.format, bytes[97] <= Self.deepest, bytes.count == 98 + 33 * Int(bytes[97])
    else { return nil }
    publicKey = Array(bytes[1..<33])
    signature = Array(bytes[33..<97])
    var path: [MerkleTree.Sibling] = []
    for at in stride(from: 98, to: bytes.count, by: 33) {
      guard bytes[at] <= 1 else { return nil }
      path.append(MerkleTree.Sibling(isLeft: bytes[at] == 0, hash: Array(bytes[at + 1..<at + 33])))
    }
    self.path = path
  }

  /// The stored form in base64, as requests carry it.
  public var text: String { base64Text(bytes) }

  /// Reads what `text` gives; nil where it is none.
  public init?(text: String) {
    guard text.utf8.count <= 4096, let bytes = bytesOfBase64(text) else { return nil }
    self.init(bytes: bytes)
  }
}
