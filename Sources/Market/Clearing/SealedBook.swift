import Clearing
import Files
import Postgres
import Units

/// The book of a round after its gate: what a clearing is computed from, and nothing else is.
///
/// There is no such value for an open round: the database gives none out.
public struct SealedBook: Sendable {
  /// One live bid.
  public struct Entry: Sendable {
    /// Counted from 1 in the sealed order of all entries.
    public let place: Int
    /// The company's name.
    public let company: String
    /// `b_…`, unique for a company.
    public let id: String
    /// The company's bid that it hangs on, which is in the book too.
    public let parent: String?
    /// As it was opened, in an encrypted round.
    public let bid: Bid
    /// The JSON that `bid` was read from.
    public let bodyText: String
    /// Of its newest entry, by the server's clock.
    public let acceptedAt: Instant
    /// On that entry's receipt, 32 bytes.
    public let hash: [UInt8]
  }

  /// Closed or published.
  public let round: Round
  /// Over all entries of the seal, 32 bytes.
  public let merkleRoot: [UInt8]
  /// Of the seal, amended and withdrawn ones included.
  public let entryCount: Int
  /// In the engine's order.
  public let pools: [OfferedPool]
  /// As they stood at the seal: the most GPUs a company may hold of a pool in any slot.
  public let caps: [(company: String, pool: String, gpus: Int)]
  /// In order of acceptance.
  public let entries: [Entry]
}

/// The engine's view of a sealed book, and the way back from its awards.
public struct BookInstance: Sendable {
  /// In lots where the book has GPUs; pools and bids in the book's order.
  public let instance: Instance
  /// SHA-256 over everything the instance was made from, for the record.
  public let digest: [UInt8]
  private let book: SealedBook
  private let alternatives: [Int: [Int]]

  /// How a kind of bid counts in lots and slots.
  struct Lots {
    let length: SlotLength
    let deliveryStart: Instant
    let poolIndex: [String: Int]
    let lotGPUs: [Int]
    /// The bid that is read, for the error.
    var asked = ""

    func pool(_ name: String) throws(InstanceError) -> (index: Int, lot: Int) { try pool(name, of: "bid \(asked)") }

    func pool(_ name: String, of what: @autoclosure () -> String) throws(InstanceError) -> (index: Int, lot: Int) {
      guard let index = poolIndex[name] else {
        throw InstanceError(problem: "\(what()) names the pool \(name), which the round does not offer; correct it")
      }
      return (index, lotGPUs[index])
    }

    func slot(_ instant: Instant) -> Int { Int((instant - deliveryStart).seconds / length.span.seconds) }
  }

  /// Turns pools into lots and windows into placements.
  ///
  /// Quantities are counted in lots, capacities and caps rounded down to whole lots. A block bid's placements are
  /// its alternatives in order, each at every start in its window, earliest first: the order that the tie rule reads.
  public init(_ book: SealedBook) throws(InstanceError) {
    self.book = book
    let round = book.round
    let length = round.slotLength
    var builder = Instance.Builder(name: round.name, slotMinutes: length.minutes, slotCount: round.slotCount)
    var poolIndex: [String: Int] = [:]
    for pool in book.pools {
      poolIndex[pool.name] = builder.addPool(
        name: pool.name, capacity: pool.capacityGPUs.map { $0 / pool.lotGPUs },
        reserve: pool.reserve.microdollarsPerGPUSlot(length) * Int64(pool.lotGPUs))
    }
    let lots = Lots(
      length: length, deliveryStart: round.delivery.start, poolIndex: poolIndex, lotGPUs: book.pools.map(\.lotGPUs))
    for cap in book.caps {
      let (index, lot) = try lots.pool(cap.pool, of: "a cap of company \(cap.company)")
      builder.addCap(company: cap.company, pool: index, gpus: cap.gpus / lot)
    }
    let shared = Self.sharedIDs(book)
    /// The engine wants one id for each bid. It tells bids apart by nothing else, and no digest has it.
    func engineID(_ id: String, _ entry: SealedBook.Entry) -> String {
      shared.contains(id) ? "\(entry.company)/\(id)" : id
    }
    var alternatives: [Int: [Int]] = [:]
    for (position, entry) in book.entries.enumerated() {
      let id = engineID(entry.id, entry)
      let parent = entry.parent.map { engineID($0, entry) }
      var lots = lots
      lots.asked = entry.id
      switch try entry.bid.kind.demand(lots) {
      case .placements(let placements, let origin):
        alternatives[position] = origin
        _ = builder.addBid(id: id, company: entry.company, parent: parent, placements: placements)
      case .points(let points):
        _ = builder.addBid(id: id, company: entry.company, parent: parent, curve: points)
      }
    }
    self.alternatives = alternatives
    instance = try builder.build()
    digest = sha256(Self.canonicalText(book))
  }

  /// Ids that bids of several companies have: they follow from keys, which companies choose.
  private static func sharedIDs(_ book: SealedBook) -> Set<String> {
    var owner: [String: String] = [:]
    owner.reserveCapacity(book.entries.count)
    var shared = Set<String>()
    for entry in book.entries {
      if let other = owner.updateValue(entry.company, forKey: entry.id), other != entry.company {
        shared.insert(entry.id)
      }
    }
    return shared
  }

  private static func canonicalText(_ book: SealedBook) -> [UInt8] {
    let round = book.round
    return JSONText.object([
      .init("format", "gpumarket book 1"), .init("round", .string(round.name)),
      .init("delivery_start", .string(round.delivery.start.iso8601)),
      .init("delivery_end", .string(round.delivery.end.iso8601)),
      .init("slot_minutes", .integer(Int64(round.slotLength.minutes))), .init("pricing", .string(round.pricing)),
      .init("merkle_root", .string(hex(book.merkleRoot))),
      .init("pools", Terms.text(of: book.pools)), .init("caps", Terms.text(of: book.caps)),
      .init("bids", .array(book.entries.map { .string(hex($0.hash)) })),
    ]).bytes()
  }

  /// The entry that a bid of the instance stands for.
  public func entry(ofBid bid: Int) -> SealedBook.Entry { book.entries[bid] }

  /// Which alternative of a block bid a placement belongs to, from 1; nil for a curve.
  public func alternative(of award: Award) -> Int? {
    guard let placement = award.placement else { return nil }
    return (alternatives[award.bid]?[placement] ?? 0) + 1
  }

  func poolName(_ pool: Int) -> String { book.pools[pool].name }

  func slots(of period: TimeRange) -> Range<Int> {
    let (delivery, slot) = (book.round.delivery, book.round.slotLength.span.seconds)
    return Int((period.start - delivery.start).seconds / slot)..<Int((period.end - delivery.start).seconds / slot)
  }

  /// GPUs in one lot of a pool.
  public func lotGPUs(ofPool pool: Int) -> Int { book.pools[pool].lotGPUs }
}

extension BookInstance {
  /// A published award as the engine's, nil where the bid has no such placement.
  ///
  /// - Parameter uses: in lots, by pool index.
  func award(bid: Int, alternative: Int?, uses: [Use], _ published: VerifyBundle.PublishedAward) -> Award? {
    guard let found = entry(ofBid: bid).bid.kind.engineAward(alternative: alternative, uses, self) else { return nil }
    return Award(
      bid: bid, placement: found.placement, gpus: found.uses.first?.gpus ?? 0, uses: found.uses, value: published.value,
      reserveCost: published.reserveCost, payment: published.payment)
  }
}
