import Files
import Foundation
import Postgres
import TestSupport
import Testing
import Units

@testable import Market

/// The door of encrypted rounds (`market.check_sealed`) beside a twin that says plainly what it lets in. What it lets in the
/// clearing job opens, or refuses with a reason.
@Suite("The door for sealed bids and its twin")
struct SealedDoorTests {
  /// What the door says of a body: nothing where it lets it in.
  private static func refusalByTwin(_ body: String) -> String? {
    let notSealed = "this round is encrypted and the bid is not sealed"
    // One spelling: as this product writes what it reads.
    guard let value = try? JSONReader.parse(Array(body.utf8), source: "bid"),
      let exposure = try? value.at("exposure").integer(in: 0...9_999_999_999_999_999),
      let box = try? value.at("box").string(), sealed(exposure: "\(exposure)", box: box) == body
    else { return notSealed }
    let padding = box.utf8.reversed().prefix { $0 == UInt8(ascii: "=") }.count
    let alphabet = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    guard padding <= 2, box.utf8.dropLast(padding).allSatisfy({ alphabet.contains($0) }) else { return notSealed }
    // One spelling here too: its last digit has no stray bits.
    guard let bytes = Data(base64Encoded: box), bytes.base64EncodedString() == box else {
      return "the sealed bid is no base64"
    }
    // A box is 48 bytes longer than what it holds.
    guard EncryptedBid.sizes.contains(bytes.count - 48) else {
      return "the sealed bid has none of the sizes that bids are padded to"
    }
    return exposure <= 1_000_000_000_000_000 ? nil : "the declared exposure is out of range"
  }

  private static func sealed(exposure: String, box: String) -> String {
    "{\"type\":\"sealed\",\"exposure\":\(exposure),\"box\":\"\(box)\"}"
  }

  @Test(arguments: [9, 10] as [UInt64])
  func theyLetInTheSame(_ seed: UInt64) throws {
    let (market, login, round) = try TestMarket.withOneBidder(credit: "1000000000000")
    let host = try market.encrypt(round)
    var company = try market.connect(login)
    let publicKey = try EncryptionAnnouncement(round, &company).publicKey
    var random = SeededGenerator(seed)
    func one<T>(_ of: [T]) -> T { of[Int.random(in: of.indices, using: &random)] }
    let sound = try TestMarket.block()
    var declared: Int64 = 0
    var (accepted, readable) = (0, 0)
    var said = Set<String>()
    for number in 0..<240 {
      let size = one([0, 511, 512, 512, 513, 2048, 8192]) + one([0, 47, 48, 48, 48])
      let bytes = (0..<size).map { _ in UInt8.random(in: .min ... .max, using: &random) }
      let limit = 1_000_000_000_000_000
      let exposure = one([
        "0", "1", "1000000", "\(limit)", "\(limit + 1)", "\(9 * limit)", "9999999999999999", "\(10 * limit)", "-1",
        "007", "00", "1.0", "1e3", "",
      ])
      let box = Data(bytes).base64EncodedString()
      var body = Self.sealed(exposure: exposure, box: box)
      let kind = Int.random(in: 0..<20, using: &random)
      switch kind {
      case 0, 1: body = String(decoding: mutated(body, &random).filter { $0 != 0 }, as: UTF8.self)
      case 2: body = Self.sealed(exposure: exposure, box: box.replacing("=", with: ""))
      case 3: body = Self.sealed(exposure: exposure, box: box + one(["=", "==", "===", "A", "AA"]))
      case 4: body = Self.sealed(exposure: exposure, box: box.replacing("+", with: "-").replacing("/", with: "_"))
      case 5: body = Self.sealed(exposure: exposure, box: one([" ", "\n", "\\n"]) + box)
      case 6: body = one([" ", ""]) + body.replacing(",", with: ", ") + one(["\n", ""])
      case 7: body = "{\"exposure\":\(exposure),\"type\":\"sealed\",\"box\":\"\(box)\"}"
      case 8, 9:
        body = try EncryptedBid.seal(
          sound, round: round, company: "acme", key: "k\(number)", exposure: sound.worstCase(.hour), to: publicKey)
      default: break
      }
      let expected = Self.refusalByTwin(body)
      let error = refusal {
        let receipt = try OrderBook.place(sealed: body, in: round, parent: nil, key: "k\(number)", &company)
        #expect(receipt.body == body)
      }
      #expect(error?.message == expected, "\(body.prefix(200))")
      if let expected {
        said.insert(expected)
      } else {
        accepted += 1
        readable += kind == 8 || kind == 9 ? 1 : 0
        declared += try EncryptedBid.declaredExposure(body).microdollars
      }
    }
    #expect(said.count == 4 && accepted > 10 && readable > 5, "\(accepted) accepted, \(readable) readable: \(said)")
    var owner = try market.connect(nil)
    let totals = try owner.query("SELECT entries, exposure, choices FROM market.company_round").one()
    #expect(try totals.get("entries", as: Int.self) == accepted)
    #expect(try totals.get("exposure", as: Int64.self) == declared)
    #expect(try totals.get("choices", as: Int64.self) == 0)

    try market.close(round)
    var job = ClearingJob()
    job.host = host
    var clearing = try market.asClearing()
    #expect(try job.run(round, &clearing).bids == readable)
    let refusals = try OrderBook.refusals(round: round, &company)
    #expect(refusals.count == accepted - readable && refusals.allSatisfy { $0.reason.count > 10 }, "\(refusals)")
    var auditor = try market.asAuditor()
    #expect(VerifyRound(try VerifyBundle.load(round, &auditor)).findings().flatMap(\.problems) == [])
    #expect(try AuditInvariants.problems(&auditor) == [])
  }

  /// What the door lets in its company can list; JSON has no number that begins with a needless zero. A box of 560 bytes ends
  /// in one "=", before it a digit with two bits to spare.
  @Test func aSealedBodyHasOneSpelling() throws {
    let (market, login, round) = try TestMarket.withOneBidder(credit: "1000000")
    _ = try market.encrypt(round)
    var company = try market.connect(login)
    let box = Data(count: 560).base64EncodedString()
    let stray = box.dropLast(2) + "B="
    for body in [Self.sealed(exposure: "007", box: box), Self.sealed(exposure: "7", box: String(stray))] {
      #expect(Self.refusalByTwin(body) != nil)
      let error = refusal { _ = try OrderBook.place(sealed: body, in: round, parent: nil, key: "k", &company) }
      #expect(error?.sqlState == "GM400")
    }
    _ = try OrderBook.place(sealed: Self.sealed(exposure: "7", box: box), in: round, parent: nil, key: "k", &company)
  }
}
