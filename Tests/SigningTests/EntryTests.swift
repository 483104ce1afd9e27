import Foundation
import Testing

@testable import Signing

@Suite struct EntryTests {
  let key = CompanyKey(company: "acme", seed: [UInt8](repeating: 7, count: 32))

  static func entry(_ number: Int = 1) -> SignedEntry {
    SignedEntry(
      market: "m_1", round: "r1", terms: String(repeating: "0", count: 64), company: "acme", key: "k\(number)",
      kind: "place", bid: SignedEntry.newBid(company: "acme", key: "k\(number)"), parent: nil, body: "{}")
  }

  /// The encoding is a promise to other clients: this digest was computed by Python's hashlib from the same fields.
  @Test func digestIsFixed() {
    #expect(
      hexText(Self.entry().digest) == "a4a2abb65a40148ca7f93c64bbc4f8d66e7682dbe6b0f53c28a96b71438d6f98")
    #expect(Self.entry().bid == "b_05da59096c912e7d88e30908aad1b371")
  }

  @Test func everyFieldCounts() {
    let signed = EntrySignature.sign([Self.entry()], key)[0]
    #expect(signed.verifies(Self.entry()))
    let changes: [(inout SignedEntry) -> Void] = [
      { $0.market = "m_2" }, { $0.round = "r2" }, { $0.terms = "1" }, { $0.company = "zephyr" }, { $0.key = "k2" },
      { $0.kind = "amend" }, { $0.bid = "b_2" }, { $0.parent = "b_3" }, { $0.body = "" },
      // What stands in one field must not be able to move to the next.
      {
        $0.kind = ""
        $0.bid = "place" + $0.bid
      },
    ]
    for change in changes {
      var entry = Self.entry()
      change(&entry)
      #expect(!signed.verifies(entry))
    }
  }

  @Test(arguments: [1, 2, 3, 5, 8, 100, 1000]) func importsAreSignedOnce(count: Int) throws {
    let entries = (0..<count).map { Self.entry($0) }
    let signatures = EntrySignature.sign(entries, key)
    #expect(Set(signatures.map(\.signature)).count == 1)
    for (at, signature) in signatures.enumerated() {
      let stored = try #require(EntrySignature(text: signature.text))
      #expect(stored == signature)
      #expect(stored.verifies(entries[at]))
      #expect(!stored.verifies(entries[(at + 1) % count]) || count == 1)
    }
  }

  @Test func mutatedSignaturesAreRefused() {
    var generator = RequestSignatureTests.Seeded(state: 3)
    let entries = (0..<5).map { Self.entry($0) }
    let bytes = EntrySignature.sign(entries, key)[3].bytes
    for _ in 0..<5000 {
      var changed = bytes
      if Bool.random(using: &generator) {
        changed[Int.random(in: 0..<changed.count, using: &generator)] ^= UInt8.random(in: 1...255, using: &generator)
      } else {
        changed = Array(changed.prefix(Int.random(in: 0..<changed.count, using: &generator)))
      }
      if let read = EntrySignature(bytes: changed) { #expect(!read.verifies(entries[3])) }
    }
  }

  @Test func keyFiles() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("signing-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/acme.key"
    let made = try CompanyKey.make(company: "acme", file: path)
    let read = try CompanyKey(file: path)
    #expect(read.id == made.id && read.company == "acme" && read.id.utf8.count == 64)
    #expect(CompanyKey.verifies(read.sign([1, 2]), [1, 2], publicKey: made.publicKey))

    #expect(throws: SigningProblem.self) { try CompanyKey.make(company: "acme", file: path) }
    #expect(try CompanyKey(file: path).id == made.id, "a key in use was overwritten")
    chmod(path, 0o644)
    #expect {
      try CompanyKey(file: path)
    } throws: { "\($0)".contains("may be read by others; run chmod 600") }
    chmod(path, 0o600)
    let text = try String(contentsOfFile: path, encoding: .utf8)
    for bad in ["", text.replacingOccurrences(of: "key 1", with: "key 2"), String(text.dropLast(3)), text + "x"] {
      try bad.write(toFile: path, atomically: false, encoding: .utf8)
      #expect(throws: SigningProblem.self) { try CompanyKey(file: path) }
    }
  }

  @Test func base64IsCanonical() {
    for length in 0..<70 {
      let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 * 37) }
      #expect(base64Text(bytes) == Data(bytes).base64EncodedString())
      #expect(bytesOfBase64(base64Text(bytes)) == bytes)
    }
    for bad in ["A", "AA==A", "AB==", "A===", "=AAA", "AA=A", "AA\u{0}A", "AAé="] { #expect(bytesOfBase64(bad) == nil) }
  }
}
