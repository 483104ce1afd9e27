/// A request as its signature sees it.
public struct SignableRequest: Sendable {
  /// In upper case.
  public var method: String
  /// Host and port as the `Host` field has them.
  public var authority: String
  /// As it stands in the request, percent signs and all; `/` at least.
  public var path: String
  /// What follows `?`; empty without one.
  public var query: String
  /// Names in lower case, values without blanks around them, in the order sent.
  public var fields: [(name: String, value: String)]
  /// The content, empty without any.
  public var body: [UInt8]

  /// A request with its parts.
  public init(
    method: String, authority: String, path: String, query: String = "", fields: [(name: String, value: String)] = [],
    body: [UInt8] = []
  ) {
    self.method = method
    self.authority = authority
    self.path = path
    self.query = query
    self.fields = fields
    self.body = body
  }

  /// The values of a field, joined as RFC 9421 joins them; nil where there is none.
  public func field(_ name: String) -> String? {
    let values = fields.filter { $0.name == name }.map(\.value)
    return values.isEmpty ? nil : values.joined(separator: ", ")
  }

  /// The value of a component in the signature base.
  private func component(_ name: String) -> String? {
    switch name {
    case "@method": method
    case "@authority": authority.lowercased()
    case "@path": path.isEmpty ? "/" : path
    case "@query": "?" + query
    case _ where name.hasPrefix("@"): nil
    default: field(name)
    }
  }

  /// The signature base of RFC 9421, section 2.5; nil where a component is absent.
  func signatureBase(_ components: [String], parameters: String) -> [UInt8]? {
    var lines = ""
    for name in components {
      guard let value = component(name) else { return nil }
      lines += "\"\(name)\": \(value)\n"
    }
    return Array((lines + "\"@signature-params\": \(parameters)").utf8)
  }
}

/// HTTP message signatures (RFC 9421) as the market's requests carry them: Ed25519 over method, authority, path, query and,
/// where the request has them, the body's digest (RFC 9530) and the idempotency key.
public enum RequestSignature {
  /// The longest a request may be valid, seconds.
  public static let longestValidity: Int64 = 300
  /// How far a client's clock may be ahead, seconds.
  public static let clockSkew: Int64 = 60

  private static let label = "market"

  /// What a signature must cover.
  static func components(of request: SignableRequest) -> [String] {
    var names = ["@method", "@authority", "@path", "@query"]
    if !request.body.isEmpty { names.append("content-digest") }
    if request.field("idempotency-key") != nil { names.append("idempotency-key") }
    return names
  }

  /// Adds the fields that sign a request.
  ///
  /// - Parameter now: seconds since 1970, UTC.
  public static func sign(_ request: inout SignableRequest, _ key: CompanyKey, now: Int64, validFor: Int64 = 120) {
    if !request.body.isEmpty {
      request.fields.append((name: "content-digest", value: ContentDigest.field(request.body)))
    }
    let components = components(of: request)
    let parameters = SignatureFields.text(
      components,
      [
        ("created", .integer(now)), ("expires", .integer(now + validFor)), ("keyid", .text(key.id)),
        ("alg", .text("ed25519")),
      ])
    guard let base = request.signatureBase(components, parameters: parameters) else {
      preconditionFailure("a component that the request has is absent")
    }
    request.fields.append((name: "signature-input", value: "\(label)=\(parameters)"))
    request.fields.append((name: "signature", value: "\(label)=:\(base64Text(key.sign(base))):"))
  }

  /// Who signed a request: the public key, 32 bytes. That it is a company's the database knows.
  ///
  /// - Parameter now: seconds since 1970, UTC.
  public static func verify(_ request: SignableRequest, now: Int64) throws(SigningProblem) -> [UInt8] {
    guard let input = request.field("signature-input"), let signature = request.field("signature") else {
      throw SigningProblem("the request is not signed", "send Signature-Input and Signature (RFC 9421)")
    }
    guard let fields = SignatureFields(input: input),
      let signature = SignatureFields.signature(signature, label: fields.label)
    else {
      throw SigningProblem(
        "Signature-Input or Signature cannot be read", "send one signature, components without parameters")
    }
    for name in components(of: request) where !fields.components.contains(name) {
      throw SigningProblem("the signature does not cover \(name)", "add \"\(name)\" to the components")
    }
    guard fields.parameters.allSatisfy({ ["created", "expires", "keyid", "alg", "nonce", "tag"].contains($0.name) }),
      fields.text("alg").map({ $0 == "ed25519" }) ?? true
    else { throw SigningProblem("the signature has a parameter that is not known", "sign with alg=\"ed25519\"") }
    guard let created = fields.integer("created"), let expires = fields.integer("expires") else {
      throw SigningProblem("the signature names no time", "add created and expires, seconds since 1970")
    }
    guard created <= now + clockSkew, now <= expires else {
      throw SigningProblem(
        "the signature is valid from \(created) to \(expires), and it is \(now), in seconds since 1970",
        "set the clock right and sign the request anew")
    }
    guard expires > created, expires - created <= longestValidity else {
      throw SigningProblem(
        "the signature is valid for \(expires - created) seconds", "let it be 1 to \(longestValidity)")
    }
    guard let id = fields.text("keyid"), let key = bytesOfHex(id), key.count == 32 else {
      throw SigningProblem("keyid is no public key", "give the 64 digits that gpumarket company key prints")
    }
    if !request.body.isEmpty, !ContentDigest.holds(request.field("content-digest") ?? "", request.body) {
      throw SigningProblem(
        "Content-Digest is not that of the body", "send sha-256 of the body as it is sent, in base64 (RFC 9530)")
    }
    guard let base = request.signatureBase(fields.components, parameters: fields.text),
      CompanyKey.verifies(signature, base, publicKey: key)
    else {
      throw SigningProblem(
        "the signature is not that of its key over this request",
        "compare the signature base (RFC 9421, section 2.5); a proxy in between must keep Host and path")
    }
    return key
  }
}
