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
    func pool(_ name: String, of what: @autoclosure () -> String) throws(InstanceError) -> (index: Int, lot: Int) {
      guard let index = poolIndex[name] else {
        throw InstanceError(problem: "\(what()) names the pool \(name), which the round does not offer; correct it")
      }
      return (index, book.pools[index].lotGPUs)
    }
    for cap in book.caps {
      let (index, lot) = try pool(cap.pool, of: "a cap of company \(cap.company)")
      builder.addCap(company: cap.company, pool: index, gpus: cap.gpus / lot)
    }
    let shared = Self.sharedIDs(book)
    /// The engine wants one id for each bid. It tells bids apart by nothing else, and no digest has it.
    func engineID(_ id: String, _ entry: SealedBook.Entry) -> String {
      shared.contains(id) ? "\(entry.company)/\(id)" : id
    }
    var alternatives: [Int: [Int]] = [:]
    func slot(_ instant: Instant) -> Int { Int((instant - round.delivery.start).seconds / length.span.seconds) }
    for (position, entry) in book.entries.enumerated() {
      switch entry.bid {
      case .block(let choices):
        var placements: [Placement] = []
        var origin: [Int] = []
        for (number, choice) in choices.enumerated() {
          let (index, lot) = try pool(choice.pool, of: "bid \(entry.id)")
          let lots = choice.gpus / lot
          // In 128 bits: what is too much the builder names, once it is cut to 64.
          let value = Int64(
            clamping: Int128(choice.limit.microdollarsPerGPUSlot(length)) * Int128(choice.gpus) * Int128(choice.slots))
          for start in slot(choice.window.start)...(slot(choice.window.end) - choice.slots) {
            placements.append(
              Placement(
                value: value, uses: [Use(pool: index, firstSlot: start, slots: choice.slots, gpus: lots)],
                minimumGPUs: choice.minimumGPUs.map { $0 / lot }))
            origin.append(number)
          }
        }
        if choices.count > 1 { alternatives[position] = origin }
        _ = builder.addBid(
          id: engineID(entry.id, entry), company: entry.company, parent: entry.parent.map { engineID($0, entry) },
          placements: placements)
      case .curve(let segments):
        var points: [CurvePoint] = []
        for segment in segments {
          let (index, lot) = try pool(segment.pool, of: "bid \(entry.id)")
          let steps = segment.steps.map {
            CurveStep(gpus: $0.gpus / lot, price: $0.limit.microdollarsPerGPUSlot(length) * Int64(lot))
          }
          for slot in slot(segment.period.start)..<slot(segment.period.end) {
            points.append(CurvePoint(pool: index, slot: slot, steps: steps))
          }
        }
        _ = builder.addBid(
          id: engineID(entry.id, entry), company: entry.company, parent: entry.parent.map { engineID($0, entry) },
          curve: points)
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

  /// The slots that a block may begin in.
  func starts(of choice: BlockAlternative) -> ClosedRange<Int> {
    let window = slots(of: choice.window)
    return window.lowerBound...(window.upperBound - choice.slots)
  }

  /// GPUs in one lot of a pool.
  public func lotGPUs(ofPool pool: Int) -> Int { book.pools[pool].lotGPUs }
}

extension BookInstance {
  /// A published award as the engine's, nil where the bid has no such placement.
  ///
  /// - Parameter uses: in lots, by pool index.
  func award(bid: Int, alternative: Int?, uses: [Use], _ published: VerifyBundle.PublishedAward) -> Award? {
    var placement: Int?
    if let alternative {
      guard let use = uses.first, uses.count == 1,
        let found = placementIndex(bid: bid, alternative: alternative, pool: use.pool, firstSlot: use.firstSlot)
      else { return nil }
      placement = found
    }
    let uses = alternative == nil ? inBidsOrder(uses, of: bid) : uses
    return Award(
      bid: bid, placement: placement, gpus: uses.first?.gpus ?? 0, uses: uses, value: published.value,
      reserveCost: published.reserveCost, payment: published.payment)
  }

  /// The database gives the slots of a curve by time, the engine by the curve's segments.
  private func inBidsOrder(_ uses: [Use], of bid: Int) -> [Use] {
    guard case .curve(let segments) = entry(ofBid: bid).bid else { return uses }
    func segment(_ use: Use) -> Int {
      segments.firstIndex { $0.pool == poolName(use.pool) && slots(of: $0.period).contains(use.firstSlot) }
        ?? segments.count
    }
    return uses.map { ($0, segment($0)) }.sorted { ($0.1, $0.0.firstSlot) < ($1.1, $1.0.firstSlot) }.map(\.0)
  }

  /// The placements of a block bid are its alternatives in order, each at every start of its window.
  private func placementIndex(bid: Int, alternative: Int, pool: Int, firstSlot: Int) -> Int? {
    let entry = entry(ofBid: bid)
    guard case .block(let choices) = entry.bid, choices.indices.contains(alternative - 1) else { return nil }
    var index = 0
    for (number, choice) in choices.enumerated() {
      let starts = starts(of: choice)
      if number == alternative - 1 {
        guard starts.contains(firstSlot), poolName(pool) == choice.pool else { return nil }
        return index + firstSlot - starts.lowerBound
      }
      index += starts.count
    }
    return nil
  }
}
