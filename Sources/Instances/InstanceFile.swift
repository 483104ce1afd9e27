import Clearing
import Files

/// Why a file is no instance: names the file, the place and the next step.
public struct InstanceFileError: Error, Equatable, Sendable, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}

/// Reads an instance file: JSON, a CATS auction or an MMKP problem, plain or gzip; told apart by content.
/// - Parameter path: "-" is standard input.
/// - Throws: `FileProblem`, `JSONProblem` (key path, line and column) or `InstanceFileError`.
public func readInstance(path: String) throws -> Instance {
  try readInstance(bytes: readFile(path), source: path)
}

/// Reads an instance from the bytes of a file.
/// - Parameter source: how errors name the file; also the name of instances whose form carries none.
public func readInstance(bytes: [UInt8], source: String) throws -> Instance {
  let first = bytes.first { $0 > 0x20 }
  switch first {
  case UInt8(ascii: "{"): return try readJSONInstance(bytes, source: source)
  case UInt8(ascii: "%"), UInt8(ascii: "g"): return try readCATS(bytes, source: source)
  case .some(48...57): return try readMMKP(bytes, source: source).instance
  default:
    throw InstanceFileError(
      "\(source) is no instance: it begins neither with { (JSON) nor like a CATS or MMKP file; give another file")
  }
}

/// The last part of a path.
func fileName(_ path: String) -> String {
  path.split(separator: "/").last.map(String.init) ?? path
}
