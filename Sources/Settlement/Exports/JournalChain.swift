import Files
import Units

/// Recomputes the ledger's chain of hashes from an export, as an auditor would: nothing here asks the database.
///
/// A transaction's hash covers the hash before it and each field, as four bytes of length and then the text; it is
/// the same computation as `ledger.transaction_hash`.
struct JournalChain {
  private(set) var problems: [String] = []
  private(set) var count = 0
  /// Cents.
  private(set) var debits: Int64 = 0
  private var hashes: [Int64: String] = [:]
  private var previous: [Int64: String] = [:]

  mutating func add(_ t: JSONValue) throws {
    count += 1
    let number = try t.at("number").integer()
    var bytes: [UInt8] = []
    func field(_ text: String) {
      let utf8 = Array(text.utf8)
      for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: utf8.count >> shift)) }
      bytes += utf8
    }
    field("gpumarket transaction 1")
    let before = try t.at("previous_hash").string()
    bytes += Self.bytes(before)
    field(String(number))
    for key in ["kind", "booked_on_utc", "recorded_at", "recorded_by", "company", "round", "award", "outage"] {
      field(try t.at(.key(key)).isNull ? "" : t.at(.key(key)).string())
    }
    field(try t.at("corrects").isNull ? "" : String(t.at("corrects").integer()))
    field(try t.at("reference").isNull ? "" : t.at("reference").string())
    field(try t.at("memo").string())
    var over: Int64 = 0
    for posting in try t.at("postings").elements() {
      let cents = try posting.at("amount_usd").money().centsRoundedDown
      over += cents
      if cents > 0 { debits += cents }
      field(try posting.at("ledger_account").string())
      field(String(cents))
    }
    let said = try t.at("hash").string()
    if over != 0 { problems.append("transaction \(number) is \(dollars(cents: over)) USD out of balance") }
    if SHA256.hex(bytes) != said { problems.append("transaction \(number) is not what its hash says") }
    if hashes.updateValue(said, forKey: number) != nil { problems.append("transaction \(number) stands twice") }
    // The file is in order of booking day, so a neighbour may come later.
    previous[number] = before
    if let earlier = hashes[number &- 1], earlier != before {
      problems.append("transaction \(number) does not follow \(number &- 1)")
    }
    if let later = previous[number &+ 1], later != said {
      problems.append("transaction \(number &+ 1) does not follow \(number)")
    }
  }

  /// Once all are added: that none is missing at either end or between.
  ///
  /// - Parameters:
  ///   - after: the file has every transaction after this number; nil for a round or a period, which leave some out.
  ///   - upTo: the ledger's last transaction when the file was written, 0 for an empty ledger.
  ///   - head: that one's hash, empty for an empty ledger.
  mutating func finish(after: Int64?, upTo: Int64, head: String) {
    if let hash = hashes[upTo] ?? (upTo == 0 ? "" : nil), hash != head {
      problems.append("the ledger's hash is not that of transaction \(upTo), its last")
    }
    if let first = previous[1], !first.isEmpty { problems.append("transaction 1 is not the ledger's first") }
    guard let after else { return }
    var reached = after
    for number in hashes.keys.sorted() {
      guard number == reached &+ 1 else { break }
      reached = number
    }
    // What was asked for may begin where the ledger has not come to yet.
    let last = max(after, upTo)
    if reached < last {
      problems.append("transaction \(reached &+ 1) is missing: the file says it has all from \(after &+ 1) to \(upTo)")
    } else if reached > last || Int64(hashes.count) != last &- after {
      problems.append("there are transactions besides those from \(after &+ 1) to \(upTo), which the file says it has")
    }
  }

  private static func bytes(_ hexadecimal: String) -> [UInt8] {
    let digits = hexadecimal.utf8.compactMap { byte -> UInt8? in
      switch byte {
      case 48...57: byte - 48
      case 97...102: byte - 87
      default: nil
      }
    }
    return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}
