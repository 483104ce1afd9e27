import Files
import Postgres

/// One thing that can be asked of the door. The table of them (`Routes`) is what requests are matched against and what the
/// OpenAPI document is written from.
struct Route: Sendable {
  /// Who may ask.
  enum Who: String, Sendable {
    /// No signature is looked at.
    case anyone
    /// Every member of a company.
    case reader
    /// A member who may bid.
    case bidder
  }

  /// A part of the path in braces, or a name in the query.
  struct Parameter: Sendable {
    let name: String
    let isInPath: Bool
    let about: String
  }

  /// What is done.
  enum Action: Sendable {
    /// Answered by the door itself.
    case health, document
    /// One function of the database, whose JSON is the answer.
    case read(@Sendable (Call) -> SQL)
    /// The same, and the digest of the round's terms with it.
    case round(@Sendable (Call) -> SQL)
    /// Entries for the order book.
    case enter
  }

  let method: String
  /// `/v1/rounds/{round}`.
  let path: String
  let who: Who
  /// One sentence for people.
  let about: String
  var parameters: [Parameter] = []
  /// Names of schemas in the document.
  var request: String?
  let answer: String
  let action: Action

  /// The path's values where it fits; nil where not.
  func match(_ segments: [String]) -> [String: String]? {
    let wanted = path.split(separator: "/", omittingEmptySubsequences: false)
    guard wanted.count == segments.count else { return nil }
    var values: [String: String] = [:]
    for (part, segment) in zip(wanted, segments) {
      if part.hasPrefix("{") {
        guard !segment.isEmpty else { return nil }
        values[String(part.dropFirst().dropLast())] = segment
      } else if part != segment {
        return nil
      }
    }
    return values
  }
}

/// What a route's function is asked with.
struct Call: Sendable {
  /// The public key that signed, 32 bytes.
  let caller: [UInt8]
  /// Decoded.
  let path: [String: String]
  /// Decoded; a name may stand several times.
  let query: [(name: String, value: String)]

  func query(_ name: String) -> String? { query.first { $0.name == name }?.value }
}

/// Percent-decoding. Nil for what is not UTF-8, holds a control character or a lone percent sign.
func decoded(_ text: some StringProtocol) -> String? {
  var bytes: [UInt8] = []
  var rest = Array(text.utf8)[...]
  while let byte = rest.popFirst() {
    guard byte == UInt8(ascii: "%") else {
      bytes.append(byte)
      continue
    }
    guard let high = rest.popFirst().flatMap(hexDigit), let low = rest.popFirst().flatMap(hexDigit) else { return nil }
    bytes.append(high << 4 | low)
  }
  guard !bytes.contains(where: { $0 < 0x20 || $0 == 0x7f }) else { return nil }
  return String(validating: bytes, as: UTF8.self)
}

private func hexDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case 48...57: byte - 48
  case 65...70: byte - 55
  case 97...102: byte - 87
  default: nil
  }
}
