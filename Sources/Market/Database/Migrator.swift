import Files
import Foundation
import Postgres
import Units

/// Applies the numbered files of `sql/` in order, all that are pending in one transaction.
///
/// What was applied is recorded with its SHA-256. A file whose first line has a revision replaces what it made, and is applied
/// again where that is higher than the one recorded; where it is lower, the database belongs to a newer version. Any other file
/// that changed is refused.
public struct Migrator {
  /// One file and where it stands.
  public struct Migration: Sendable {
    /// The file's, `NNN_name.sql`; files are applied in the order of their names.
    public let name: String
    /// SQL as it stands in the file.
    public let text: String
    /// SHA-256 of the file, hexadecimal.
    public let checksum: String
    /// When it was applied; nil while it is pending, or where it changed and is to be applied again.
    public var appliedAt: Instant?

    /// Of a file that replaces all that it makes; nil for one that must not change.
    var revision: Int? {
      text.prefixMatch(of: /-- Revision ([0-9]{1,6})\. Applied again whenever that is raised:/).flatMap { Int($0.1) }
    }
  }

  /// The folder has no migrations, or what was applied and what is there disagree.
  public struct Problem: Error, CustomStringConvertible, Sendable {
    public let description: String
  }

  /// Where the numbered files are.
  public let folder: String
  /// How long it waits for another migration, or for a lock, that makes no progress.
  public var patienceSeconds = 60

  /// - Parameter folder: the files `NNN_name.sql`; nil looks in `$GPUMARKET_SQL`, then in `share/gpumarket/sql` beside
  ///   the program's folder, then upwards from the program for a checkout's `sql`.
  public init(folder: String? = nil) throws {
    if let folder {
      self.folder = folder
      return
    }
    if let named = ProcessInfo.processInfo.environment["GPUMARKET_SQL"], !named.isEmpty {
      self.folder = named
      return
    }
    let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    var places = [
      program.deletingLastPathComponent().deletingLastPathComponent().appending(path: "share/gpumarket/sql")
    ]
    var above = program
    while above.path.count > 1 {
      above = above.deletingLastPathComponent()
      places.append(above.appending(path: "sql"))
    }
    let first = "001_roles_and_schema.sql"
    guard let place = places.first(where: { FileManager.default.fileExists(atPath: $0.appending(path: first).path) })
    else {
      throw Problem(
        description: "the SQL files of the market were not found near \(program.path); "
          + "set GPUMARKET_SQL to the folder that holds \(first)")
    }
    self.folder = place.path
  }

  /// The files in order, and which are applied here.
  public func status(_ connection: inout Connection) throws -> [Migration] {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { name in
      name.hasSuffix(".sql") && name.prefix(3).allSatisfy(\.isNumber)
    }.sorted()
    guard !names.isEmpty else { throw Problem(description: "the folder \(folder) holds no NNN_name.sql file") }
    var migrations: [Migration] = []
    for name in names {
      let bytes = try readFile("\(folder)/\(name)")
      migrations.append(
        Migration(
          name: name, text: String(decoding: bytes, as: UTF8.self), checksum: hex(sha256(bytes)), appliedAt: nil))
    }
    let recorded: Bool = try connection.query(
      "SELECT to_regclass('gpumarket_migration.applied') IS NOT NULL AS there"
    ).one().get("there")
    guard recorded else { return migrations }
    // As JSON, since older versions recorded no revision. They knew none: every numbered file is newer.
    for row in try connection.query(
      """
      SELECT *, coalesce((to_jsonb(a) ->> 'revision')::integer, 0) AS recorded
      FROM gpumarket_migration.applied a ORDER BY name
      """)
    {
      let name: String = try row.get("name")
      guard let at = migrations.firstIndex(where: { $0.name == name }) else {
        throw Problem(
          description: "this database has the migration \(name), which \(folder) does not: "
            + "it belongs to a newer version; use that version")
      }
      guard migrations[at].checksum == (try row.get("sha256")) else {
        guard let revision = migrations[at].revision else {
          throw Problem(
            description: "the file \(folder)/\(name) has changed since it was applied; "
              + "restore it, and put the change into a new file with the next number")
        }
        let recorded: Int = try row.get("recorded")
        if revision > recorded { continue }
        throw Problem(
          description: revision < recorded
            ? "this database has revision \(recorded) of \(name), and \(folder) has revision \(revision): "
              + "it belongs to a newer version; use that version"
            : "the file \(folder)/\(name) has changed since it was applied, and its revision has not; "
              + "raise the number in its first line")
      }
      migrations[at].appliedAt = try row.instant("applied_at")
    }
    return migrations
  }

  /// Applies what is pending, all or nothing, and creates the market if there is none; returns the names applied.
  ///
  /// Migrations of one server wait for each other (`inTurn`). Needs a superuser, or a login with CREATEROLE that owns
  /// the database.
  public func migrate(
    _ connection: inout Connection, slotLength: SlotLength?, onApply: (String) -> Void = { _ in }
  ) throws -> [String] {
    var applied: [String] = []
    if try status(&connection).contains(where: { $0.appliedAt == nil }) {
      applied = try inTurn(&connection) { connection in
        try connection.script(
          """
          CREATE SCHEMA IF NOT EXISTS gpumarket_migration;
          CREATE TABLE IF NOT EXISTS gpumarket_migration.applied (
            name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp());
          ALTER TABLE gpumarket_migration.applied ADD COLUMN IF NOT EXISTS revision integer;
          """)
        // Asked again: another migration may have done it all meanwhile.
        let pending = try status(&connection).filter { $0.appliedAt == nil }
        for migration in pending {
          onApply(migration.name)
          try apply(migration, &connection)
        }
        return pending.map(\.name)
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

  private func apply(_ migration: Migration, _ connection: inout Connection) throws {
    // These two concern the server, and are run by whoever migrates; the rest is the owner's.
    let asOwner = !["001_roles_and_schema.sql", "010_closed_doors.sql"].contains(migration.name)
    if asOwner { try connection.script("SET LOCAL ROLE market_owner") }
    try connection.script(migration.text)
    if asOwner { try connection.script("RESET ROLE") }
    try connection.execute(
      """
      INSERT INTO gpumarket_migration.applied (name, sha256, revision)
      VALUES (\(migration.name), \(migration.checksum), \(migration.revision))
      ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256, applied_at = excluded.applied_at, revision = excluded.revision
      """)
  }
}
