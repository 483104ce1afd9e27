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

  /// The SHA-256 of what was written so far, in hexadecimal.
  var sha256: String {
    let state = hash
    return state.hex()
  }

  /// Puts the file in place.
  consuming func commit() throws(FileProblem) { try file.commit() }
}

/// An export's three files, written beside their places: all go there, or what stood there before stays.
struct ExportFiles: ~Copyable {
  private var file: ExportFile
  private var totals: AtomicFile
  private var checksums: AtomicFile

  /// - Parameter file: written to its end.
  init(
    _ file: consuming ExportFile, at path: String, totals totalsText: String, checksums checksumText: String
  ) throws(FileProblem) {
    var totals = try AtomicFile(path + ".totals.json")
    try totals.write(totalsText)
    var checksums = try AtomicFile(path + ".sha256")
    try checksums.write(checksumText)
    self.file = file
    self.totals = totals
    self.checksums = checksums
  }

  /// Puts the files in place, the checksums last.
  consuming func commit() throws(FileProblem) {
    try file.commit()
    try totals.commit()
    try checksums.commit()
  }
}
