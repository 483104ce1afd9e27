import Signing

/// A company's registered key, as it stood when a book was sealed.
public struct RegisteredKey: Sendable, Equatable {
  /// The company's name.
  public let company: String
  /// Whose it is, in the company.
  public let member: String
  /// Whether it may sign bids; else it only reads.
  public let mayBid: Bool
  /// 64 hexadecimal digits.
  public let publicKey: String
  /// UTC to the microsecond, in the form of an entry's time, so that texts compare as times do.
  public let registeredAt: String
  /// The same; nil while it is in force.
  public let revokedAt: String?
}

/// Which entries of a sealed book count for nothing: those that their company did not sign, and those that the ones before them
/// leave no sense. A rule and no choice: the clearing job and everyone who verifies find the same.
///
/// A withdrawal set aside leaves its bid standing, an amendment set aside the bid as it was.
struct SetAside {
  /// The market's random id, and the digest of the round's terms, 64 hexadecimal digits.
  let market, terms: String
  let round: String
  private let keys: [String: [RegisteredKey]]

  init(market: String, terms: String, round: String, keys: [RegisteredKey]) {
    self.market = market
    self.terms = terms
    self.round = round
    self.keys = Dictionary(grouping: keys, by: \.company)
  }

  /// Reasons by the entries' positions; empty where all count. Entries come in the sealed order.
  func reasons(_ entries: [VerifyBundle.Entry]) -> [Int: String] {
    guard !keys.isEmpty else { return [:] }
    var reasons: [Int: String] = [:]
    var known: Set<[UInt8]> = []
    /// Whether the bid stands, by company and bid.
    var stands: [[UInt8]: Bool] = [:]
    for (at, entry) in entries.enumerated() {
      // A company that has no key, or had none yet, signs nothing.
      guard let theirs = keys[entry.company],
        entry.signature != nil || theirs.contains(where: { $0.registeredAt <= entry.acceptedAt })
      else { continue }
      let bid: [UInt8] = Array(entry.company.utf8) + [0] + Array(entry.bid.utf8)
      if let reason = fault(entry, theirs, &known) {
        reasons[at] = reason
      } else if entry.kind == "place" ? stands[bid] != nil : stands[bid] != true {
        reasons[at] = entry.kind == "place" ? "its bid was placed before" : "its bid does not stand"
      } else {
        stands[bid] = entry.kind != "withdraw"
      }
    }
    return reasons
  }

  private func fault(_ entry: VerifyBundle.Entry, _ keys: [RegisteredKey], _ known: inout Set<[UInt8]>) -> String? {
    guard let text = entry.signature else { return "its company did not sign it" }
    guard let bytes = bytes(hex: text), let signature = EntrySignature(bytes: bytes) else {
      return "its signature cannot be read"
    }
    guard let key = keys.first(where: { $0.publicKey == hex(signature.publicKey) }) else {
      return "it is signed by a key that is none of its company's"
    }
    guard key.mayBid, key.registeredAt <= entry.acceptedAt, key.revokedAt.map({ entry.acceptedAt < $0 }) ?? true else {
      return "it is signed by a key that was not allowed to bid then"
    }
    let signed = SignedEntry(
      market: market, round: round, terms: terms, company: entry.company, key: entry.key, kind: entry.kind,
      bid: entry.bid, parent: entry.parent, body: entry.body)
    return signature.verifies(signed, known: &known)
      ? nil : "its signature is not that of its company over these fields"
  }
}
