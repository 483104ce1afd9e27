import Clearing
import Files
import Units

/// For each slot of its segments a falling price–quantity curve, of which any part may be awarded.
struct CurveKind: BidKind {
  static let name = "curve"
  static let part = BidRules.Part.curve
  static let fileKey = "curve"
  static let columns = ["pool", "window", "steps"]

  let segments: [CurveSegment]

  var bid: Bid { .curve(segments) }

  // MARK: The body

  var members: [JSONText.Member] { [.init("segments", .array(segments.map(\.json)))] }

  init(segments: [CurveSegment]) { self.segments = segments }

  init(body: JSONValue) throws(JSONProblem) {
    var segments: [CurveSegment] = []
    for value in try body.at("segments").elements() { segments.append(try CurveSegment(value)) }
    self.segments = segments
  }

  // MARK: Files

  init(_ row: BidFile.Row) throws {
    let window = try row.value("window") { try TimeRange(iso8601: $0) }
    let steps = try row.value("steps") { text in
      try text.split(separator: " ").map { step in
        let parts = step.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].first != "+", let gpus = Int(parts[0]), (1...10_000_000).contains(gpus) else {
          throw UnitError("the step \"\(step)\" is not GPUS@LIMIT", advice: "write steps as 8@3.10 16@2.00")
        }
        return CurveSegment.Step(gpus: gpus, limit: try Price(dollarsPerGPUHour: parts[1]))
      }
    }
    segments = [CurveSegment(pool: row["pool"], period: window, steps: steps)]
  }

  init(_ parts: JSONValue, _ reader: BidFile.Values) throws {
    segments = try parts.elements().map { segment in
      try segment.require(keys: ["pool", "window", "steps"])
      let curve = CurveSegment(
        pool: try segment.at("pool").string(), period: try reader.period(segment.at("window")),
        steps: try segment.at("steps").elements().map { step in
          CurveSegment.Step(
            gpus: try reader.gpus(step.at(0)),
            limit: try reader.decimal(step.at(1)) { try Price(dollarsPerGPUHour: $0) })
        })
      try reader.hold(segment, CurveKind(segments: [curve]))
      return curve
    }
  }

  func joined(with other: any BidKind) -> Bid? { (other as? CurveKind).map { .curve(segments + $0.segments) } }

  // MARK: Rules

  func checkCount() throws(BidRules.Fault) {
    guard (1...10_000).contains(segments.count) else {
      throw BidRules.Fault(
        Self.part, "a curve has 1 to 10000 segments, not \(segments.count)",
        segments.isEmpty ? "give one: its pool, window and steps" : "split it into several bids")
    }
  }

  func checkParts(_ rules: BidRules) throws(BidRules.Fault) {
    for segment in segments { try check(segment, rules) }
  }

  private func check(_ segment: CurveSegment, _ rules: BidRules) throws(BidRules.Fault) {
    guard segment.steps.allSatisfy({ $0.gpus > 0 }) else {
      throw BidRules.Fault(.steps, "the bid asks for nothing", "give at least one lot in each step")
    }
    let pool = try rules.offered(segment.pool)
    _ = try rules.slots(of: segment.period)
    guard (1...100).contains(segment.steps.count) else {
      throw BidRules.Fault(
        .steps, "a curve has 1 to 100 steps, not \(segment.steps.count)", "write steps as 8@3.10 16@2.00")
    }
    for (step, next) in zip(segment.steps, segment.steps.dropFirst()) where next.limit >= step.limit {
      throw BidRules.Fault(
        .steps, "the prices of a curve's steps must fall",
        "steps are increments: the first GPUs at the highest price")
    }
    for step in segment.steps {
      try rules.check(step.gpus, .steps, pool)
      try rules.check(step.limit, .steps, pool)
    }
    try rules.check(segment.steps.reduce(0) { $0 + $1.gpus }, .steps, pool)
  }

  func checkTogether() throws(BidRules.Fault) {
    for (pool, own) in Dictionary(grouping: segments, by: \.pool) {
      let ordered = own.map(\.period).sorted { $0.start < $1.start }
      guard zip(ordered, ordered.dropFirst()).allSatisfy({ $0.end <= $1.start }) else {
        throw BidRules.Fault(
          Self.part, "two segments of the curve cover the same slot of \(pool)", "give each slot of a pool one curve")
      }
    }
  }

  func places(_ length: SlotLength) -> Int {
    segments.reduce(0) { $0 + Int($1.slots(length)) * $1.steps.count }
  }

  var gpusAtOnce: [(pool: String, gpus: Int)] {
    segments.map { ($0.pool, $0.steps.reduce(0) { $0 + $1.gpus }) }
  }

  var asks: [BidAsk] {
    segments.flatMap { segment in
      // Where there is no step, its pool and period are relied on all the same.
      segment.steps.isEmpty
        ? [BidAsk(pool: segment.pool, period: segment.period, gpus: [], slots: 1, limit: .highest)]
        : segment.steps.map {
          BidAsk(pool: segment.pool, period: segment.period, gpus: [$0.gpus], slots: 1, limit: $0.limit)
        }
    }
  }

  // MARK: Money and words

  func cost(_ length: SlotLength) -> Int128 { segments.reduce(0) { boundedSum($0, $1.cost(length)) } }

  func preview(_ length: SlotLength) -> [String] {
    segments.flatMap { segment in
      [
        "curve  \(segment.pool), each of \(segment.slots(length)) slots of \(length.minutes) minutes in \(segment.period)"
      ] + segment.steps.map { "       \($0.gpus) GPUs at most \($0.limit)" }
    }
  }

  func summary(_ length: SlotLength) -> String {
    segments.map { segment in
      "\(segment.pool) \(segment.period) "
        + segment.steps.map { "\($0.gpus)@\($0.limit.dollarsPerGPUHour)" }.joined(separator: " ")
    }.joined(separator: "; ")
  }

  func extent(_ length: SlotLength) -> BidExtent {
    var most: [String: Int128] = [:]
    for segment in segments {
      let gpus = segment.steps.reduce(Int128(0)) { $0 + Int128($1.gpus) }
      most[segment.pool, default: 0] += gpus * Int128(segment.slots(length))
    }
    return BidExtent(parts: segments.count, mostGPUSlots: most, periods: segments.map(\.period))
  }

  // MARK: Prices

  func most(above prices: RoundPrices, _ length: SlotLength) -> Int128 {
    var gain: Int128 = 0
    var leastLoss = Int128.min / 2
    for segment in segments {
      let lot = prices.lotGPUs(segment.pool)
      for price in prices.perLot(segment.pool, in: segment.period) {
        for (number, step) in segment.steps.enumerated() {
          let surplus = Int128(step.limit.microdollarsPerGPUSlot(length)) * Int128(lot) - Int128(price)
          if number == 0 { leastLoss = max(leastLoss, surplus) }
          gain += max(0, surplus) * Int128(step.gpus / lot)
        }
      }
    }
    return leastLoss >= 0 ? gain : leastLoss
  }

  func needs(at prices: RoundPrices, _ length: SlotLength) -> [LossReason.Need] {
    segments.compactMap { segment in
      let line = prices.perLot(segment.pool, in: segment.period)
      guard let first = segment.steps.first, let slot = line.indices.min(by: { line[$0] < line[$1] }) else {
        return nil
      }
      return prices.need(segment.pool, slot, Int128(line[slot]), slots: 1, first.limit, length)
    }
  }

  // MARK: The engine

  func demand(_ book: BookInstance.Lots) throws(InstanceError) -> BidDemand {
    var points: [CurvePoint] = []
    for segment in segments {
      let (pool, lot) = try book.pool(segment.pool)
      let steps = segment.steps.map {
        CurveStep(gpus: $0.gpus / lot, price: $0.limit.microdollarsPerGPUSlot(book.length) * Int64(lot))
      }
      for slot in book.slot(segment.period.start)..<book.slot(segment.period.end) {
        points.append(CurvePoint(pool: pool, slot: slot, steps: steps))
      }
    }
    return .points(points)
  }

  /// The database gives its slots by time, the engine by its segments.
  func engineAward(alternative: Int?, _ uses: [Use], _ book: BookInstance) -> (placement: Int?, uses: [Use])? {
    guard alternative == nil else { return nil }
    func segment(_ use: Use) -> Int {
      segments.firstIndex { $0.pool == book.poolName(use.pool) && book.slots(of: $0.period).contains(use.firstSlot) }
        ?? segments.count
    }
    return (nil, uses.map { ($0, segment($0)) }.sorted { ($0.1, $0.0.firstSlot) < ($1.1, $1.0.firstSlot) }.map(\.0))
  }
}

extension BidRules.Part {
  static let steps = Self("steps"), curve = Self("curve")
}

extension CurveSegment {
  fileprivate var json: JSONText {
    [
      "pool": .string(pool), "start": .string(period.start.iso8601ToSecond), "end": .string(period.end.iso8601ToSecond),
      "steps": .array(
        steps.map { ["gpus": .integer(Int64($0.gpus)), "limit": .integer($0.limit.microdollarsPerGPUHour)] }),
    ]
  }

  fileprivate init(_ value: JSONValue) throws(JSONProblem) {
    var steps: [Step] = []
    for step in try value.at("steps").elements() {
      steps.append(Step(gpus: Int(try step.at("gpus").integer()), limit: try step.at("limit").price()))
    }
    self.init(pool: try value.at("pool").string(), period: try value.period(), steps: steps)
  }
}
