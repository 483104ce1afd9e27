import Files
import Foundation

/// The folder `sql`: what the database consists of, in two kinds of files.
///
/// `tables/NNN_name.sql` are numbered and applied once each. `functions/AREA/name.sql` hold one definition of each function, with
/// its triggers and grants; all are applied again whenever one differs. `version` is raised by whoever releases other functions.
struct SchemaFiles {
  /// One file: its path below `sql`, its text, and the SHA-256 of its bytes in hexadecimal.
  struct File {
    let path: String
    let text: String
    let checksum: String

    /// Files that concern the server are run by the login that migrates; all others by the owner of the market.
    var isRunByTheOwner: Bool { !text.hasPrefix("-- Run by whoever migrates, not by the owner.\n") }

    /// The functions that it defines, such as `market.place_bid`.
    var functions: [String] {
      text.matches(of: /(?m)^CREATE OR REPLACE FUNCTION ((?:market|ledger)\.[a-z_]+)/).map { String($0.1) }
    }
  }

  let folder: String
  /// In the order of their numbers.
  let tables: [File]
  /// In the order of their paths, which does not matter.
  let functions: [File]
  /// Of the functions: a database that has a higher one belongs to a newer tool.
  let version: Int
  /// SHA-256 over all paths and texts of functions, hexadecimal.
  var functionsChecksum: String { hex(sha256(Array(functions.map { "\($0.path) \($0.checksum)\n" }.joined().utf8))) }

  init(_ folder: String) throws {
    self.folder = folder
    func file(_ path: String) throws -> File {
      let bytes = try readFile("\(folder)/\(path)")
      return File(path: path, text: String(decoding: bytes, as: UTF8.self), checksum: hex(sha256(bytes)))
    }
    func names(_ folder: String, ending: String) -> [String] {
      let all = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      return all.filter { $0.hasSuffix(ending) && !$0.hasPrefix(".") }.sorted()
    }
    tables = try names("\(folder)/tables", ending: ".sql").map { try file("tables/\($0)") }
    functions = try names("\(folder)/functions", ending: "").flatMap { area in
      try names("\(folder)/functions/\(area)", ending: ".sql").map { try file("functions/\(area)/\($0)") }
    }
    guard !tables.isEmpty, !functions.isEmpty, let version = Int(try file("version").text.trimmingNewline) else {
      throw Migrator.Problem(
        description:
          "the folder \(folder) is not the market's sql: it needs tables/NNN_name.sql, functions/AREA/name.sql "
          + "and a whole number in version")
    }
    self.version = version
  }

  /// The folder: `$GPUMARKET_SQL`, else `share/gpumarket/sql` beside the program's folder, else upwards from the program a
  /// checkout's `sql`.
  static func find() throws -> String {
    if let named = ProcessInfo.processInfo.environment["GPUMARKET_SQL"], !named.isEmpty { return named }
    let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    var places = [
      program.deletingLastPathComponent().deletingLastPathComponent().appending(path: "share/gpumarket/sql")
    ]
    var above = program
    while above.path.count > 1 {
      above = above.deletingLastPathComponent()
      places.append(above.appending(path: "sql"))
    }
    let sign = "tables/001_roles_and_schemas.sql"
    guard let place = places.first(where: { FileManager.default.fileExists(atPath: $0.appending(path: sign).path) })
    else {
      throw Migrator.Problem(
        description: "the SQL files of the market were not found near \(program.path); "
          + "set GPUMARKET_SQL to the folder that holds \(sign)")
    }
    return place.path
  }
}

extension String {
  fileprivate var trimmingNewline: String { trimmingCharacters(in: .newlines) }
}
