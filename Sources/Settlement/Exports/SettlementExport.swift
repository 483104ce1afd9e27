import Files
import Postgres

/// Writes records of the ledger to files that other programs import.
///
/// `settlement.csv` comes with `settlement.csv.totals.json`, its control totals, and `settlement.csv.sha256`, the
/// checksums of both in the form `sha256sum --check` reads; that file is written last, so where it fits, all is there.
/// The same ledger and selection give the same bytes.
public struct SettlementExport {
  /// The formats' names.
  public static var formats: [String] { ExportFormat.allCases.map(\.rawValue) }

  /// Reads in one snapshot, checks that charges, journal and unit prices agree, writes, and records what was covered.
  ///
  /// The record is made before the files are put in place and committed after: a refused record leaves what stood
  /// there before, and whatever breaks off between leaves whole files without a record, which `sinceLast` gives again.
  ///
  /// - Parameters:
  ///   - path: the file to write; two more stand beside it.
  ///   - accounts: the finance team's codes and names.
  ///   - record: keep in the database what was covered; `sinceLast` always does. A login that may not, as the
  ///     auditor's, exports all the same.
  /// - Throws: `PostgresError`, `FileProblem`, `SettlementError`.
  public static func run(
    connection: inout Connection, format: ExportFormat, selection: Selection = .everything,
    accounts: AccountMap = .builtIn, record: Bool = true, to path: String
  ) throws -> ExportReport {
    let data = try connection.transaction(.repeatableRead) { connection in
      try ExportData(
        &connection, selection: selection, since: try since(&connection, format, selection), accounts: accounts)
    }
    let totals = try ControlTotals(data)
    var file = try ExportFile(path)
    try format.write(data, to: &file)
    let bytes = file.byteCount
    let sha256 = file.sha256
    let name = path.split(separator: "/").last.map(String.init) ?? path
    let totalsText =
      totals.json(data, format: format, file: name, bytes: bytes, sha256: sha256).text(pretty: true) + "\n"
    let totalsSHA256 = SHA256.hex(Array(totalsText.utf8))
    let files = try ExportFiles(
      file, at: path, totals: totalsText,
      checksums: "\(sha256)  \(name)\n\(totalsSHA256)  \(name).totals.json\n")
    var report = ExportReport(
      path: path, format: format, selection: selection, after: data.span.after, upTo: data.span.upTo, totals: totals,
      bytes: bytes, sha256: sha256)
    guard record || selection == .sinceLast else {
      try files.commit()
      return report
    }
    // A closure may not consume what it captures, but may take it out of an optional.
    var staged: ExportFiles? = files
    let covered = report
    // Not in the reading transaction: its snapshot would not show an export recorded meanwhile.
    report.recorded = try connection.transaction { (connection: inout Connection) throws -> Bool in
      let recorded = try self.record(&connection, covered)
      if let files = staged.take() { try files.commit() }
      return recorded
    }
    return report
  }

  private static func since(
    _ connection: inout Connection, _ format: ExportFormat, _ selection: Selection
  ) throws(PostgresError) -> Int64? {
    switch selection {
    case .since(let number): number
    case .sinceLast: try connection.query("SELECT ledger.last_exported(\(format.rawValue)) AS n").one().get("n")
    case .everything: 0
    case .round, .period: nil
    }
  }

  private static func record(_ connection: inout Connection, _ report: ExportReport) throws -> Bool {
    do {
      try connection.attempt { (connection: inout Connection) throws(PostgresError) -> Void in
        try connection.query(
          """
          SELECT ledger.record_export(\(report.format.rawValue), \(report.selection.text), \(report.after)::bigint,
            \(report.upTo)::bigint, \(report.totals.transactions)::bigint, \(report.sha256))
          """)
      }
      return true
    } catch let error as PostgresError where error.sqlState == "42501" && report.selection != .sinceLast {
      // insufficient_privilege: a reader's export is complete without a record, but LAST would then not move.
      return false
    }
  }
}

/// What was written.
public struct ExportReport: Sendable {
  /// As it was given; two more files stand beside it.
  public let path: String
  /// Of the file at `path`.
  public let format: ExportFormat
  /// As it was asked for; `after` and `upTo` say which numbers that came to.
  public let selection: Selection
  /// Numbers of the ledger's transactions: after this one (nil for a round or a period), up to that one.
  public let after: Int64?, upTo: Int64
  /// As the totals' file has them.
  public let totals: ControlTotals
  /// Length of the file at `path` alone.
  public let bytes: Int
  /// Hexadecimal.
  public let sha256: String
  /// Whether the database keeps what was covered.
  public internal(set) var recorded = false
  /// The control totals' file.
  public var totalsPath: String { path + ".totals.json" }
  /// The checksums' file.
  public var checksumPath: String { path + ".sha256" }
}
