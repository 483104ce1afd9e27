import CSodium
import Files
import Foundation
import Postgres
import Units

/// A key pair for sealed boxes (X25519, XSalsa20-Poly1305), made anew for each encrypted round.
public struct EncryptionKeyPair: Sendable {
  /// 32 bytes, which bids are sealed to.
  public let publicKey: [UInt8]
  let secretKey: [UInt8]

  init(publicKey: [UInt8], secretKey: [UInt8]) {
    self.publicKey = publicKey
    self.secretKey = secretKey
  }

  /// The pair of a secret key that was made known.
  init(secretKey: [UInt8]) {
    var publicKey = [UInt8](repeating: 0, count: Int(crypto_box_PUBLICKEYBYTES))
    if secretKey.count == Int(crypto_box_SECRETKEYBYTES) { crypto_scalarmult_base(&publicKey, secretKey) }
    self.init(publicKey: publicKey, secretKey: secretKey)
  }

  /// A new random pair.
  public init() {
    var publicKey = [UInt8](repeating: 0, count: Int(crypto_box_PUBLICKEYBYTES))
    var secretKey = [UInt8](repeating: 0, count: Int(crypto_box_SECRETKEYBYTES))
    crypto_box_keypair(&publicKey, &secretKey)
    self.init(publicKey: publicKey, secretKey: secretKey)
  }
}

/// The public key that bids of an encrypted round are sealed to, signed by the clearing host with the gate before which it
/// opens none of them.
public struct EncryptionAnnouncement: Sendable {
  /// The round's name.
  public let round: String
  /// False for a default round, and where there is none of that name.
  public let isEncrypted: Bool
  /// Empty until the clearing host has announced it.
  public let publicKey: [UInt8]
  /// The clearing host's public key.
  public let signer: [UInt8]
  let signature: [UInt8]
  /// The round's gate, as the database says now; nil where there is no such round.
  public let gate: Instant?

  /// Asks the database what was announced for a round.
  public init(_ round: String, _ connection: inout Connection) throws(PostgresError) {
    self.round = round
    let row = try connection.query("SELECT * FROM market.round_key(\(round))").first
    isEncrypted = try row?.get("encrypted") ?? false
    publicKey = try row?.optional("public_key") ?? []
    signer = try row?.optional("signer") ?? []
    signature = try row?.optional("signature") ?? []
    gate = try row?.optionalInstant("gate")
  }

  /// Of what is signed, and of the file that keeps the key: both name the gate.
  static let format = FileFormat("round key", 2)

  /// What is signed.
  static func message(round: String, publicKey: [UInt8], gate: Instant) -> String {
    JSONText.object([
      .init("format", .string(format.text)), .init("round", .string(round)),
      .init("public_key", .string(hex(publicKey))), .init("gate", .string(gate.iso8601)),
    ]).text()
  }

  /// Whether a signature is a host's over a round's key and this gate.
  static func isSigned(
    _ signature: [UInt8], by signer: [UInt8], round: String, publicKey: [UInt8], gate: Instant
  ) -> Bool {
    StatementKey.verifies(
      signature, message(round: round, publicKey: publicKey, gate: gate), publicKey: signer)
  }

  /// The same of what was announced here; false where there is no such round.
  func isSigned(by signer: [UInt8]) -> Bool {
    gate.map { Self.isSigned(signature, by: signer, round: round, publicKey: publicKey, gate: $0) } ?? false
  }

  /// Makes sure that the key was announced by the clearing host that the company knows, for the gate that the database
  /// names.
  ///
  /// - Parameter pinned: that host's public key in hexadecimal, as it was handed over when the company joined.
  /// - Throws: `TrustProblem` where there is no key yet, or another signed it, or the host signed it for another gate:
  ///   then someone in between wants to read bids.
  public func verify(pinned: String) throws(TrustProblem) {
    guard !publicKey.isEmpty else {
      throw TrustProblem(
        "round \(round) is encrypted and its key is not announced yet",
        "try again in a minute: the clearing host announces it")
    }
    guard hex(signer) == pinned.lowercased() else {
      throw TrustProblem(
        "the key of round \(round) is not announced by the clearing host you trust",
        "do not bid; tell the operator: whoever announced it could read bids")
    }
    guard isSigned(by: signer) else {
      throw TrustProblem(
        "the key of round \(round) is not signed by the clearing host you trust for the gate that the database names, "
          + (gate?.iso8601 ?? "none"),
        "do not bid; tell the operator: the gate was moved since the key was announced, or the key is another, and bids "
          + "could be read before their time")
    }
  }

