import Files
import Units

/// Bids in a file, CSV or JSON, for one round. Every mistake is found before anything is sent.
public enum BidFile {
  /// One bid and where it stands in the file.
  public struct Item: Sendable {
    /// Of all rows that share the ref.
    public let bid: Bid
    /// A bid id, or `#n` for the n-th bid of the file.
    public var parent: String?
    /// The file's own name for the bid; rows of one ref are alternatives or segments of one bid.
    public let ref: String
    /// Of its first row, from 1.
    public let line: Int
    /// From 1; always 1 in a CSV file.
    public let column: Int
  }

  /// All that is wrong with a file, each with line and column.
  public struct Errors: Error, CustomStringConvertible, Sendable {
    /// At least one, each a sentence that begins with file, line and column.
    public let problems: [String]
    public var description: String { problems.joined(separator: "\n") }
  }

  /// Reads a file. Its first character tells JSON from CSV.
  ///
  /// - Parameters:
  ///   - pools: what the round offers; every bid is checked against it.
  ///   - caps: of the company that bids.
  /// - Throws: `Errors`; `CSVError` or `JSONProblem` if the text is neither CSV nor JSON.
  public static func read(
    _ bytes: [UInt8], source: String, round: Round, pools: [OfferedPool], caps: [(pool: String, gpus: Int)] = []
  ) throws -> [Item] {
    let blank: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
    var reader = Reader(source: source, round: round, rules: BidRules(round: round, pools: pools, caps: caps))
    if bytes.first(where: { !blank.contains($0) }).map({ $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "{") }) == true {
      try reader.readJSON(bytes)
    } else {
      try reader.readCSV(bytes)
    }
    return try reader.finish()
  }

  private struct Reader {
    let source: String
    let round: Round
    let rules: BidRules
    var items: [Item] = []
    var problems: [String] = []
    private var places: [String: Int] = [:]

    init(source: String, round: Round, rules: BidRules) {
      self.source = source == "-" ? "standard input" : source
      self.round = round
      self.rules = rules
    }

    // MARK: CSV

    mutating func readCSV(_ bytes: [UInt8]) throws {
      var csv = try CSVReader(bytes, source: source)
      try csv.require(
        columns: ["ref", "pool", "gpus", "hours", "window", "limit"], optional: ["min_gpus", "parent", "kind", "steps"])
      while let record = try csv.next() {
        do {
          try readRow(record)
        } catch let error as CSVError {
          problems.append("\(error)")
        }
      }
    }

    private mutating func readRow(_ row: CSVRecord) throws {
      let ref = row["ref"] ?? ""
      guard !ref.isEmpty else { throw refuse(row, "ref", "ref is empty", "name each bid; alternatives share a name") }
      let parent = row["parent"].flatMap { $0.isEmpty ? nil : $0 }
      let window = try value(row, "window") { try TimeRange(iso8601: $0) }
      let bid: Bid
      switch row["kind"] ?? "" {
      case "", "block":
        let minimum = row["min_gpus"].flatMap { $0.isEmpty ? nil : $0 } == nil ? nil : try whole(row, "min_gpus")
        let choice = BlockAlternative(
          pool: row["pool"] ?? "", gpus: try whole(row, "gpus"), minimumGPUs: minimum,
          slots: try value(row, "hours") { try round.slotLength.slots(hours: $0) }, window: window,
          limit: try value(row, "limit") { try Price(dollarsPerGPUHour: $0) })
        try empty(row, ["steps"], of: "block")
        try held(row) { () throws(BidRules.Fault) in try rules.check(choice) }
        bid = .block([choice])
      case "curve":
        let steps = try value(row, "steps") { text in
          try text.split(separator: " ").map { step in
            let parts = step.split(separator: "@", omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0].first != "+", let gpus = Int(parts[0]), (1...10_000_000).contains(gpus)
            else {
              throw UnitError("the step \"\(step)\" is not GPUS@LIMIT", advice: "write steps as 8@3.10 16@2.00")
            }
            return CurveSegment.Step(gpus: gpus, limit: try Price(dollarsPerGPUHour: parts[1]))
          }
        }
        try empty(row, ["gpus", "hours", "limit", "min_gpus"], of: "curve")
        let segment = CurveSegment(pool: row["pool"] ?? "", period: window, steps: steps)
        try held(row) { () throws(BidRules.Fault) in try rules.check(segment) }
        bid = .curve([segment])
      default:
        throw refuse(
          row, "kind", "\"\(row["kind"] ?? "")\" is no kind of bid", "write block or curve, or leave it empty")
      }
      add(Item(bid: bid, parent: parent, ref: ref, line: row.line, column: 1))
    }

    /// What stands in a column that says nothing for this kind of bid would be ignored unseen.
    private func empty(_ row: CSVRecord, _ columns: [String], of kind: String) throws {
      for column in columns where row[column]?.isEmpty == false {
        throw refuse(row, column, "\(column) says nothing of a \(kind)", "leave it empty")
      }
    }

    private func held(_ row: CSVRecord, _ check: () throws(BidRules.Fault) -> Void) throws {
      do {
        try check()
      } catch {
        throw refuse(row, error.part.rawValue, error.problem, error.advice)
      }
    }

    private func whole(_ row: CSVRecord, _ column: String) throws(CSVError) -> Int {
      Int(try row.integer(row.index(of: column) ?? 0, in: 1...10_000_000))
    }

    private func value<T>(_ row: CSVRecord, _ column: String, _ parse: (String) throws -> T) throws -> T {
      do {
        return try parse(row[column] ?? "")
      } catch let error as UnitError {
        throw refuse(row, column, error.problem, advice(error, column))
      }
    }

    private func refuse(_ row: CSVRecord, _ column: String, _ problem: String, _ advice: String) -> CSVError {
      row.index(of: column).map { row.refuse($0, problem, advice) } ?? row.refuse(problem, advice)
    }

    private func advice(_ error: UnitError, _ column: String) -> String {
      column == "window" ? "\(error.advice); round \(round.name) delivers in \(round.delivery)" : error.advice
    }

    // MARK: JSON

    mutating func readJSON(_ bytes: [UInt8]) throws {
      for value in try JSONReader.parse(bytes, source: source).elements() {
        do {
          try readBid(value)
        } catch let error as JSONProblem {
          problems.append("\(error)")
        }
      }
    }

    private mutating func readBid(_ value: JSONValue) throws {
      try value.require(keys: ["ref"], optional: ["parent", "alternatives", "curve"])
      let parent = try value["parent"].flatMap { $0.isNull ? nil : try $0.string() }
      let bid: Bid
      if let choices = value["alternatives"], value["curve"] == nil {
        bid = .block(
          try choices.elements().map { choice in
            try choice.require(keys: ["pool", "gpus", "hours", "window", "limit"], optional: ["min_gpus"])
            let alternative = BlockAlternative(
              pool: try choice.at("pool").string(), gpus: Int(try choice.at("gpus").integer(in: 1...10_000_000)),
              minimumGPUs: try choice["min_gpus"].flatMap { $0.isNull ? nil : try Int($0.integer(in: 1...10_000_000)) },
              slots: try parsed(choice.at("hours"), decimal: true) { try round.slotLength.slots(hours: $0) },
              window: try parsed(choice.at("window")) { try TimeRange(iso8601: $0) },
              limit: try parsed(choice.at("limit"), decimal: true) { try Price(dollarsPerGPUHour: $0) })
            try held(choice) { () throws(BidRules.Fault) in try rules.check(alternative) }
            return alternative
          })
      } else if let segments = value["curve"], value["alternatives"] == nil {
        bid = .curve(
          try segments.elements().map { segment in
            try segment.require(keys: ["pool", "window", "steps"])
            let curve = CurveSegment(
              pool: try segment.at("pool").string(),
              period: try parsed(segment.at("window")) { try TimeRange(iso8601: $0) },
              steps: try segment.at("steps").elements().map { step in
                CurveSegment.Step(
                  gpus: Int(try step.at(0).integer(in: 1...10_000_000)),
                  limit: try parsed(step.at(1), decimal: true) { try Price(dollarsPerGPUHour: $0) })
              })
            try held(segment) { () throws(BidRules.Fault) in try rules.check(curve) }
            return curve
          })
      } else {
        throw value.problem("the bid has not exactly one of alternatives and curve", "give one of them")
      }
      add(Item(bid: bid, parent: parent, ref: try value.at("ref").string(), line: value.line, column: value.column))
    }

    private func held(_ value: JSONValue, _ check: () throws(BidRules.Fault) -> Void) throws {
      do {
        try check()
      } catch {
        throw (value[error.part.rawValue] ?? value).problem(error.problem, error.advice)
      }
    }

    private func parsed<T>(_ value: JSONValue, decimal: Bool = false, _ parse: (String) throws -> T) throws -> T {
      do {
        return try parse(decimal ? value.decimalText() : value.string())
      } catch let error as UnitError {
        throw value.problem(error.problem, "\(error.advice); round \(round.name) delivers in \(round.delivery)")
      }
    }

    // MARK: Both

    /// Rows that share a ref are one bid.
    private mutating func add(_ item: Item) {
      guard let at = places[item.ref] else {
        places[item.ref] = items.count
        items.append(item)
        return
      }
      let bid: Bid
      switch (items[at].bid, item.bid) {
      case (.block(let earlier), .block(let more)): bid = .block(earlier + more)
      case (.curve(let earlier), .curve(let more)): bid = .curve(earlier + more)
      default:
        problems.append(
          "\(source) line \(item.line), column \(item.column): \"\(item.ref)\" is block and curve; a bid is one of them"
        )
        return
      }
      guard item.parent == nil || item.parent == items[at].parent else {
        problems.append(
          "\(source) line \(item.line), column \(item.column): \"\(item.ref)\" has two parents; name the parent in its first row"
        )
        return
      }
      items[at] = Item(
        bid: bid, parent: items[at].parent, ref: item.ref, line: items[at].line, column: items[at].column)
    }

    /// Holds each bid to what its rows must be together, puts parents before children and turns refs into numbers.
    mutating func finish() throws -> [Item] {
      for item in items {
        do {
          try rules.checkWhole(item.bid)
        } catch {
          problems.append(
            "\(source) line \(item.line), column \(item.column): \"\(item.ref)\": \(error.problem); \(error.advice)")
        }
      }
      var order: [Int] = []
      var state = [UInt8](repeating: 0, count: items.count)
      // Iterative, since a file may hold a long chain of links.
      for first in items.indices where state[first] == 0 {
        var chain: [Int] = []
        var at: Int? = first
        while let current = at, state[current] == 0 {
          state[current] = 1
          chain.append(current)
          at = items[current].parent.flatMap { places[$0] }
        }
        if let current = at, state[current] == 1 {
          problems.append(
            "\(source) line \(items[first].line), column \(items[first].column): the links of \"\(items[first].ref)\" form a cycle; "
              + "a bid cannot hang on itself")
        }
        for current in chain.reversed() {
          state[current] = 2
          order.append(current)
        }
      }
      guard problems.isEmpty else { throw Errors(problems: problems) }
      var number = [Int](repeating: 0, count: items.count)
      for (position, at) in order.enumerated() { number[at] = position + 1 }
      return order.map { at in
        var item = items[at]
        if let parent = item.parent, let above = places[parent] { item.parent = "#\(number[above])" }
        return item
      }
    }
  }
}
