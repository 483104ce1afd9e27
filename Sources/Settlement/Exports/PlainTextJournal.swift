/// Plain-text accounting journals. Every line asserts its account's balance, or every account its closing one, so
/// that a line lost, doubled or changed by a cent fails the check.
extension ExportFormat {
  /// hledger and ledger read the same file: `hledger check -s`, `ledger --strict --pedantic`.
  func writeHledger(_ data: ExportData, to file: inout ExportFile) throws {
    try file.write("; gpumarket settlement: \(data.selection.text), ledger up to transaction \(data.span.upTo)\n")
    try file.write("; ledger hash \(data.headHash.isEmpty ? "none" : data.headHash)\n")
    for account in try data.journalAccounts() { try file.write("account \(account)\n") }
    try file.write("commodity USD\n    format 1000.00 USD\n")
    var balances: [String: Int64] = [:]
    if !data.opening.isEmpty, let first = data.firstDay {
      try file.write("\n\(first) * (opening) Opening balances\n")
      try file.write(Self.hledgerLines(data.opening, data.accounts, &balances))
    }
    for t in data.transactions {
      var text = "\n\(t.bookedOn) * (\(t.number)) \(oneLine(t.memo))\n"
      for (name, value) in t.marks { text += "    ; \(name):\(value)\n" }
      try file.write(text + Self.hledgerLines(t.postings, data.accounts, &balances))
    }
    // An account's last line has no later one that would miss it.
    guard let last = data.transactions.last?.bookedOn ?? data.firstDay, !balances.isEmpty else { return }
    var text = "\n\(last) * (closing) Balances, nothing moves\n"
    for (account, cents) in balances.sorted(by: { $0.key < $1.key }) {
      text += "    \(account)  0.00 USD = \(dollars(cents: cents)) USD\n"
    }
    try file.write(text)
  }

  private static func hledgerLines(
    _ postings: [JournalTransaction.Posting], _ accounts: AccountMap, _ balances: inout [String: Int64]
  ) -> String {
    var text = ""
    for posting in postings {
      let name = accounts.name(posting.account)
      let balance = (balances[name] ?? 0) + posting.cents
      balances[name] = balance
      text += "    \(name)  \(dollars(cents: posting.cents)) USD = \(dollars(cents: balance)) USD\n"
    }
    return text
  }

  /// beancount 3: `bean-check`.
  func writeBeancount(_ data: ExportData, to file: inout ExportFile) throws {
    try file.write("; gpumarket settlement: \(data.selection.text), ledger up to transaction \(data.span.upTo)\n")
    try file.write("; ledger hash \(data.headHash.isEmpty ? "none" : data.headHash)\n")
    // Without this beancount lets half a cent pass.
    try file.write(
      """
      option "title" "gpumarket settlement"
      option "operating_currency" "USD"
      option "name_income" "Revenues"
      option "tolerance_multiplier" "0"

      """)
    let opened = data.firstDay ?? "1970-01-01"
    try file.write("\(opened) commodity USD\n")
    for account in try data.journalAccounts() { try file.write("\(opened) open \(account) USD\n") }
    var balances: [String: Int64] = [:]
    if !data.opening.isEmpty {
      try file.write("\n\(opened) * \"Opening balances\" #opening\n")
      try file.write(Self.beancountLines(data.opening, data.accounts, &balances))
    }
    for t in data.transactions {
      let company = t.company.replacing("\"", with: "'")
      let memo = oneLine(t.memo).replacing("\\", with: "/").replacing("\"", with: "'")
      var text = "\n\(t.bookedOn) * \"\(company)\" \"\(memo)\" ^t\(t.number)\n"
      for (name, value) in t.marks {
        text += "  \(name): \"\(value.replacing("\\", with: "/").replacing("\"", with: "'"))\"\n"
      }
      try file.write(text + Self.beancountLines(t.postings, data.accounts, &balances))
    }
    guard let last = data.transactions.last?.bookedOn ?? data.firstDay, let next = dayAfter(last) else { return }
    try file.write("\n")
    for (account, cents) in balances.sorted(by: { $0.key < $1.key }) {
      try file.write("\(next) balance \(account)  \(dollars(cents: cents)) USD\n")
    }
  }

  private static func beancountLines(
    _ postings: [JournalTransaction.Posting], _ accounts: AccountMap, _ balances: inout [String: Int64]
  ) -> String {
    var text = ""
    for posting in postings {
      let name = accounts.name(posting.account)
      balances[name, default: 0] += posting.cents
      text += "  \(name)  \(dollars(cents: posting.cents)) USD\n"
    }
    return text
  }
}

extension ExportData {
  /// The accounts that appear, as the finance team names them, in order.
  /// - Throws: `SettlementError` for a name that the journal programs do not take.
  func journalAccounts() throws(SettlementError) -> [String] {
    var used = Set(opening.map(\.account))
    for t in transactions { for posting in t.postings { used.insert(posting.account) } }
    var names: Set<String> = []
    for account in used.sorted() { names.insert(try accounts.journalName(account)) }
    return names.sorted()
  }

  /// The day on which the file's accounts open.
  var firstDay: String? { span.period.map { $0 + "-01" } ?? transactions.first?.bookedOn }
}

extension JournalTransaction {
  /// What a journal line says beside its amounts, as tags.
  var marks: [(String, String)] {
    let all: [(String, String?)] = [
      ("kind", kind), ("company", company), ("round", round), ("award", award), ("bid", bid), ("outage", outage),
      ("corrects", corrects.map { String($0) }), ("reference", reference.map { oneLine($0) }), ("document", document),
      ("hash", hash),
    ]
    return all.compactMap { name, value in value.map { (name, $0) } }
  }
}
