import Glibc

/// The folder that holds `initdb`, `pg_ctl` and `postgres`, which Debian keeps outside PATH.
struct ServerPrograms: Equatable {
  let folder: String

  /// The oldest version whose features the schema uses.
  static let oldest = 15

  /// Looks in `$GPUMARKET_PG_BIN`, else in Debian's folders, else along `PATH`.
  ///
  /// - Parameter version: the major version that made existing data, nil for new data.
  static func find(version: Int?, environment: [String: String]) throws(PrivateServerError) -> ServerPrograms {
    if let named = environment["GPUMARKET_PG_BIN"], !named.isEmpty {
      guard let programs = ServerPrograms(in: named) else {
        throw PrivateServerError(
          .binariesMissing, "GPUMARKET_PG_BIN names \(named), which holds no initdb, pg_ctl and postgres.",
          nextStep: "Unset it, or let it name the bin folder of PostgreSQL \(version ?? oldest).")
      }
      return programs
    }
    let versions = version.map { [$0] } ?? [oldest] + (oldest + 1...oldest + 15).reversed()
    for candidate in versions {
      if let programs = ServerPrograms(in: "/usr/lib/postgresql/\(candidate)/bin") { return programs }
    }
    for folder in (environment["PATH"] ?? "").split(separator: ":") {
      if let programs = ServerPrograms(in: String(folder)) { return programs }
    }
    throw PrivateServerError(
      .binariesMissing, "PostgreSQL \(version ?? oldest) is not installed here.",
      nextStep: "Run `apt-get install postgresql-\(version ?? oldest)`, or name its bin folder in GPUMARKET_PG_BIN.")
  }

  private init?(in folder: String) {
    for program in ["initdb", "pg_ctl", "postgres"] where access("\(folder)/\(program)", X_OK) != 0 { return nil }
    self.folder = folder
  }
}
