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
    for (at, entry) in book.entries.enumerated() where book.setAside[at] == nil { heads["\(entry.company)/\(entry.bid)"] = entry }
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
      // In 128 bits, for nothing bounds what a box may ask.
      var cost: Int128 = 0
      var places = 0
      switch bid {
      case .block(let choices):
        guard (1...1000).contains(choices.count) else { return "it has \(choices.count) alternatives" }
        for choice in choices {
          guard choice.gpus > 0, choice.slots > 0, choice.minimumGPUs ?? 1 > 0 else { return "it asks for nothing" }
          try rules.check(choice)
          cost = max(
            cost, Int128(choice.limit.microdollarsPerGPUSlot(slot)) * Int128(choice.gpus) * Int128(choice.slots))
          places += try slot.count(in: choice.window) - choice.slots + 1
        }
      case .curve(let segments):
        guard (1...10_000).contains(segments.count) else { return "it has \(segments.count) segments" }
        for segment in segments {
          guard segment.steps.allSatisfy({ $0.gpus > 0 }) else { return "it asks for nothing" }
          try rules.check(segment)
          let slots = try slot.count(in: segment.period)
          for step in segment.steps {
            cost += Int128(step.limit.microdollarsPerGPUSlot(slot)) * Int128(step.gpus) * Int128(slots)
          }
          places += slots * segment.steps.count
        }
        for (_, own) in Dictionary(grouping: segments, by: \.pool) {
          let ordered = own.map(\.period).sorted { $0.start < $1.start }
          guard zip(ordered, ordered.dropFirst()).allSatisfy({ $0.end <= $1.start }) else {
            return "two segments of its curve cover the same slot"
          }
        }
      }
      guard places <= 100_000 else { return "it leaves \(places) places and steps to choose from" }
      let declared = try EncryptedBid.declaredExposure(sealed)
      guard cost <= Int128(declared.microdollars) else {
        return "it may cost more than the \(declared) it declared"
      }
      for (pool, gpus) in bid.gpusAtOnce {
        for cap in book.caps where cap.company == company && cap.pool == pool && gpus > cap.gpus {
          return "\(gpus) GPUs of \(pool) are more than the cap of its company, \(cap.gpus) GPUs"
        }
      }
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

extension Bid {
  /// The most GPUs of each pool that it could hold in one slot.
  var gpusAtOnce: [(pool: String, gpus: Int)] {
    switch self {
    case .block(let choices): choices.map { ($0.pool, $0.gpus) }
    case .curve(let segments): segments.map { ($0.pool, $0.steps.reduce(0) { $0 + $1.gpus }) }
    }
  }
}
