import Clearing
import Files
import Units

/// GPUs over consecutive slots, anywhere in a window; at most one of several alternatives.
struct BlockKind: BidKind {
  static let name = "block"
  static let part = BidRules.Part.alternatives
  static let fileKey = "alternatives"
  static let columns = ["pool", "gpus", "hours", "window", "limit", "min_gpus"]

  let alternatives: [BlockAlternative]

  var bid: Bid { .block(alternatives) }

  // MARK: The body

  var members: [JSONText.Member] { [.init("alternatives", .array(alternatives.map(\.json)))] }

  init(alternatives: [BlockAlternative]) { self.alternatives = alternatives }

  init(body: JSONValue) throws(JSONProblem) {
    var alternatives: [BlockAlternative] = []
    for value in try body.at("alternatives").elements() { alternatives.append(try BlockAlternative(value)) }
    self.alternatives = alternatives
  }

  // MARK: Files

  init(_ row: BidFile.Row) throws {
    let minimum = row.isEmpty("min_gpus") ? nil : try row.gpus("min_gpus")
    alternatives = [
      BlockAlternative(
        pool: row["pool"], gpus: try row.gpus("gpus"), minimumGPUs: minimum,
        slots: try row.value("hours") { try row.slotLength.slots(hours: $0) },
        window: try row.value("window") { try TimeRange(iso8601: $0) },
        limit: try row.value("limit") { try Price(dollarsPerGPUHour: $0) })
    ]
  }

  init(_ parts: JSONValue, _ reader: BidFile.Values) throws {
    alternatives = try parts.elements().map { choice in
      try choice.require(keys: ["pool", "gpus", "hours", "window", "limit"], optional: ["min_gpus"])
      let alternative = BlockAlternative(
        pool: try choice.at("pool").string(), gpus: try reader.gpus(choice.at("gpus")),
        minimumGPUs: try choice["min_gpus"].flatMap { $0.isNull ? nil : try reader.gpus($0) },
        slots: try reader.decimal(choice.at("hours")) { try reader.slotLength.slots(hours: $0) },
        window: try reader.period(choice.at("window")),
        limit: try reader.decimal(choice.at("limit")) { try Price(dollarsPerGPUHour: $0) })
      try reader.hold(choice, BlockKind(alternatives: [alternative]))
      return alternative
    }
  }

  func joined(with other: any BidKind) -> Bid? {
    (other as? BlockKind).map { .block(alternatives + $0.alternatives) }
  }

  // MARK: Rules

  func checkCount() throws(BidRules.Fault) {
    guard (1...1000).contains(alternatives.count) else {
      throw BidRules.Fault(
        Self.part, "a block has 1 to 1000 alternatives, not \(alternatives.count)",
        alternatives.isEmpty ? "give one: its pool, gpus, hours, window and limit" : "split it into several bids")
    }
  }

  func checkParts(_ rules: BidRules) throws(BidRules.Fault) {
    for choice in alternatives { try check(choice, rules) }
  }

  private func check(_ choice: BlockAlternative, _ rules: BidRules) throws(BidRules.Fault) {
    guard choice.gpus > 0, choice.slots > 0, choice.minimumGPUs ?? 1 > 0 else {
      throw BidRules.Fault(.gpus, "the bid asks for nothing", "give at least one lot for at least one slot")
    }
    let pool = try rules.offered(choice.pool)
    try rules.check(choice.gpus, .gpus, pool)
    if let minimum = choice.minimumGPUs {
      guard minimum <= choice.gpus else {
        throw BidRules.Fault(
          .minimumGPUs, "\(minimum) is more than the \(choice.gpus) GPUs asked for", "give fewer, or leave it empty")
      }
      try rules.check(minimum, .minimumGPUs, pool)
    }
    let room = try rules.slots(of: choice.window)
    guard choice.slots <= room else {
      let length = rules.round.slotLength
      throw BidRules.Fault(
        .hours,
        "\(length.hours(slots: Int64(choice.slots))) hours do not fit the window of \(length.hours(slots: Int64(room))) hours",
        "widen the window or shorten the block")
    }
    try rules.check(choice.limit, .limit, pool)
  }

  /// Only one alternative is awarded, so they need not agree.
  func checkTogether() throws(BidRules.Fault) {}

  func places(_ length: SlotLength) -> Int {
    alternatives.reduce(0) { $0 + Int($1.window.length.seconds / length.span.seconds) - $1.slots + 1 }
  }

  var gpusAtOnce: [(pool: String, gpus: Int)] { alternatives.map { ($0.pool, $0.gpus) } }

  var asks: [BidAsk] {
    alternatives.map {
      BidAsk(
        pool: $0.pool, period: $0.window, gpus: [$0.gpus, $0.minimumGPUs ?? $0.gpus], slots: $0.slots, limit: $0.limit)
    }
  }

  // MARK: Money and words

  func cost(_ length: SlotLength) -> Int128 { alternatives.map { $0.cost(length) }.max() ?? 0 }

