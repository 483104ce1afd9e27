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
      let needed = ["ref", "pool", "gpus", "hours", "window", "limit"]
      try csv.require(columns: needed, optional: ["parent", "kind"] + Bid.columns.filter { !needed.contains($0) })
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
      guard !ref.isEmpty else { throw row.refuse("ref", "ref is empty", "name each bid; alternatives share a name") }
      let parent = row["parent"].flatMap { $0.isEmpty ? nil : $0 }
      let word = row["kind"] ?? ""
      // A file without the column is of blocks.
      guard let kind = Bid.kind(named: word.isEmpty ? BlockKind.name : word) else {
        throw row.refuse("kind", "\"\(word)\" is no kind of bid", "write \(Bid.kindNames), or leave it empty")
      }
      let found = try kind.init(Row(record: row, round: round))
      // What stands in a column that says nothing for this kind of bid would be ignored unseen.
      for column in Bid.columns where !kind.columns.contains(column) && row[column]?.isEmpty == false {
        throw row.refuse(column, "\(column) says nothing of a \(kind.name)", "leave it empty")
      }
      do throws(BidRules.Fault) {
        try found.checkParts(rules)
      } catch {
        throw row.refuse(error.part.rawValue, error.problem, error.advice)
      }
      add(Item(bid: found.bid, parent: parent, ref: ref, line: row.line, column: 1))
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
      let keys = Bid.kinds.map { $0.fileKey }
      try value.require(keys: ["ref"], optional: ["parent"] + keys)
      let parent = try value["parent"].flatMap { $0.isNull ? nil : try $0.string() }
      let named = Bid.kinds.filter { value[$0.fileKey] != nil }
      guard named.count == 1, let kind = named.first, let parts = value[kind.fileKey] else {
        throw value.problem("the bid has not exactly one of \(keys.joined(separator: " and "))", "give one of them")
      }
      let bid = try kind.init(parts, Values(round: round, rules: rules)).bid
      add(Item(bid: bid, parent: parent, ref: try value.at("ref").string(), line: value.line, column: value.column))
    }

    // MARK: Both

    /// Rows that share a ref are one bid.
    private mutating func add(_ item: Item) {
      guard let at = places[item.ref] else {
        places[item.ref] = items.count
        items.append(item)
        return
      }
      guard let bid = items[at].bid.kind.joined(with: item.bid.kind) else {
        problems.append(
          "\(source) line \(item.line), column \(item.column): \"\(item.ref)\" is of two kinds; a bid is of one")
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
