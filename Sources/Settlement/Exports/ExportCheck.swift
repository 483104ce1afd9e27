import Files
import Units

/// Reads an export as its receiver would and tells what does not agree: checksums, control totals, the balance of
/// each journal, unit price × quantity, and in JSON the ledger's chain of hashes.
public struct ExportCheck {
  /// One sentence for each fault; none where the file is as it was written.
  public private(set) var problems: [String] = []
  /// What was checked, for a person.
  public private(set) var checked: [String] = []
  /// What is left to another program, for a person; nil where all was checked.
  public private(set) var notChecked: String?

  /// Nil until they are read.
  private var totals: JSONValue?

  /// - Parameter path: the export; its totals and checksums stand beside it.
  /// - Throws: `FileProblem` where one of the three cannot be read at all; a damaged one is a problem.
  public init(path: String) throws {
    let bytes = try readFile(path)
    let totalsBytes = try readFile(path + ".totals.json", limit: 1 << 20)
    checkSums(bytes, totalsBytes, try readFile(path + ".sha256", limit: 1 << 16))
    do {
      try checkContent(bytes, totalsBytes, path)
    } catch {
      // No file is read here, so it is a fault in one: what the rest of it holds cannot be told.
      problems.append("\(error)")
    }
  }

  private mutating func checkContent(_ bytes: [UInt8], _ totalsBytes: [UInt8], _ path: String) throws {
    let totals = try JSONReader.parse(totalsBytes, source: path + ".totals.json")
    try totals.require(format: ControlTotals.format)
    self.totals = totals
    guard let format = ExportFormat(rawValue: try totals.at("export").string()) else {
      problems.append("the control totals name no export of ours")
      return
    }
    switch format {
    case .csv:
      try checkCharges(bytes, path, .csv)
    case .focus, .focus12: try checkCharges(bytes, path, .focus)
    case .netsuite:
      try checkJournal(
        bytes, path, id: "External ID", debit: "Journal Entry - Line: Debit", credit: "Journal Entry - Line: Credit")
    case .quickbooks: try checkJournal(bytes, path, id: "Journal No", debit: "Debits", credit: "Credits")
    case .xero: try checkJournal(bytes, path, id: "*Narration", debit: "*Amount", credit: nil)
    case .json: try checkJSON(bytes, path, totals)
    case .hledger: notChecked = "the journal: run hledger check -s and ledger --strict --pedantic bal on it"
    case .beancount: notChecked = "the journal: run bean-check on it"
    }
  }

  private mutating func checkSums(_ bytes: [UInt8], _ totalsBytes: [UInt8], _ sums: [UInt8]) {
    let lines = String(decoding: sums, as: UTF8.self).split(separator: "\n")
    let digests = lines.compactMap { $0.split(separator: " ").first }
    checked.append("checksums")
    if digests.count != 2 || digests[0] != SHA256.hex(bytes) {
      problems.append("the file is not the one whose checksum was written")
    }
    if digests.count != 2 || digests[1] != SHA256.hex(totalsBytes) {
      problems.append("the control totals are not those whose checksum was written")
    }
  }

  /// The columns of a file of charges.
  private struct ChargeColumns {
    let cost: String, price: String, quantity: String, value: String?, payment: String, saved: String
    /// Columns that repeat the cost or the price.
    let costs: [String], prices: [String]

    static let csv = ChargeColumns(
      cost: "posted_usd", price: "effective_price_usd_per_gpu_hour", quantity: "gpu_hours", value: "bid_value_usd",
      payment: "payment_exact_usd", saved: "saved_against_limit_usd", costs: [], prices: [])
    static let focus = ChargeColumns(
      cost: "BilledCost", price: "ContractedUnitPrice", quantity: "PricingQuantity", value: nil,
      payment: "x_ExactPayment", saved: "x_SavedAgainstLimit", costs: ["ContractedCost", "EffectiveCost", "ListCost"],
      prices: ["ListUnitPrice"])

    var needed: [String] { [cost, price, quantity, payment, saved] + costs + prices + (value.map { [$0] } ?? []) }
  }

  private mutating func checkCharges(_ bytes: [UInt8], _ path: String, _ columns: ChargeColumns) throws {
    var reader = try CSVReader(bytes, source: path)
    try reader.require(columns: columns.needed, optional: reader.columns)
    var sum: Int64 = 0
    var sums = (payment: Money.zero, value: Money.zero, saved: Money.zero)
    var lines = 0
    var faults = 0
    while let record = try reader.next() {
      let cents = try cents(record, columns.cost)
      let isAward =
        record["kind"].map { $0 == "award" } ?? (record["ChargeCategory"] == "Usage" && record["ChargeClass"] == "")
      sum += cents
      lines += 1
      let price = record[columns.price] ?? ""
      var agrees =
        price.isEmpty
        || ControlTotals.agrees(price: price, quantity: record[columns.quantity] ?? "", cents: cents)
      for column in columns.costs { agrees = try agrees && self.cents(record, column) == cents }
      for column in columns.prices { agrees = agrees && record[column] == price }
      let saved = try money(record, columns.saved)
      if let value = columns.value, let saved {
        agrees = try agrees && money(record, value) == Money(cents: cents) + saved
      }
      sums.saved += saved ?? .zero
      if isAward {
        sums.payment += try money(record, columns.payment) ?? .zero
        sums.value += Money(cents: cents) + (saved ?? .zero)
      }
      if !agrees { faults += 1 }
    }
    checked.append("\(lines) charges, unit price × quantity against cost")
    if faults > 0 { problems.append("in \(faults) lines unit price × quantity, cost and saving do not agree") }
    try expect("charge_lines", lines)
    try expect("charged_usd", sum)
    try expect("award_payments_exact_usd", sums.payment)
    try expect("award_bid_values_usd", sums.value)
    try expect("saved_against_limits_usd", sums.saved)
  }

