import Files

/// A file on its way: appears whole or not at all, and knows its checksum.
struct ExportFile: ~Copyable {
  private var file: AtomicFile
  private var hash = SHA256()
  private(set) var byteCount = 0

  init(_ path: String) throws(FileProblem) { file = try AtomicFile(path) }

  mutating func write(_ bytes: [UInt8]) throws(FileProblem) {
    hash.update(bytes)
    byteCount += bytes.count
    try file.write(bytes)
  }

  mutating func write(_ text: String) throws(FileProblem) { try write(Array(text.utf8)) }

  /// Puts the file in place and gives its SHA-256 in hexadecimal.
  consuming func commit() throws(FileProblem) -> String {
    let digest = hash.hex()
    try file.commit()
    return digest
  }
}
