import Postgres

/// Makes the functions, triggers and rights of a database those of the files, inside the transaction that migrates.
struct FunctionFiles {
  let files: [SchemaFiles.File]
  /// Runs one file as whom it says.
  let run: (SchemaFiles.File, inout Connection) throws -> Void

  private static let schemas = "('market'::regnamespace, 'ledger'::regnamespace)"

  /// Applies every file, in whatever order they let themselves be applied, and drops what none of them made.
  func replaceAll(_ connection: inout Connection, _ onApply: (String) -> Void) throws {
    // Bodies are bound when they are called: what they call may stand in a later file.
    try connection.script("SET LOCAL check_function_bodies = off")
    try takeBackRights(&connection)
    let earlier = try made(&connection).map(\.id)
    var waiting = files
    while !waiting.isEmpty {
      var later: [SchemaFiles.File] = []
      for file in waiting {
        onApply(file.path)
        try connection.script("SAVEPOINT file")
        do {
          try apply(file, &connection)
        } catch let error as PostgresError
          where ["42883", "42P01", "42704"].contains(error.sqlState) && later.count + 1 < waiting.count
        {
          // It needs a function, relation or type of another file: after that one.
          try connection.script("ROLLBACK TO SAVEPOINT file")
          later.append(file)
        }
        try connection.script("RELEASE SAVEPOINT file")
      }
      waiting = later
    }
    try connection.script("SET LOCAL ROLE market_owner")
    // Whatever a file made anew has another row version now.
    let same = Set(earlier)
    for old in try made(&connection) where same.contains(old.id) {
      try connection.script(old.drop)
    }
    try connection.script("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA market, ledger FROM PUBLIC")
    try checkBodies(&connection)
    try connection.script("RESET ROLE")
  }

  /// A function whose parameters' names or result differ cannot be replaced, so it is dropped first. Those of triggers never do.
  private func apply(_ file: SchemaFiles.File, _ connection: inout Connection) throws {
    do {
      try run(file, &connection)
    } catch let error as PostgresError where error.sqlState == "42P13" {
      try connection.script("ROLLBACK TO SAVEPOINT file; SET LOCAL ROLE market_owner")
      for row in try connection.query(
        """
        SELECT 'DROP FUNCTION ' || p.oid::regprocedure AS drop FROM pg_proc p
        WHERE p.pronamespace::regnamespace || '.' || p.proname = ANY (\(file.functions)) AND p.prorettype <> 'trigger'::regtype
        """)
      {
        try connection.script(try row.get("drop"))
      }
      try connection.script("RESET ROLE")
      try run(file, &connection)
    }
  }

  /// A right that no file grants any more is gone; nobody sees the moment without, since it is never committed.
  private func takeBackRights(_ connection: inout Connection) throws {
    try connection.script("SET LOCAL ROLE market_owner")
    for row in try connection.query(
      SQL(
        unsafeRaw: """
          SELECT DISTINCT format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA market, ledger FROM %s', a.grantee::regrole) AS revoke
          FROM pg_proc p, aclexplode(p.proacl) a
          WHERE p.pronamespace IN \(Self.schemas) AND a.grantee NOT IN (0, p.proowner)
          """))
    {
      try connection.script(try row.get("revoke"))
    }
    try connection.script("RESET ROLE")
  }

  /// Every function and trigger of the market: its identity with the version of its row, and how it is dropped. Triggers first,
  /// since they stand on functions.
  private func made(_ connection: inout Connection) throws -> [(id: String, drop: String)] {
    try connection.query(
      SQL(
        unsafeRaw: """
          SELECT 1 AS rank, t.oid || ' ' || t.xmin AS id, format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass) AS drop
          FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace IN \(Self.schemas) AND NOT t.tgisinternal
          UNION ALL
          SELECT 2, p.oid || ' ' || p.xmin, 'DROP FUNCTION ' || p.oid::regprocedure
          FROM pg_proc p WHERE p.pronamespace IN \(Self.schemas) ORDER BY 1
          """)
    ).map { (try $0.get("id"), try $0.get("drop")) }
  }

  /// All functions are there now: what a body has wrong is found here, not by the first who calls it.
  private func checkBodies(_ connection: inout Connection) throws {
    try connection.script("SET LOCAL check_function_bodies = on")
    for (language, validator) in [("plpgsql", "plpgsql_validator"), ("sql", "fmgr_sql_validator")] {
      _ = try connection.query(
        SQL(
          unsafeRaw: """
            SELECT \(validator)(p.oid) FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
            WHERE p.pronamespace IN \(Self.schemas) AND l.lanname = '\(language)'
            """))
    }
  }
}
