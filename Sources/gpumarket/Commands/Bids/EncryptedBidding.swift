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
      "For encrypted rounds: the clearing host's public key (default: $GPUMARKET_CLEARING_KEY, on the private server its own key).",
      valueName: "hex"))
  var clearingKey: String?

  /// How bids go in a round, found out before anyone is asked.
  ///
  /// Who names a key on the command line means a sealed bid, and gets no other. The variable and the private server's
  /// own key stand for all rounds, of which some are not encrypted: there it is only said.
  ///
  /// - Throws: `Failure` where `--clearing-key` is given and the database does not say that the round is encrypted;
  ///   `TrustProblem` where its key is not announced, or not by the clearing host for the round's gate.
  func way(in round: Round, _ options: DatabaseOptions, _ connection: inout Connection) throws -> BidWay {
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
      return BidWay(
        round: round, box: nil,
        said: "in clear: round \(round.name) is not encrypted"
          + (isKeySet ? ", although GPUMARKET_CLEARING_KEY is set; give --clearing-key to send no bid unsealed" : ""),
        isWarning: isKeySet)
    }
    try announcement.verify(pinned: pinnedKey(options))
    return BidWay(
      round: round,
      box: BidWay.Box(company: try Companies.account(&connection).company, announcement: announcement),
      said: "sealed to key \(hexadecimal(announcement.publicKey)) of round \(round.name), whose gate closes at "
        + (announcement.gate ?? round.gate).iso8601,
      isWarning: false)
  }

  /// A bid as the order book has it; nil for a sealed one.
  static func readable(_ body: String) throws -> Bid? {
    try JSONReader.parse(Array(body.utf8), source: "bid").at("type").string() == "sealed" ? nil : try Bid(body: body)
  }

  private func pinnedKey(_ options: DatabaseOptions) throws -> String {
    if let named = clearingKey ?? ProcessInfo.processInfo.environment["GPUMARKET_CLEARING_KEY"], !named.isEmpty {
      return named
    }
    guard case .privateServer(let server) = try options.resolve() else {
      throw Failure(
        .usage, "the round is encrypted, and no clearing key is given",
        advice: "give --clearing-key with the clearing host's public key, which you got when you joined")
    }
    return hexadecimal(try StatementHost(home: server.home, keyFile: nil, statements: nil).key.publicKey)
  }
}

/// The way of bids into one round: in clear, or sealed to its key.
struct BidWay {
  /// What a bid is sealed for and to.
  struct Box {
    let company: String
    let announcement: EncryptionAnnouncement
  }

  let round: Round
  /// Nil where the round is not encrypted.
  let box: Box?
  /// The line of a preview that tells which way it is.
  let said: String
  /// Whether it is said where no preview is shown, too.
  let isWarning: Bool

  /// What a person checks before sending; of a sealed bid also what is declared of it, which the database's readers see.
  func preview(_ bid: Bid) throws -> String {
    let preview = try bid.preview(in: round)
    guard box != nil else { return preview }
    let declared = bid.declaredExposure(round.slotLength)
    return "\(preview)\ndeclared against your credit: \(declared), rounded up to tell less"
  }

  func place(_ bid: Bid, parent: String?, key: String, _ connection: inout Connection) throws -> Receipt {
    guard let box else { return try OrderBook.place(bid, in: round.name, parent: parent, key: key, &connection) }
    let request = OrderBook.SealedRequest(
      key: key, kind: "place", parent: parent, exposure: bid.declaredExposure(round.slotLength))
    return try orEarlier([request], &connection) { connection in
      [try OrderBook.place(sealed: body(bid, key, box), in: round.name, parent: parent, key: key, &connection)]
    }[0]
  }

  func amend(
    _ id: String, to bid: Bid, parent: String?, key: String, _ connection: inout Connection
  ) throws -> Receipt {
    guard let box else {
      return try OrderBook.amend(id, to: bid, in: round.name, parent: parent, key: key, &connection)
    }
    let request = OrderBook.SealedRequest(
      key: key, kind: "amend", bid: id, parent: parent, exposure: bid.declaredExposure(round.slotLength))
    return try orEarlier([request], &connection) { connection in
      [try OrderBook.amend(id, sealed: body(bid, key, box), in: round.name, parent: parent, key: key, &connection)]
    }[0]
  }

  func placeAll(
    _ bids: [(bid: Bid, parent: String?, key: String)], _ connection: inout Connection
  ) throws -> [Receipt] {
    guard let box else { return try OrderBook.placeAll(bids, in: round.name, &connection) }
    let requests = bids.map {
      OrderBook.SealedRequest(
        key: $0.key, kind: "place", parent: $0.parent, exposure: $0.bid.declaredExposure(round.slotLength))
    }
    return try orEarlier(requests, &connection) { connection in
      let bodies = try bids.map { (try body($0.bid, $0.key, box), $0.parent, $0.key) }
      return try OrderBook.placeAll(bodies: bodies, in: round.name, &connection)
    }
  }

  /// Looks at the clock each time: a person may take long to answer, and a request that was lost is sealed anew.
  private func body(_ bid: Bid, _ key: String, _ box: Box) throws -> String {
    try box.announcement.verifyGate(at: StatementHost.clock())
    return try EncryptedBid.seal(
      bid, round: round.name, company: box.company, key: key, exposure: bid.declaredExposure(round.slotLength),
      to: box.announcement.publicKey)
  }

  /// Does it, or finds that it was done: sealed anew, a request is another text, which the door refuses under a used key.
  private func orEarlier(
    _ requests: [OrderBook.SealedRequest], _ connection: inout Connection,
    _ body: (inout Connection) throws -> [Receipt]
  ) throws -> [Receipt] {
    do {
      // A dry run asks within a transaction, where it must be possible to ask on.
      return try connection.attempt(body)
    } catch {
      guard Self.mayFollowAnother(error), let earlier = try OrderBook.earlier(requests, in: round.name, &connection)
      else { throw error }
      printError(
        "this was accepted before, under the same key and with the same declared exposure; its receipt follows. "
          + "What it sealed cannot be compared: if this is another bid, send it with a new key")
      return earlier
    }
  }

  /// Whether a request that was refused so may have been accepted before: its key was used, or the gate has passed since.
  private static func mayFollowAnother(_ error: any Error) -> Bool {
    guard let error = error as? PostgresError else { return error is TrustProblem }
    return error.sqlState == "GM409" || OrderBook.refusals(in: error) != nil
  }
}