  private func money(_ record: CSVRecord, _ column: String) throws -> Money? {
    let text = record[column] ?? ""
    guard !text.isEmpty else { return nil }
    do { return try Money(dollars: text) } catch {
      throw record.refuse(record.index(of: column) ?? 0, error.problem, error.advice)
    }
  }

  private mutating func checkJournal(
    _ bytes: [UInt8], _ path: String, id: String, debit: String, credit: String?
  ) throws {
    var reader = try CSVReader(bytes, source: path)
    try reader.require(columns: [id, debit] + (credit.map { [$0] } ?? []), optional: reader.columns)
    var balances: [String: Int64] = [:]
    var debits: Int64 = 0
    var lines = 0
    while let record = try reader.next() {
      let amount = try cents(record, debit) - (try credit.map { try cents(record, $0) } ?? 0)
      balances[record[id] ?? "", default: 0] += amount
      if amount > 0 { debits += amount }
      lines += 1
    }
    checked.append("\(lines) lines of \(balances.count) journals, each balanced")
    for (journal, over) in balances.sorted(by: { $0.key < $1.key }) where over != 0 {
      problems.append("journal \(journal) is \(dollars(cents: over)) USD out of balance")
    }
    let zero = Int(try totals?.at("postings_of_zero").integer() ?? 0)
    try expect("postings", lines &+ zero)
    try expect("debits_usd", debits)
  }

  private mutating func checkJSON(_ bytes: [UInt8], _ path: String, _ totals: JSONValue) throws {
    let root = try JSONReader.parse(bytes, source: path)
    try root.require(format: ExportFormat.jsonFormat)
    for (key, inTotals) in [
      ("selection", "selection"), ("after_transaction", "after_transaction"),
      ("up_to_transaction", "up_to_transaction"), ("ledger_hash", "ledger_hash"), ("accounts", "account_mapping"),
    ] {
      let found = try root.at(.key(key)).plain()
      let said = try totals.at(.key(inTotals)).plain()
      if found != said { problems.append("the control totals say \(inTotals) \(said), the file \(found)") }
    }
    var sum: Int64 = 0
    var sums = (payment: Money.zero, value: Money.zero)
    var charges = 0
    for line in try root.at("charges").elements() {
      charges += 1
      let cents = try line.at("posted_usd").money().centsRoundedDown
      sum += cents
      if try line.at("kind").string() == "award" {
        sums.payment += try line.at("payment_exact_usd").money()
        sums.value += try line.at("bid_value_usd").money()
      }
      guard !(try line.at("effective_price_usd_per_gpu_hour").isNull) else { continue }
      let price = try line.at("effective_price_usd_per_gpu_hour").string()
      if !ControlTotals.agrees(price: price, quantity: try line.at("gpu_hours").string(), cents: cents) {
        problems.append("in transaction \(try line.at("transaction").integer()) unit price × quantity is not the cost")
      }
    }
    try expect("charge_lines", charges)
    try expect("charged_usd", sum)
    try expect("award_payments_exact_usd", sums.payment)
    try expect("award_bid_values_usd", sums.value)
    var chain = JournalChain()
    for transaction in try root.at("transactions").elements() { try chain.add(transaction) }
    let after = try root.at("after_transaction")
    chain.finish(
      after: try after.isNull ? nil : after.integer(), upTo: try root.at("up_to_transaction").integer(),
      head: try root.at("ledger_hash").string())
    problems += chain.problems
    checked.append("\(charges) charges, \(chain.count) transactions, their balance and their chain of hashes")
    try expect("transactions", chain.count)
    try expect("debits_usd", chain.debits)
  }

  private func cents(_ record: CSVRecord, _ column: String) throws -> Int64 {
    let text = record[column] ?? ""
    guard !text.isEmpty else { return 0 }
    do {
      let money = try Money(dollars: text)
      if money.microdollars % Money.microdollarsPerCent == 0 { return money.centsRoundedDown }
    } catch {}
    throw record.refuse(
      record.index(of: column) ?? 0, "\"\(text)\" is no amount in whole cents", "write it like 252.00")
  }

  private mutating func expect(_ key: String, _ found: Int64) throws {
    guard let said = try totals?.at(.key(key)).string() else { return }
    if said != dollars(cents: found) {
      problems.append("the control total \(key) is \(said), the file adds up to \(dollars(cents: found))")
    }
  }

  private mutating func expect(_ key: String, _ found: Money) throws {
    guard let said = try totals?.at(.key(key)).string() else { return }
    if said != found.dollars {
      problems.append("the control total \(key) is \(said), the file adds up to \(found.dollars)")
    }
  }

  private mutating func expect(_ key: String, _ found: Int) throws {
    guard let said = try totals?.at(.key(key)).integer() else { return }
    if said != Int64(found) { problems.append("the control total \(key) is \(said), the file has \(found)") }
  }
}

extension JSONValue {
  /// An amount in US dollars, refused at its place.
  func money() throws(JSONProblem) -> Money {
    let text = try string()
    do { return try Money(dollars: text) } catch { throw problem(error.problem, error.advice) }
  }

  /// A leaf as a sentence says it.
  fileprivate func plain() throws(JSONProblem) -> String {
    switch kind {
    case .null: "none"
    case .number: try numberText()
    default: try string()
    }
  }
}
