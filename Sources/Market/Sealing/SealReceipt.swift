import Files
import Postgres
import Signing

extension Receipt {
  /// The receipts of a file, as `--receipt` wrote them: one, or a list.
  public static func read(_ text: [UInt8], source: String) throws(JSONProblem) -> [Receipt] {
    let value = try JSONReader.parse(text, source: source)
    var receipts: [Receipt] = []
    for element in value.kind == .array ? Array(try value.elements()) : [value] {
      try element.require(format: Receipt.format)
      receipts.append(try Receipt(element))
    }
    return receipts
  }

  /// The hash of this receipt's own fields.
  public var computedHash: [UInt8] {
    SealHash.entry(
      round: round, company: company, bid: bid, kind: kind, parent: parent, key: key, salt: salt,
      acceptedAt: acceptedAt, body: body,
      // What is no signature has another hash than the database's.
      signature: signature.map { text in EntrySignature(text: text).map { hex($0.bytes) } ?? text })
  }
}

/// How an entry hangs on the root of its round's sealed book.
public struct SealProof: Sendable {
  /// The round's name.
  public let round: String
  /// Of the sealed book, 32 bytes.
  public let merkleRoot: [UInt8]
  /// Entries of the sealed book, everyone's.
  public let entryCount: Int
  /// From the leaf up; empty where the book has one entry.
  public let path: [SealHash.Sibling]
  /// Whether no later entry of the same bid takes its place.
  public let isHead: Bool

  /// Asks for the proof of one of the company's own entries; only once the round is published.
  public init(hash: String, _ connection: inout Connection) throws {
    let text: String = try connection.query("SELECT market.my_proof(\(hash)) AS proof").one().get("proof")
    let value = try JSONReader.parse(Array(text.utf8), source: "proof")
    func hexadecimal(_ value: JSONValue) throws -> [UInt8] {
      guard let found = bytes(hex: try value.string()) else { throw value.problem("this is no hash", "report this") }
      return found
    }
    round = try value.at("round").string()
    merkleRoot = try hexadecimal(value.at("merkle_root"))
    entryCount = Int(try value.at("entry_count").integer())
    isHead = try value.at("head").bool()
    path = try value.at("path").elements().map { step in
      SealHash.Sibling(isLeft: try step.at("side").string() == "left", hash: try hexadecimal(step.at("hash")))
    }
  }

  /// What is wrong with a receipt, in words; empty if its entry is in the sealed book unchanged.
  public func problems(of receipt: Receipt, statement: Statement?, pinnedKey: String?) -> [String] {
    var problems: [String] = []
    if hex(receipt.computedHash) != receipt.hash {
      problems.append("the receipt's hash is not that of its own fields: the file was changed")
    }
    if receipt.round != round { problems.append("the entry is in round \(round), the receipt names \(receipt.round)") }
    if SealHash.root(of: receipt.computedHash, path: path) != merkleRoot {
      problems.append("the entry does not lead to the root of the sealed book")
    }
    if let statement {
      problems += statement.problems(
        round: round, entryCount: entryCount, merkleRoot: merkleRoot, pinnedKey: pinnedKey)
    }
    return problems
  }
}
