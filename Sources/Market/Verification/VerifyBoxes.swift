import Units

/// Opens the boxes of an encrypted round again, with the key that was published with it, and holds what the clearing used
/// to what they hold. What a company sealed lies in the
/// entry whose hash stands in its receipt.
struct VerifyBoxes {
  let book: SealedEntries
  /// Nil where no key was announced.
  let encryption: VerifyBundle.Encryption?
  /// The clearing host's public key in hexadecimal, where the reader has it.
  let pinnedKey: String?
  /// Places and steps that the bids of one company may leave together: the number of market.append_entry and market.open_boxes.
  var mostPlaces = 2_000_000

  init(_ bundle: VerifyBundle, pinnedKey: String?) {
    self.init(SealedEntries(bundle), bundle.encryption, pinnedKey: pinnedKey)
  }

  init(_ book: SealedEntries, _ encryption: VerifyBundle.Encryption?, pinnedKey: String?) {
    self.book = book
    self.encryption = encryption
    self.pinnedKey = pinnedKey
  }

  func problems() -> [String] {
    guard let keys = encryption else {
      return ["bids are said to be opened, and no key was announced for the round"]
    }
    var problems = announcement(keys)
    var heads: [String: VerifyBundle.Entry] = [:]
    for (at, entry) in book.entries.enumerated() where book.setAside[at] == nil {
      heads["\(entry.company)/\(entry.bid)"] = entry
    }
    let live = heads.values.filter { $0.kind != "withdraw" }.sorted { $0.place < $1.place }
    // What was replaced or withdrawn is never opened.
    let openable = Set(live.map(\.place))
    problems += book.entries.filter { !openable.contains($0.place) && ($0.opened != nil || $0.refusal != nil) }
      .map { "\($0.name): it was replaced, withdrawn or set aside, and opened all the same" }
    guard !live.isEmpty else { return problems }
    guard let secret = keys.secretKey.flatMap({ bytes(hex: $0) }) else {
      return problems + ["the key that opens the boxes was not published with them"]
    }
    let pair = EncryptionKeyPair(secretKey: secret)
    guard hex(pair.publicKey) == keys.publicKey else {
      return problems + ["the published key does not open what was sealed to the announced one"]
    }
    // In order of acceptance, as they were opened.
    var places: [String: Int] = [:]
    return problems + live.flatMap { entry in reopened(entry, pair, &places[entry.company, default: 0]) }
  }

  private func announcement(_ keys: VerifyBundle.Encryption) -> [String] {
    guard
      EncryptionAnnouncement.isSigned(
        bytes(hex: keys.signature) ?? [], by: bytes(hex: keys.signer) ?? [], round: book.round.name,
        publicKey: bytes(hex: keys.publicKey) ?? [], gate: book.round.gate)
    else {
      return [
        "the announcement of the round's key is not signed by \(keys.signer), or not for the gate \(book.round.gate)"
      ]
    }
    guard let pinnedKey, keys.signer != pinnedKey.lowercased() else { return [] }
    return ["the round's key was announced by \(keys.signer), not by the clearing host"]
  }

  private func reopened(_ entry: VerifyBundle.Entry, _ pair: EncryptionKeyPair, _ places: inout Int) -> [String] {
    let found = EncryptedBid.open(
      entry.body, round: book.round.name, company: entry.company, key: entry.key, pair)
    if entry.opened == nil, entry.refusal == nil { return ["\(entry.name): its box was never opened"] }
    guard found.body == entry.opened else {
      return ["\(entry.name): its box holds another bid than the one that was cleared"]
    }
    let justified =
      found.refusal
      ?? found.body.flatMap { fault(of: $0, declared: entry.body, company: entry.company, &places) }
    switch (justified, entry.refusal) {
    case (nil, let said?): return ["\(entry.name): it was refused without cause: \(said)"]
    case (let cause?, nil): return ["\(entry.name): it takes part, although \(cause)"]
    default: return []
    }
  }

  /// What the door would have found wrong, had it seen the bid.
  ///
  /// - Parameter total: what the company's bids before it leave; this one is added if nothing is wrong.
  private func fault(
    of body: String, declared sealed: String, company: String, _ total: inout Int
  ) -> String? {
    let rules = BidRules(round: book.round, pools: book.pools)
    let slot = book.round.slotLength
    do {
      let bid = try Bid(body: body)
      guard bid.body == body else { return "it is not written in the form that is hashed" }
      try rules.check(bid)
      let declared = try EncryptedBid.declaredExposure(sealed)
      // In 128 bits, for nothing bounds what a box may ask.
      guard bid.cost(slot) <= Int128(declared.microdollars) else {
        return "it may cost more than the \(declared) it declared"
      }
      for (pool, gpus) in bid.kind.gpusAtOnce {
        for cap in book.caps where cap.company == company && cap.pool == pool && gpus > cap.gpus {
          return "\(gpus) GPUs of \(pool) are more than the cap of its company, \(cap.gpus) GPUs"
        }
      }
      let places = bid.kind.places(slot)
      guard total + places <= mostPlaces else {
        return "with it the bids of its company leave \(total + places) places and steps to choose from"
      }
      total += places
      return nil
    } catch let fault as BidRules.Fault {
      return fault.problem
    } catch {
      return "\(error)"
    }
  }
}

extension VerifyBundle.Entry {
  /// How a problem names it.
  var name: String { "entry \(place), bid \(bid) of \(company)" }
}
