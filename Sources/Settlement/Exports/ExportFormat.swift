import Files

/// The formats of `settle export`. Each gives the same bytes for the same ledger and selection.
public enum ExportFormat: String, CaseIterable, Sendable {
  /// One line for each award (and pool), correction and tax line; units in the header.
  case csv
  /// Everything: charges, and the journal with its chain of hashes.
  case json
  /// FOCUS 1.0 as the public validator reads it.
  case focus
  /// FOCUS 1.2.
  case focus12 = "focus-1.2"
  /// A journal that hledger and ledger both read.
  case hledger
  /// A journal for beancount.
  case beancount
  /// Journal entries for NetSuite's CSV import.
  case netsuite
  /// Journal entries for QuickBooks Online's import.
  case quickbooks
  /// Manual journals for Xero's import.
  case xero

  /// What the file's name ends with.
  public var fileExtension: String {
    switch self {
    case .json: "json"
    case .hledger: "journal"
    case .beancount: "beancount"
    default: "csv"
    }
  }

  func write(_ data: ExportData, to file: inout ExportFile) throws {
    switch self {
    case .csv: try writeCSV(data, to: &file)
    case .json: try writeJSON(data, to: &file)
    case .focus: try writeFocus(data, version: .one, to: &file)
    case .focus12: try writeFocus(data, version: .onePointTwo, to: &file)
    case .hledger: try writeHledger(data, to: &file)
    case .beancount: try writeBeancount(data, to: &file)
    case .netsuite: try writeNetSuite(data, to: &file)
    case .quickbooks: try writeQuickBooks(data, to: &file)
    case .xero: try writeXero(data, to: &file)
    }
  }
}
