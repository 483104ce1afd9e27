import Files
import Foundation
import TestSupport
import Testing

@Suite("Files on disk") struct FileTests {
  /// A folder of its own for each test, removed at the end.
  final class Scratch {
    let path = NSTemporaryDirectory() + "gpumarket-files-" + UUID().uuidString
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { do { try FileManager.default.removeItem(atPath: path) } catch { print("left behind: \(path)") } }
    func file(_ name: String) -> String { path + "/" + name }
    var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }
  }

  static func message(_ read: () throws -> Void) -> String {
    do {
      try read()
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test func gzipRoundTripsAtAnySize() throws {
    var random = SeededGenerator(31)
    for size in [0, 1, 100, 65_535, 65_536, 65_537, 1_000_003] {
      let bytes = (0..<size).map { _ in UInt8.random(in: 0..<16, using: &random) }
      let packed = gzip(bytes)
      #expect(isGzip(packed))
      #expect(gzip(bytes) == packed)
      #expect(try gunzip(packed, path: "x") == bytes)
      #expect(try gunzip(packed + gzip([1, 2]) + [0, 0, 0], path: "x") == bytes + [1, 2])
    }
  }

  /// Its checksum sees what was changed; where nothing that counts was, the bytes come out as they went in.
  @Test func damagedGzipIsRefused() throws {
    var random = SeededGenerator(33)
    let bytes = (0..<3000).map { _ in UInt8.random(in: 0..<8, using: &random) }
    let packed = gzip(bytes)
    var refused = 0
    for _ in 0..<2000 {
      var damaged = packed
      for _ in 0...Int.random(in: 0...2, using: &random) where !damaged.isEmpty {
        let at = Int.random(in: damaged.indices, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: damaged[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: damaged.removeSubrange(at..<min(damaged.count, at + Int.random(in: 1...40, using: &random)))
        case 2: damaged.insert(UInt8.random(in: .min ... .max, using: &random), at: at)
        default: damaged.removeLast(damaged.count - at)
        }
      }
      do {
        let read = try gunzip(damaged, path: "x")
        #expect(read == bytes)
      } catch {
        refused += 1
        #expect("\(error)".contains("gzip data"))
      }
    }
    #expect(refused > 1500)
  }

  @Test func readsWhatGzipWrote() throws {
    let scratch = try Scratch()
    let path = scratch.file("plain.csv")
    try writeAtomically(path, String(repeating: "a,b\n", count: 50_000))
    let tool = Process()
    tool.executableURL = URL(filePath: "/usr/bin/gzip")
    tool.arguments = [path]
    try tool.run()
    tool.waitUntilExit()
    #expect(try scratch.names == ["plain.csv.gz"])
    #expect(try readFile(path + ".gz") == Array(String(repeating: "a,b\n", count: 50_000).utf8))
  }

  @Test func damagedGzipSaysSo() throws {
    var packed = gzip(Array("hello, hello, hello".utf8))
    #expect(
      Self.message { _ = try gunzip(Array(packed.dropLast(3)), path: "x.gz") }
        == "x.gz: its gzip data ends too early; copy or download the file again")
    packed[packed.count - 6] ^= 1
    #expect(Self.message { _ = try gunzip(packed, path: "x.gz") }.hasPrefix("x.gz: its gzip data is damaged ("))
    #expect(Self.message { _ = try gunzip(gzip([1]) + [7], path: "x.gz") }.hasPrefix("x.gz: its gzip data"))
  }

  @Test func limitsHoldBeforeAndAfterDecompression() throws {
    let scratch = try Scratch()
    let path = scratch.file("big.gz")
    try writeAtomically(path, gzip([UInt8](repeating: 0, count: 1_000_000)))
    #expect(
      Self.message { _ = try readFile(path, limit: 999_999) }
        == "\(path): it holds more than the 999999 bytes accepted here; split it into smaller files")
    #expect(try readFile(path, limit: 1_000_000).count == 1_000_000)
    try writeAtomically(path, [1, 2, 3])
    #expect(try readFile(path, limit: 3) == [1, 2, 3])
    #expect(Self.message { _ = try readFile(path, limit: 2) }.contains("more than the 2 bytes"))
  }

  @Test func unreadablePathsSayWhatToDo() throws {
    let scratch = try Scratch()
    let path = scratch.file("none.csv")
    #expect(
      Self.message { _ = try readFile(path) }
        == "\(path): cannot open it: No such file or directory; check the path, and that its folder exists")
    #expect(Self.message { _ = try readFile(scratch.path) }.hasSuffix("name a file in an existing folder"))
    #expect(Self.message { try writeAtomically(scratch.path, "x") }.hasSuffix("name a file in an existing folder"))
    #expect(Self.message { try writeAtomically("/dev/null", "x") }.contains("not a regular file"))
  }

  @Test func readsADeviceWithoutSize() throws {
    #expect(try readFile("/dev/null").isEmpty)
    #expect(try !readFile("/proc/self/status").isEmpty)
  }

  @Test func committedFileReplacesTheOldOneAndKeepsItsMode() throws {
    let scratch = try Scratch()
    let path = scratch.file("out.csv")
    try writeAtomically(path, "old")
    #expect(chmod(path, 0o640) == 0)
    var file = try AtomicFile(path)
    for _ in 0..<100_000 { try file.write("new") }
    #expect(try readFile(path) == Array("old".utf8))
    try file.commit()
    #expect(try readFile(path).count == 300_000)
    #expect(try scratch.names == ["out.csv"])
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o640)
  }

  @Test func abandonedFileLeavesNothing() throws {
    let scratch = try Scratch()
    let path = scratch.file("out.csv")
    try writeAtomically(path, "old")
    func abandon() throws {
      var file = try AtomicFile(path)
      try file.write(String(repeating: "new", count: 100_000))
      #expect(try scratch.names.count == 2)
    }
    try abandon()
    #expect(try scratch.names == ["out.csv"])
    #expect(try readFile(path) == Array("old".utf8))
  }

  @Test func aLinkKeepsPointing() throws {
    let scratch = try Scratch()
    try writeAtomically(scratch.file("real.csv"), "old")
    try FileManager.default.createSymbolicLink(
      atPath: scratch.file("link.csv"), withDestinationPath: scratch.file("real.csv"))
    try writeAtomically(scratch.file("link.csv"), "new")
    #expect(try readFile(scratch.file("real.csv")) == Array("new".utf8))
  }

  @Test func killedMidwayTheOldFileStands() async throws {
    let scratch = try Scratch()
    let path = scratch.file("out.csv")
    try writeAtomically(path, "old")
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      var file = try AtomicFile(path)
      try file.write(String(repeating: "new", count: 100_000))
      kill(getpid(), SIGKILL)
    }
    #expect(try readFile(path) == Array("old".utf8))
    #expect(try scratch.names.count == 2)
    try writeAtomically(path, "newer")
    #expect(try readFile(path) == Array("newer".utf8))
  }
}
