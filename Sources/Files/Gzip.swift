import CZlib

/// Whether the bytes begin with gzip's magic number (RFC 1952).
public func isGzip(_ bytes: [UInt8]) -> Bool {
  bytes.count >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b
}

/// Compresses to one gzip member without name or time: the same bytes in give the same bytes out.
public func gzip(_ bytes: [UInt8]) -> [UInt8] {
  var stream = z_stream()
  // 15 + 16: the largest window, gzip wrapping.
  let opened = deflateInit2_(
    &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
    Int32(MemoryLayout<z_stream>.size))
  precondition(opened == Z_OK, "zlib could not start: \(opened)")
  defer { deflateEnd(&stream) }
  var result: [UInt8] = []
  _ = pump(&stream, from: bytes, start: 0) { stream, last in
    let status = deflate(stream, last ? Z_FINISH : Z_NO_FLUSH)
    return status == Z_STREAM_END ? .ended : .more
  } into: { piece in
    result.append(contentsOf: piece)
    return true
  }
  return result
}

/// Decompresses gzip data of one or more members; zero bytes may pad its end.
///
/// - Parameters:
///   - path: named in errors only.
///   - limit: the most bytes accepted after decompression.
public func gunzip(_ bytes: [UInt8], path: String, limit: Int = readLimitBytes) throws(FileProblem) -> [UInt8] {
  var result: [UInt8] = []
  var start = 0
  repeat {
    var stream = z_stream()
    let opened = inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    precondition(opened == Z_OK, "zlib could not start: \(opened)")
    defer { inflateEnd(&stream) }
    var withinLimit = true
    let (outcome, next) = pump(&stream, from: bytes, start: start) { stream, _ in
      switch inflate(stream, Z_NO_FLUSH) {
      case Z_OK, Z_BUF_ERROR: .more
      case Z_STREAM_END: .ended
      default: .damaged
      }
    } into: { piece in
      withinLimit = result.count + piece.count <= limit
      if withinLimit { result.append(contentsOf: piece) }
      return withinLimit
    }
    guard withinLimit else { throw tooLarge(path, limit) }
    switch outcome {
    case .ended: start = next
    case .more:
      throw FileProblem(path: path, reason: "its gzip data ends too early", advice: "copy or download the file again")
    case .damaged:
      throw FileProblem(
        path: path, reason: "its gzip data is damaged (\(stream.msg.map { String(cString: $0) } ?? "unknown cause"))",
        advice: "copy or download the file again")
    }
    while start < bytes.count, bytes[start] == 0 { start += 1 }
  } while start < bytes.count
  return result
}

private enum Step { case more, ended, damaged }

/// Feeds `bytes` from `start` through zlib in pieces; returns how it ended and the first byte not used.
private func pump(
  _ stream: inout z_stream, from bytes: [UInt8], start: Int,
  step: (UnsafeMutablePointer<z_stream>, Bool) -> Step, into take: (UnsafeBufferPointer<UInt8>) -> Bool
) -> (Step, Int) {
  var space = [UInt8](repeating: 0, count: 1 << 16)
  var at = start
  return bytes.withUnsafeBufferPointer { input in
    space.withUnsafeMutableBufferPointer { output in
      while true {
        // zlib counts in 32 bits, so a long input goes in by pieces.
        let size = min(input.count - at, 1 << 30)
        stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress.map { $0 + at })
        stream.avail_in = UInt32(size)
        stream.next_out = output.baseAddress
        stream.avail_out = UInt32(output.count)
        let outcome = step(&stream, at + size == input.count)
        let used = size - Int(stream.avail_in)
        let made = output.count - Int(stream.avail_out)
        at += used
        if !take(UnsafeBufferPointer(start: output.baseAddress, count: made)) { return (.more, at) }
        if outcome != .more || (used == 0 && made == 0) { return (outcome, at) }
      }
    }
  }
}
