import Postgres
import TestSupport

/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers on every run.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// Text with what tends to break quoting: quotes, backslashes, braces, controls, every plane of Unicode.
  mutating func text() -> String {
    let awkward: [Unicode.Scalar] = [
      "'", "\"", "\\", "{", "}", ",", "$", "\n", "\r", "\t", "\u{1}", "%", ";", "é", "🂡",
    ]
    var scalars = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 0...40, using: &self) {
      if Bool.random(using: &self) {
        scalars.append(awkward.randomElement(using: &self) ?? "a")
      } else if let scalar = Unicode.Scalar(UInt32.random(in: 1...0x10ffff, using: &self)) {
        scalars.append(scalar)
      }
    }
    return String(scalars)
  }

  mutating func bytes() -> [UInt8] {
    (0..<Int.random(in: 0...300, using: &self)).map { _ in UInt8.random(in: 0...255, using: &self) }
  }
}

/// A connection to an empty database of its own.
func emptyDatabase() throws -> Connection {
  let server = try TestServer.shared()
  return try Connection(conninfo: server.conninfo(database: server.makeDatabase()))
}

/// The error that `body` must throw.
func refused<T: ~Copyable>(_ body: () throws -> T) throws -> PostgresError {
  do { _ = try body() } catch let error as PostgresError { return error }
  throw Missing()
}

/// A test expected a `PostgresError` and none came.
struct Missing: Error {}

/// A connection string without what finds a server that is gone; passwords keep their blanks.
func withoutLiveness(_ conninfo: String) -> String {
  let keywords = ["connect_timeout=", "keepalives_", "tcp_user_timeout="]
  return conninfo.split(separator: " ", omittingEmptySubsequences: false)
    .filter { word in !keywords.contains { word.hasPrefix($0) } }
    .joined(separator: " ")
}
