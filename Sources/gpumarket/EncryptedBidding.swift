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
    guard let sealing = try sealing(round, options, &connection) else {
      return try OrderBook.place(bid, in: round.name, parent: parent, key: key, &connection)
    }
    let request = OrderBook.SealedRequest(
      key: key, kind: "place", parent: parent, exposure: bid.worstCase(round.slotLength))
    return try orEarlier([request], round, &connection) { connection in
      [try OrderBook.place(sealed: sealing.body(bid, key), in: round.name, parent: parent, key: key, &connection)]
    }[0]
  }

  func amend(
    _ id: String, to bid: Bid, in round: Round, parent: String?, key: String, options: DatabaseOptions,
    _ connection: inout Connection
  ) throws -> Receipt {
    guard let sealing = try sealing(round, options, &connection) else {
      return try OrderBook.amend(id, to: bid, in: round.name, parent: parent, key: key, &connection)
    }
    let request = OrderBook.SealedRequest(
      key: key, kind: "amend", bid: id, parent: parent, exposure: bid.worstCase(round.slotLength))
    return try orEarlier([request], round, &connection) { connection in
      [try OrderBook.amend(id, sealed: sealing.body(bid, key), in: round.name, parent: parent, key: key, &connection)]
    }[0]
  }

  func placeAll(
    _ bids: [(bid: Bid, parent: String?, key: String)], in round: Round, options: DatabaseOptions,
    _ connection: inout Connection
  ) throws -> [Receipt] {
    guard let sealing = try sealing(round, options, &connection) else {
      return try OrderBook.placeAll(bids, in: round.name, &connection)
    }
    let requests = bids.map {
      OrderBook.SealedRequest(
        key: $0.key, kind: "place", parent: $0.parent, exposure: $0.bid.worstCase(round.slotLength))
    }
    let bodies = try bids.map { (try sealing.body($0.bid, $0.key), $0.parent, $0.key) }
    return try orEarlier(requests, round, &connection) { connection in
      try OrderBook.placeAll(bodies: bodies, in: round.name, &connection)
    }
  }

  /// Does it, or finds that it was done: sealed anew, a request is another text, which the door refuses under a used key.
  private func orEarlier(
    _ requests: [OrderBook.SealedRequest], _ round: Round, _ connection: inout Connection,
    _ body: (inout Connection) throws -> [Receipt]
  ) throws -> [Receipt] {
    do {
      // A dry run asks within a transaction, where it must be possible to ask on.
      return try connection.attempt(body)
    } catch let error as PostgresError where error.sqlState == "GM409" || OrderBook.refusals(in: error) != nil {
      guard let earlier = try OrderBook.earlier(requests, in: round.name, &connection) else { throw error }
      printError(
        "this was accepted before, under the same key and with the same declared exposure; its receipt follows. "
          + "What it sealed cannot be compared: if this is another bid, send it with a new key")
      return earlier
    }
  }

  /// A bid as the order book has it; nil for a sealed one.
  static func readable(_ body: String) throws -> Bid? {
    try JSONReader.parse(Array(body.utf8), source: "bid").at("type").string() == "sealed" ? nil : try Bid(body: body)
  }

  /// Seals bids for one round and company.
  private struct Sealing {
    let round: Round
    let company: String
    let publicKey: [UInt8]

    func body(_ bid: Bid, _ key: String) throws -> String {
      try EncryptedBid.seal(
        bid, round: round.name, company: company, key: key, exposure: bid.worstCase(round.slotLength), to: publicKey)
    }
  }

  /// Nil in a round that is not encrypted; says which it is.
  ///
  /// Who names a key on the command line means a sealed bid, and gets no other. The variable and the private server's
  /// own key stand for all rounds, of which some are not encrypted: there it is only said.
  ///
  /// - Throws: `Failure` where `--clearing-key` is given and the database does not say that the round is encrypted.
  private func sealing(
    _ round: Round, _ options: DatabaseOptions, _ connection: inout Connection
  ) throws -> Sealing? {
    let announcement = try EncryptionAnnouncement(round.name, &connection)
    guard announcement.isEncrypted else {
      guard clearingKey?.isEmpty ?? true else {
        throw Failure(
          .refused,
          "round \(round.name) is not announced as encrypted, and --clearing-key asks for a sealed bid; "
            + "nothing was sent",
          advice: "if you were told that it is encrypted, do not bid and tell the operator; "
            + "if it is not, leave out --clearing-key: the bid then goes in clear")
      }
      let isKeySet = ProcessInfo.processInfo.environment["GPUMARKET_CLEARING_KEY"]?.isEmpty == false
      if isKeySet || !options.json {
        printError(
          "in clear: round \(round.name) is not encrypted"
            + (isKeySet ? ", although GPUMARKET_CLEARING_KEY is set; give --clearing-key to send no bid unsealed" : ""))
      }
      return nil
    }
    try announcement.verify(pinned: pinnedKey(options))
    if !options.json { printError("sealed to key \(hexadecimal(announcement.publicKey)) of round \(round.name)") }
    return Sealing(
      round: round, company: try Companies.account(&connection).company, publicKey: announcement.publicKey)
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
