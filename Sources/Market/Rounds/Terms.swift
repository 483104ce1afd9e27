import Files
import Postgres
import Units

/// What a round is held under beside its bids, as digests that the clearing host signs when the gate has closed: what
/// is edited after that differs from what was signed.
public struct Terms: Sendable, Equatable {
  /// SHA-256 over all that a bidder may know of the round: name, delivery, gate, slot length, pricing, effort, whether
  /// it is simulated or encrypted, and its pools in the engine's order.
  public let offer: [UInt8]
  /// SHA-256 over the caps that were sealed with the book.
  ///
  /// Companies get the statement and must not learn each other's caps, which are few and easily tried. So a random salt of
  /// the round goes in that no company gets; the database keeps it (market.caps_salt), and the auditor's bundle has it.
  public let caps: [UInt8]
}

extension Terms {
  /// What the database says of a sealed round; for the clearing role.
  init(ofSealed round: String, _ connection: inout Connection) throws {
    let salt = try Self.capsSalt(of: round, &connection)
    offer = try Self.offer(of: round, &connection)
    caps = Self.digest(ofCaps: try SealedEntries.caps(of: round, &connection), salt: salt, round: round)
  }

  /// The salt of a sealed round's caps; for the clearing role.
  static func capsSalt(of round: String, _ connection: inout Connection) throws(PostgresError) -> String {
    try connection.query("SELECT market.closing_salt(\(round)) AS salt").one().get("salt")
  }

  /// The digest of what a book itself says that was offered.
  static func offer(of book: SealedEntries, isEncrypted: Bool) -> [UInt8] {
    digest(of: book.round, isEncrypted: isEncrypted, book.pools)
  }

  /// The digest of a book's own caps.
  static func caps(of book: SealedEntries) -> [UInt8] {
    digest(ofCaps: book.caps, salt: book.capsSalt, round: book.round.name)
  }

  /// The digest of what the database says that a round offers. Every role may ask, companies too.
  ///
  /// - Throws: `GM404` where there is no such round.
  public static func offer(of round: String, _ connection: inout Connection) throws -> [UInt8] {
    let isEncrypted = try EncryptionAnnouncement(round, &connection).isEncrypted
    return digest(
      of: try Rounds.named(round, &connection), isEncrypted: isEncrypted, try Rounds.pools(of: round, &connection))
  }

  static func digest(of round: Round, isEncrypted: Bool, _ pools: [OfferedPool]) -> [UInt8] {
    sha256(
      JSONText.object([
        .init("format", "gpumarket offer 1"), .init("round", .string(round.name)),
        .init("delivery_start", .string(round.delivery.start.iso8601)),
        .init("delivery_end", .string(round.delivery.end.iso8601)), .init("gate", .string(round.gate.iso8601)),
        .init("slot_minutes", .integer(Int64(round.slotLength.minutes))), .init("pricing", .string(round.pricing)),
        .init("effort", .string(round.effort)), .init("simulated", .bool(round.isSimulated)),
        .init("encrypted", .bool(isEncrypted)), .init("pools", text(of: pools)),
      ]).bytes())
  }

  /// Caps in the order of their names' bytes: that of the database is its collation's, and a restored one may have another.
  private static func digest(
    ofCaps caps: [(company: String, pool: String, gpus: Int)], salt: String, round: String
  ) -> [UInt8] {
    // No name holds a zero.
    let named = caps.map { (name: Array($0.company.utf8) + [0] + Array($0.pool.utf8), cap: $0) }
    let ordered = named.sorted { $0.name.lexicographicallyPrecedes($1.name) }.map(\.cap)
    return sha256(
      JSONText.object([
        .init("format", "gpumarket caps 1"), .init("round", .string(round)), .init("salt", .string(salt)),
        .init("caps", text(of: ordered)),
      ]).bytes())
  }

  /// Pools as the digests have them, in the order given.
  static func text(of pools: [OfferedPool]) -> JSONText {
    .array(
      pools.map { pool in
        [
          "name": .string(pool.name), "lot_gpus": .integer(Int64(pool.lotGPUs)),
          "reserve": .integer(pool.reserve.microdollarsPerGPUHour),
          "capacity_gpus": .array(pool.capacityGPUs.map { .integer(Int64($0)) }),
        ]
      })
  }

  /// Caps as the digests have them, in the order given.
  static func text(of caps: [(company: String, pool: String, gpus: Int)]) -> JSONText {
    .array(
      caps.map { ["company": .string($0.company), "pool": .string($0.pool), "gpus": .integer(Int64($0.gpus))] })
  }
}
