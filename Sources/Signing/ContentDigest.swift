/// The header field `Content-Digest` of RFC 9530, of which the market uses SHA-256.
enum ContentDigest {
  /// The field for a body.
  static func field(_ body: [UInt8]) -> String { "sha-256=:\(base64Text(digest256(body))):" }

  /// Whether a field names this body's digest.
  static func holds(_ field: String, _ body: [UInt8]) -> Bool { field == Self.field(body) }
}
