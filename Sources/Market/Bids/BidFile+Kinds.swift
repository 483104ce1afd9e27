import Files
import Units

// What a kind of bid reads its parts from. A mistake is refused at its place in the file.

extension BidFile {
  /// A row of a CSV file.
  struct Row {
    let record: CSVRecord
    let round: Round

    var slotLength: SlotLength { round.slotLength }

    /// A field's text, empty where the file has no such column.
    subscript(column: String) -> String { record[column] ?? "" }

    func isEmpty(_ column: String) -> Bool { self[column].isEmpty }

    /// GPUs: a whole number from 1.
    func gpus(_ column: String) throws(CSVError) -> Int {
      Int(try record.integer(record.index(of: column) ?? 0, in: 1...10_000_000))
    }

    /// A field by its own reader, whose `UnitError` is shown at the field.
    func value<T>(_ column: String, _ parse: (String) throws -> T) throws -> T {
      do {
        return try parse(self[column])
      } catch let error as UnitError {
        let advice =
          column == "window" ? "\(error.advice); round \(round.name) delivers in \(round.delivery)" : error.advice
        throw record.refuse(column, error.problem, advice)
      }
    }
  }

  /// Reads values of a JSON file.
  struct Values {
    let round: Round
    let rules: BidRules

    var slotLength: SlotLength { round.slotLength }

    /// GPUs: a whole number from 1.
    func gpus(_ value: JSONValue) throws(JSONProblem) -> Int { Int(try value.integer(in: 1...10_000_000)) }

    /// A period with its zone, as text.
    func period(_ value: JSONValue) throws -> TimeRange {
      try read(value) { try TimeRange(iso8601: value.string()) }
    }

    /// A decimal, as a number or as text.
    func decimal<T>(_ value: JSONValue, _ parse: (String) throws -> T) throws -> T {
      try read(value) { try parse(value.decimalText()) }
    }

    /// Holds one part to the rules; what is wrong is shown at the key that it concerns.
    func hold(_ value: JSONValue, _ part: some BidKind) throws {
      do throws(BidRules.Fault) {
        try part.checkParts(rules)
      } catch {
        throw (value[error.part.rawValue] ?? value).problem(error.problem, error.advice)
      }
    }

    private func read<T>(_ value: JSONValue, _ body: () throws -> T) throws -> T {
      do {
        return try body()
      } catch let error as UnitError {
        throw value.problem(error.problem, "\(error.advice); round \(round.name) delivers in \(round.delivery)")
      }
    }
  }
}

extension CSVRecord {
  /// An error at a column, or at the record where the file has no such column.
  func refuse(_ column: String, _ problem: String, _ advice: String) -> CSVError {
    index(of: column).map { refuse($0, problem, advice) } ?? refuse(problem, advice)
  }
}