  /// Makes sure that the gate lies ahead, without asking the database for the time: from its gate on the host opens boxes.
  /// Whoever edits the gate before the key is announced, or gives a round the name and the announcement of an earlier one,
  /// could otherwise read what is sealed now.
  ///
  /// - Parameter time: by the bidder's own clock.
  /// - Throws: `TrustProblem` where it has passed.
  public func verifyGate(at time: Instant) throws(TrustProblem) {
    guard let gate, gate <= time else { return }
    throw TrustProblem(
      "the gate that was announced with the key of round \(round) closes at \(gate); it is \(time) by this machine's clock, "
        + "and the clearing host may open bids by now; nothing was sent",
      "check this machine's clock; if it is right, do not bid, and tell the operator where the round is said to be open. "
        + "Bids that were accepted stand: gpumarket bid list shows them")
  }
}

/// A bid that nobody can read before its gate has closed.
public enum EncryptedBid {
  /// Plaintexts are padded to these sizes, in bytes.
  static let sizes = [512, 2048, 8192, 32768, 131_072]

  /// Seals a bid to a round's key. Round, company and idempotency key are sealed in, so that a box cannot be moved.
  ///
  /// - Parameter exposure: no less than the bid may cost, for the check against credit: the only thing the server reads.
  /// - Returns: the body to place.
  /// - Throws: `TrustProblem` for a bid beyond the largest size.
  public static func seal(
    _ bid: Bid, round: String, company: String, key: String, exposure: Money, to publicKey: [UInt8]
  ) throws(TrustProblem) -> String {
    let plain = JSONText.object([
      .init("round", .string(round)), .init("company", .string(company)), .init("key", .string(key)),
      .init("body", .string(bid.body)),
    ]).bytes()
    guard let size = sizes.first(where: { $0 > plain.count }) else {
      throw TrustProblem("the bid is larger than an encrypted one can be", "split it into several bids")
    }
    return try box(plain + [UInt8](repeating: UInt8(ascii: " "), count: size - plain.count), exposure, to: publicKey)
  }

  /// A body of whatever bytes, as a company could make it without this tool.
  static func box(_ bytes: [UInt8], _ exposure: Money, to publicKey: [UInt8]) throws(TrustProblem) -> String {
    var box = [UInt8](repeating: 0, count: bytes.count + Int(crypto_box_sealbytes()))
    guard crypto_box_seal(&box, bytes, UInt64(bytes.count), publicKey) == 0 else {
      throw TrustProblem("the bid could not be sealed", "check the key that was announced")
    }
    return JSONText.object([
      .init("type", "sealed"), .init("exposure", .integer(exposure.microdollars)),
      .init("box", .string(Data(box).base64EncodedString())),
    ]).text()
  }

  /// What a sealed body says it may cost.
  static func declaredExposure(_ body: String) throws(JSONProblem) -> Money {
    Money(
      microdollars: try JSONReader.parse(Array(body.utf8), source: "bid").at("exposure").integer(
        in: 0...1_000_000_000_000_000))
  }

  /// What a box held.
  struct Opening: Equatable {
    /// The bid's text; nil where the box holds none.
    var body: String?
    /// Why it does not take part, as far as the box alone tells.
    var refusal: String?
  }

  /// Opens a body; gives the bid's text, or why it does not take part.
  static func open(
    _ body: String, round: String, company: String, key: String, _ pair: EncryptionKeyPair
  ) -> Opening {
    func refused(_ reason: String) -> Opening { Opening(body: nil, refusal: reason) }
    do {
      let sealed = try JSONReader.parse(Array(body.utf8), source: "bid")
      guard let data = Data(base64Encoded: try sealed.at("box").string()) else {
        return refused("the box is no base64")
      }
      let box = Array(data)
      var plain = [UInt8](repeating: 0, count: max(0, box.count - Int(crypto_box_sealbytes())))
      guard box.count > Int(crypto_box_sealbytes()),
        crypto_box_seal_open(&plain, box, UInt64(box.count), pair.publicKey, pair.secretKey) == 0
      else { return refused("the box was not sealed to this round's key") }
      let value = try JSONReader.parse(plain, source: "bid")
      guard try value.at("round").string() == round, try value.at("company").string() == company,
        try value.at("key").string() == key
      else { return refused("the box was sealed for another round, company or request") }
      let body = try value.at("body").string()
      // Whatever is no bid stays out of the database: it may be of any length, or hold a zero, which PostgreSQL has not.
      guard (try? Bid(body: body)) != nil, !body.utf8.contains(0) else {
        return refused("what was sealed is no bid")
      }
      return Opening(body: body)
    } catch {
      return refused("what was sealed is no bid")
    }
  }
}

extension Rounds {
  /// Makes a round an encrypted one, in the transaction that opens it and in no later one; operator only.
  public static func encrypt(_ round: String, _ connection: inout Connection) throws(PostgresError) {
    try connection.query("SELECT market.encrypt_round(\(round))")
  }
}
