import Glibc

/// The most bytes `readFile` returns unless told otherwise: 2 GiB, after decompression.
public let readLimitBytes = 2 << 30

/// Reads a whole file; "-" is standard input.
///
/// Content that begins with gzip's magic number is decompressed, whatever its name.
/// - Parameter limit: the most bytes accepted, before and after decompression, so that a small
///   malicious file cannot fill the memory.
/// - Throws: `FileProblem` naming path, reason and next step.
public func readFile(_ path: String, limit: Int = readLimitBytes) throws(FileProblem) -> [UInt8] {
  let raw = try readRaw(path, limit: limit)
  return isGzip(raw) ? try gunzip(raw, path: path, limit: limit) : raw
}

private func readRaw(_ path: String, limit: Int) throws(FileProblem) -> [UInt8] {
  let isInput = path == "-"
  let file = isInput ? STDIN_FILENO : Int32(untilUninterrupted { Int(open(path, O_RDONLY | O_CLOEXEC)) })
  guard file >= 0 else { throw .system(path, "open it", errno) }
  defer { if !isInput { close(file) } }
  var status = stat()
  guard fstat(file, &status) == 0 else { throw .system(path, "look at it", errno) }
  guard status.st_mode & S_IFMT != S_IFDIR else { throw .system(path, "read it", EISDIR) }
  let limit = min(limit, Int.max - 1)
  var bytes: [UInt8] = []
  let expected = max(0, min(Int(status.st_size), limit))
  var chunk = max(1 << 16, min(expected + 1, 1 << 24))
  bytes.reserveCapacity(expected + 1)
  while true {
    chunk = min(chunk, limit - bytes.count + 1)
    var failure: Int32 = 0
    let piece = [UInt8](unsafeUninitializedCapacity: chunk) { space, count in
      let got = untilUninterrupted { read(file, space.baseAddress, chunk) }
      if got < 0 { failure = errno }
      count = max(0, got)
    }
    if failure != 0 { throw .system(path, "read it", failure) }
    if piece.isEmpty { return bytes }
    guard bytes.count + piece.count <= limit else { throw tooLarge(path, limit) }
    bytes.append(contentsOf: piece)
  }
}

func tooLarge(_ path: String, _ limit: Int) -> FileProblem {
  FileProblem(
    path: path, reason: "it holds more than the \(limit) bytes accepted here", advice: "split it into smaller files")
}
