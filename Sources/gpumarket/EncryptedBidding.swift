import ArgumentParser
import Files
import Foundation
import Market
import Postgres
import Units

/// How a bid is sent: as it is, or sealed where the round is encrypted.
struct EncryptedBidding: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The clearing host's public key, for encrypted rounds (default: $GPUMARKET_CLEARING_KEY; on the private server its own).",
      valueName: "hex"))
  var clearingKey: String?

  func place(
    _ bid: Bid, in round: Round, parent: String?, key: String, options: DatabaseOptions, _ connection: inout Connection
  ) throws -> Receipt {
    guard let body = try sealed(bid, round, key, options, &connection) else {
      return try OrderBook.place(bid, in: round.name, parent: parent, key: key, &connection)
    }
    return try OrderBook.place(sealed: body, in: round.name, parent: parent, key: key, &connection)
  }

  func amend(
    _ id: String, to bid: Bid, in round: Round, parent: String?, key: String, options: DatabaseOptions,
    _ connection: inout Connection
  ) throws -> Receipt {
    guard let body = try sealed(bid, round, key, options, &connection) else {
      return try OrderBook.amend(id, to: bid, in: round.name, parent: parent, key: key, &connection)
    }
    return try OrderBook.amend(id, sealed: body, in: round.name, parent: parent, key: key, &connection)
  }

  /// A bid as the order book has it; nil for a sealed one.
  static func readable(_ body: String) throws -> Bid? {
    try JSONReader.parse(Array(body.utf8), source: "bid").at("type").string() == "sealed" ? nil : try Bid(body: body)
  }

  /// The sealed body; nil in a round that is not encrypted.
  private func sealed(
    _ bid: Bid, _ round: Round, _ key: String, _ options: DatabaseOptions, _ connection: inout Connection
  ) throws -> String? {
    let announcement = try EncryptionAnnouncement(round.name, &connection)
    guard announcement.isEncrypted else { return nil }
    try announcement.verify(pinned: pinnedKey(options))
    let company = try Companies.account(&connection).company
    return try EncryptedBid.seal(
      bid, round: round.name, company: company, key: key, exposure: bid.worstCase(round.slotLength),
      to: announcement.publicKey)
  }

  private func pinnedKey(_ options: DatabaseOptions) throws -> String {
    if let named = clearingKey ?? ProcessInfo.processInfo.environment["GPUMARKET_CLEARING_KEY"], !named.isEmpty {
      return named
    }
    guard case .privateServer(let server) = try options.resolve() else {
      throw Failure(
        .usage, "the round is encrypted, and it is not said whose key to trust",
        advice: "give --clearing-key with the clearing host's public key, which you got when you joined")
    }
    return hexadecimal(try StatementHost(home: server.home, keyFile: nil, statements: nil).key.publicKey)
  }
}