  func preview(_ length: SlotLength) throws(BidRules.Fault) -> [String] {
    var lines: [String] = []
    for (number, choice) in alternatives.enumerated() {
      let cost = try Bid.block([choice]).checkedWorstCase(length)
      let least = choice.minimumGPUs.map { " (or as few as \($0))" } ?? ""
      lines.append(
        "\(number == 0 ? "block " : "or    ") \(choice.gpus) GPUs\(least) of \(choice.pool) for "
          + "\(length.hours(slots: Int64(choice.slots))) hours on end, anywhere in \(choice.window)")
      lines.append("       at most \(choice.limit): \(cost) in all")
    }
    return lines
  }

  func summary(_ length: SlotLength) -> String {
    alternatives.map { choice in
      let gpus = choice.minimumGPUs.map { "\($0)–\(choice.gpus)" } ?? "\(choice.gpus)"
      return
        "\(gpus) × \(length.hours(slots: Int64(choice.slots))) h \(choice.pool) ≤ \(choice.limit.dollarsPerGPUHour)"
    }.joined(separator: " or ")
  }

  func extent(_ length: SlotLength) -> BidExtent {
    var most: [String: Int128] = [:]
    for choice in alternatives {
      most[choice.pool] = max(most[choice.pool] ?? 0, Int128(choice.gpus) * Int128(choice.slots))
    }
    return BidExtent(parts: alternatives.count, mostGPUSlots: most, periods: alternatives.map(\.window))
  }

  // MARK: Prices

  func most(above prices: RoundPrices, _ length: SlotLength) -> Int128 {
    alternatives.map { choice in
      guard let place = prices.cheapest(choice) else { return Int128.min / 2 }
      let lot = prices.lotGPUs(choice.pool)
      let perLot =
        Int128(choice.limit.microdollarsPerGPUSlot(length)) * Int128(lot) * Int128(choice.slots) - place.perLot
      // A loss is least with the fewest GPUs.
      return perLot * Int128((perLot < 0 ? choice.minimumGPUs ?? choice.gpus : choice.gpus) / lot)
    }.max() ?? Int128.min / 2
  }

  func needs(at prices: RoundPrices, _ length: SlotLength) -> [LossReason.Need] {
    alternatives.compactMap { choice in
      guard let place = prices.cheapest(choice) else { return nil }
      return prices.need(choice.pool, place.slot, place.perLot, slots: choice.slots, choice.limit, length)
    }
  }

  // MARK: The engine

  func demand(_ book: BookInstance.Lots) throws(InstanceError) -> BidDemand {
    var placements: [Placement] = []
    var origin: [Int] = []
    for (number, choice) in alternatives.enumerated() {
      let (pool, lot) = try book.pool(choice.pool)
      // In 128 bits: what is too much the builder names, once it is cut to 64.
      let value = Int64(
        clamping: Int128(choice.limit.microdollarsPerGPUSlot(book.length)) * Int128(choice.gpus) * Int128(choice.slots))
      for start in book.slot(choice.window.start)...(book.slot(choice.window.end) - choice.slots) {
        placements.append(
          Placement(
            value: value, uses: [Use(pool: pool, firstSlot: start, slots: choice.slots, gpus: choice.gpus / lot)],
            minimumGPUs: choice.minimumGPUs.map { $0 / lot }))
        origin.append(number)
      }
    }
    return .placements(placements, alternatives: alternatives.count > 1 ? origin : nil)
  }

  /// The placements are the alternatives in order, each at every start of its window.
  func engineAward(alternative: Int?, _ uses: [Use], _ book: BookInstance) -> (placement: Int?, uses: [Use])? {
    guard let alternative else { return (nil, uses) }
    guard alternatives.indices.contains(alternative - 1), let use = uses.first, uses.count == 1 else { return nil }
    var index = 0
    for (number, choice) in alternatives.enumerated() {
      let window = book.slots(of: choice.window)
      let starts = window.lowerBound...(window.upperBound - choice.slots)
      if number == alternative - 1 {
        guard starts.contains(use.firstSlot), book.poolName(use.pool) == choice.pool else { return nil }
        return (index + use.firstSlot - starts.lowerBound, uses)
      }
      index += starts.count
    }
    return nil
  }
}

extension BidRules.Part {
  static let minimumGPUs = Self("min_gpus"), hours = Self("hours"), alternatives = Self("alternatives")
}

extension BlockAlternative {
  fileprivate var json: JSONText {
    var members: [JSONText.Member] = [.init("pool", .string(pool)), .init("gpus", .integer(Int64(gpus)))]
    if let minimumGPUs { members.append(.init("minimum_gpus", .integer(Int64(minimumGPUs)))) }
    members.append(.init("slots", .integer(Int64(slots))))
    members.append(
      .init("window", ["start": .string(window.start.iso8601ToSecond), "end": .string(window.end.iso8601ToSecond)]))
    members.append(.init("limit", .integer(limit.microdollarsPerGPUHour)))
    return .object(members)
  }

  fileprivate init(_ value: JSONValue) throws(JSONProblem) {
    self.init(
      pool: try value.at("pool").string(), gpus: Int(try value.at("gpus").integer()),
      minimumGPUs: try value["minimum_gpus"].map { value throws(JSONProblem) in Int(try value.integer()) },
      slots: Int(try value.at("slots").integer()), window: try value.at("window").period(),
      limit: try value.at("limit").price())
  }
}
