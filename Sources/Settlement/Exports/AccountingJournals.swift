import Files

/// Journal entries for accounting systems, in the columns that their import pages name. Lines of zero are left out,
/// since those systems refuse them; the control totals count them.
extension ExportFormat {
  /// NetSuite: a journal for each transaction; the External ID makes a second import update and not double.
  func writeNetSuite(_ data: ExportData, to file: inout ExportFile) throws {
    var writer = CSVWriter(columns: [
      "External ID", "Date", "Subsidiary", "Currency", "Memo", "Journal Entry - Line: Account",
      "Journal Entry - Line: Debit", "Journal Entry - Line: Credit", "Journal Entry - Line: Memo",
    ])
    for t in data.transactions {
      for posting in t.postings where posting.cents != 0 {
        let code = try data.accounts.code(posting.account)
        writer.row([
          .text("gpumarket-\(t.number)"), .text(t.americanDay), .text(data.accounts.subsidiary), .text("USD"),
          .text(oneLine(t.memo)), .text("\(code) \(data.accounts.name(posting.account))"),
          .optional(posting.cents > 0 ? dollars(cents: posting.cents) : nil),
          .optional(posting.cents < 0 ? dollars(cents: -posting.cents) : nil), .text(t.lineText),
        ])
      }
      try file.write(writer.take())
    }
    try file.write(writer.take())
  }

  /// QuickBooks Online: accounts as `Parent:Child`, the company under Name.
  func writeQuickBooks(_ data: ExportData, to file: inout ExportFile) throws {
    var writer = CSVWriter(columns: [
      "Journal No", "Journal Date", "Account Name", "Debits", "Credits", "Description", "Name",
    ])
    for t in data.transactions {
      for posting in t.postings where posting.cents != 0 {
        writer.row([
          .text("gpumarket-\(t.number)"), .text(t.americanDay), .text(data.accounts.name(posting.account)),
          .optional(posting.cents > 0 ? dollars(cents: posting.cents) : nil),
          .optional(posting.cents < 0 ? dollars(cents: -posting.cents) : nil), .text(t.lineText), .text(t.company),
        ])
      }
      try file.write(writer.take())
    }
    try file.write(writer.take())
  }

  /// Xero: a manual journal for each narration and date, of at most 300 lines; signed amounts.
  func writeXero(_ data: ExportData, to file: inout ExportFile) throws {
    var writer = CSVWriter(columns: [
      "*Narration", "*Date", "Description", "*AccountCode", "*TaxRate", "*Amount", "TrackingName1",
      "TrackingOption1", "TrackingName2", "TrackingOption2",
    ])
    for t in data.transactions {
      guard t.postings.count <= 300 else {
        throw SettlementError(
          "transaction \(t.number) has \(t.postings.count) lines and Xero takes 300",
          advice: "enter it by hand, or export it in another format")
      }
      for posting in t.postings where posting.cents != 0 {
        writer.row([
          .text("\(t.number) \(oneLine(t.memo))"), .text(t.europeanDay), .text(t.lineText),
          .text(try data.accounts.code(posting.account)), .text(data.accounts.taxRate),
          .decimal(dollars(cents: posting.cents)), "", "", "", "",
        ])
      }
      try file.write(writer.take())
    }
    try file.write(writer.take())
  }
}

extension JournalTransaction {
  /// MM/DD/YYYY.
  var americanDay: String {
    let parts = dayParts(bookedOn)
    return "\(parts.month)/\(parts.day)/\(parts.year)"
  }

  /// dd/mm/yyyy.
  var europeanDay: String {
    let parts = dayParts(bookedOn)
    return "\(parts.day)/\(parts.month)/\(parts.year)"
  }

  /// What tells a line's origin: the company, the award or reference, the document.
  var lineText: String {
    [company, award ?? reference.map { oneLine($0) }, document == reference ? nil : document].compactMap { $0 }.joined(
      separator: " ")
  }
}
