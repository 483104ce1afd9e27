import Postgres

// Migrations of one server take turns, whatever their databases: they make the same roles and change the same rights.
// An advisory lock would hold for one database only, and anyone may take one. So the turn is a role that is made first
// and dropped before the commit: nobody else ever sees it, a second maker waits for the first one's end, a crash leaves
// nothing, and only who may create roles, as migrating needs anyway, can be in the way.
extension Migrator {
  static let turn = "market_migrating"

  /// Runs `body` in a transaction that no other migration of this server runs beside.
  ///
  /// - Throws: `Problem` where another one made no progress for as long as `patienceSeconds`.
  func inTurn<T>(_ connection: inout Connection, _ body: (inout Connection) throws -> T) throws -> T {
    try connection.transaction { connection in
      // Bounds every wait of the migration, for whoever comes after it in a table's queue waits with it.
      try connection.script("SET LOCAL lock_timeout = '\(patienceSeconds)s'")
      do {
        try connection.script("CREATE ROLE \(Migrator.turn)")
      } catch let error as PostgresError where error.sqlState == "55P03" {
        throw Problem(
          description: "another migration on this server has made no progress for \(patienceSeconds) s; "
            + "look for its session in pg_stat_activity, let it end or end it, and run gpumarket migrate again")
      } catch let error as PostgresError where error.sqlState == "42710" {
        throw Problem(
          description: "a role named \(Migrator.turn) exists on this server, where migrations make one for a moment "
            + "to take turns; drop it (DROP ROLE \(Migrator.turn)) and run gpumarket migrate again")
      }
      let value = try body(&connection)
      try connection.script("DROP ROLE \(Migrator.turn)")
      return value
    }
  }
}
