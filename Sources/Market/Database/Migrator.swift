import Foundation
import Postgres
import Units

/// Brings a database to what the folder `sql` says, all in one transaction.
///
/// Tables are numbered files: each is applied once, recorded with its SHA-256, and must not change. Functions are applied again,
/// all of them, whenever one differs or a table is new. A database that a newer tool has migrated is refused.
public struct Migrator {
  /// A file of tables, or the functions as a whole, and where it stands.
  public struct Migration: Sendable {
    /// The file's path below `sql`; `functions` for all functions together.
    public let name: String
    /// SHA-256, hexadecimal.
    public let checksum: String
    /// When it was applied; nil while it is pending.
    public let appliedAt: Instant?
  }

  /// The folder is not the market's, or what was applied and what is there disagree.
  public struct Problem: Error, CustomStringConvertible, Sendable {
    public let description: String
  }

  /// The folder `sql`.
  public let folder: String
  /// How long it waits for another migration, or for a lock, that makes no progress.
  public var patienceSeconds = 60

  private let files: SchemaFiles

  /// - Parameter folder: nil looks in `$GPUMARKET_SQL`, then in `share/gpumarket/sql` beside the program's folder, then upwards
  ///   from the program for a checkout's `sql`.
  /// - Throws: `Problem` where there is no such folder, or it lacks what belongs there.
  public init(folder: String? = nil) throws {
    self.folder = try folder ?? SchemaFiles.find()
    files = try SchemaFiles(self.folder)
  }

  /// The files of tables in order, then the functions, and which are applied here.
  ///
  /// - Throws: `Problem` where the database belongs to another version or to something else, or a file of tables has changed.
  public func status(_ connection: inout Connection) throws -> [Migration] {
    var recorded: [(name: String, checksum: String, at: Instant)] = []
    var functions: (version: Int, checksum: String, at: Instant)?
    if try connection.query("SELECT to_regclass('gpumarket_migration.functions') AS there").one().optional(
      "there", as: String.self) != nil
    {
      recorded = try connection.query("SELECT * FROM gpumarket_migration.tables ORDER BY name").map {
        (try $0.get("name"), try $0.get("sha256"), try $0.instant("applied_at"))
      }
      functions = try connection.query("SELECT * FROM gpumarket_migration.functions").first.map {
        (try $0.get("version"), try $0.get("sha256"), try $0.instant("applied_at"))
      }
    } else if try connection.query("SELECT to_regnamespace('market') AS there").one().optional("there", as: String.self)
      != nil
    {
      throw Problem(
        description: "this database has a schema named market that no migration of this tool has recorded; "
          + "migrate an empty database")
    }
    for (number, one) in recorded.enumerated() {
      guard number < files.tables.count, files.tables[number].path == one.name else {
        throw Problem(
          description: "this database has \(one.name), which \(folder) does not have in its place: "
            + "it belongs to a newer version; use that version")
      }
      guard files.tables[number].checksum == one.checksum else {
        throw Problem(
          description: "the file \(folder)/\(one.name) has changed since it was applied; "
            + "restore it, and put the change into a new file with the next number")
      }
    }
    if let functions, functions.version > files.version {
      throw Problem(
        description: "this database has the functions of version \(functions.version), and \(folder) has version "
          + "\(files.version): it belongs to a newer version; use that version")
    }
    let tables = files.tables.enumerated().map { number, file in
      Migration(
        name: file.path, checksum: file.checksum, appliedAt: number < recorded.count ? recorded[number].at : nil)
    }
    // A new table gets its triggers and its policy from the functions' files, so these follow whenever one is pending.
    let isCurrent =
      recorded.count == tables.count && functions?.version == files.version
      && functions?.checksum == files.functionsChecksum
    return tables + [
      Migration(name: "functions", checksum: files.functionsChecksum, appliedAt: isCurrent ? functions?.at : nil)
    ]
  }

  /// Applies what is pending, all or nothing, and creates the market if there is none.
  ///
  /// Migrations of one server wait for each other (`inTurn`). Needs a superuser, or a login with CREATEROLE that owns
  /// the database.
  ///
  /// - Parameter onApply: is told each file before it is applied.
  /// - Returns: the names, as `status` gives them, of what was applied.
  public func migrate(
    _ connection: inout Connection, slotLength: SlotLength?, onApply: (String) -> Void = { _ in }
  ) throws -> [String] {
    var applied: [String] = []
    if try status(&connection).contains(where: { $0.appliedAt == nil }) {
      applied = try inTurn(&connection) { connection in
        try connection.script(
          """
          CREATE SCHEMA IF NOT EXISTS gpumarket_migration;
          CREATE TABLE IF NOT EXISTS gpumarket_migration.tables (
            name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp());
          CREATE TABLE IF NOT EXISTS gpumarket_migration.functions (
            only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one), version integer NOT NULL, sha256 text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT clock_timestamp());
          """)
        // Asked again: another migration may have done it all meanwhile.
        let pending = try status(&connection).filter { $0.appliedAt == nil }.map(\.name)
        for file in files.tables where pending.contains(file.path) {
          onApply(file.path)
          try run(file, &connection)
          try connection.execute(
            "INSERT INTO gpumarket_migration.tables (name, sha256) VALUES (\(file.path), \(file.checksum))")
        }
        if !pending.isEmpty { try applyFunctions(&connection, onApply) }
        return pending
      }
    }
    try connection.transaction { connection in
      try connection.script("SET LOCAL ROLE market_owner")
      let present = try connection.query("SELECT slot_minutes FROM market.market").first
      if present == nil || slotLength != nil {
        _ = try connection.query("SELECT market.create_market(\((slotLength ?? .hour).minutes)::integer)")
      }
    }
    return applied
  }

  func run(_ file: SchemaFiles.File, _ connection: inout Connection) throws {
    if file.isRunByTheOwner { try connection.script("SET LOCAL ROLE market_owner") }
    try connection.script(file.text)
    if file.isRunByTheOwner { try connection.script("RESET ROLE") }
  }

  private func applyFunctions(_ connection: inout Connection, _ onApply: (String) -> Void) throws {
    try FunctionFiles(files: files.functions, run: run).replaceAll(&connection, onApply)
    try connection.execute(
      """
      INSERT INTO gpumarket_migration.functions (version, sha256) VALUES (\(files.version), \(files.functionsChecksum))
      ON CONFLICT (only_one) DO UPDATE
      SET version = excluded.version, sha256 = excluded.sha256, applied_at = excluded.applied_at
      """)
  }
}
