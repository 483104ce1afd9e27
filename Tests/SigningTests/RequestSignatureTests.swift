import Testing

@testable import Signing

/// The published example of RFC 9421, appendix B.2.6, and the market's own profile.
@Suite struct RequestSignatureTests {
  static let vectorSeed = bytesOfBase64("n4Ni+HpISpVObnQMW0wOhCKROaIKqKtW/2ZYb2p9KcU=") ?? []
  static let vectorRequest = SignableRequest(
    method: "POST", authority: "example.com", path: "/foo", query: "param=Value&Pet=dog",
    fields: [
      ("host", "example.com"), ("date", "Tue, 20 Apr 2021 02:07:55 GMT"), ("content-type", "application/json"),
      ("content-length", "18"),
    ], body: Array(#"{"hello": "world"}"#.utf8))

  @Test func publishedVector() throws {
    let key = CompanyKey(company: "test", seed: Self.vectorSeed)
    #expect(base64Text(key.publicKey) == "JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=")
    let input =
      #"sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#
    let fields = try #require(SignatureFields(input: input))
    #expect(input == "sig-b26=" + fields.text)
    let base = try #require(Self.vectorRequest.signatureBase(fields.components, parameters: fields.text))
    let published =
      "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
    let signature = try #require(
      SignatureFields.signature("sig-b26=:\(published):", label: "sig-b26"))
    #expect(CompanyKey.verifies(signature, base, publicKey: key.publicKey))
    #expect(base64Text(key.sign(base)) == published)
  }

  static func signed(body: String = #"{"round":"r1"}"#, key: String? = "k_1", now: Int64 = 1_000_000) -> SignableRequest
  {
    var request = SignableRequest(
      method: body.isEmpty ? "GET" : "POST", authority: "market.example:8443", path: "/v1/bids", query: "a=1",
      fields: [("host", "market.example:8443")], body: Array(body.utf8))
    if let key { request.fields.append((name: "idempotency-key", value: key)) }
    RequestSignature.sign(&request, CompanyKey(company: "acme", seed: vectorSeed), now: now)
    return request
  }

  @Test func roundTrip() throws {
    let key = CompanyKey(company: "acme", seed: Self.vectorSeed)
    for request in [Self.signed(), Self.signed(body: "", key: nil)] {
      #expect(try RequestSignature.verify(request, now: 1_000_000) == key.publicKey)
    }
  }

  @Test func whatChangesIsRefused() {
    func refusal(_ now: Int64 = 1_000_000, _ change: (inout SignableRequest) -> Void) -> String? {
      var request = Self.signed()
      change(&request)
      do {
        _ = try RequestSignature.verify(request, now: now)
        return nil
      } catch { return error.problem }
    }
    let another = "the signature is not that of its key over this request"
    #expect(refusal { $0.method = "PUT" } == another)
    #expect(refusal { $0.path = "/v1/bids/" } == another)
    #expect(refusal { $0.query = "a=2" } == another)
    #expect(refusal { $0.authority = "rival.example:8443" } == another)
    #expect(refusal { $0.fields.append(("idempotency-key", "k_2")) } == another)
    #expect(refusal { $0.body += [0x20] } == "Content-Digest is not that of the body")
    #expect(refusal { $0.body = [] } == another || refusal { $0.body = [] } == nil)
    #expect(refusal { $0.fields.removeAll { $0.name == "idempotency-key" } } == another)
    #expect(refusal { $0.fields.removeAll { $0.name == "signature" } } == "the request is not signed")
    #expect(refusal(1_000_121) { _ in }?.hasPrefix("the signature is valid from") == true)
    #expect(refusal(999_939) { _ in }?.hasPrefix("the signature is valid from") == true)
    #expect(refusal(1_000_120) { _ in } == nil)
  }

  /// A signature that leaves out what the market needs, or lasts too long, is refused though it is its key's own.
  @Test func narrowSignaturesAreRefused() throws {
    let key = CompanyKey(company: "acme", seed: Self.vectorSeed)
    func verify(_ components: [String], created: Int64, expires: Int64) throws -> [UInt8] {
      var request = SignableRequest(method: "GET", authority: "m", path: "/v1/account")
      let parameters = SignatureFields.text(
        components, [("created", .integer(created)), ("expires", .integer(expires)), ("keyid", .text(key.id))])
      let base = try #require(request.signatureBase(components, parameters: parameters))
      request.fields += [
        (name: "signature-input", value: "s=\(parameters)"),
        (name: "signature", value: "s=:\(base64Text(key.sign(base))):"),
      ]
      return try RequestSignature.verify(request, now: 100)
    }
    let all = ["@method", "@authority", "@path", "@query"]
    #expect(try verify(all, created: 90, expires: 110) == key.publicKey)
    for left in all {
      #expect(throws: SigningProblem("the signature does not cover \(left)", "add \"\(left)\" to the components")) {
        try verify(all.filter { $0 != left }, created: 90, expires: 110)
      }
    }
    #expect(throws: SigningProblem("the signature is valid for 301 seconds", "let it be 1 to 300")) {
      try verify(all, created: 90, expires: 391)
    }
  }

  /// Any byte of the two fields changed: refused, and never a trap.
  @Test func mutatedFieldsAreRefused() {
    var generator = Seeded(state: 11)
    let pieces = [
      ";", "=", "\"", "(", ")", ":", " ", ",", "\u{0}", "é", "99999999999999999999", "created=1", "@query-param",
    ]
    for _ in 0..<20_000 {
      var request = Self.signed()
      let at =
        request.fields.indices.filter { request.fields[$0].name.hasPrefix("signature") }
        .randomElement(using: &generator) ?? 0
      let before = request.fields[at].value
      var bytes = Array(before.utf8)
      let place = Int.random(in: 0..<bytes.count, using: &generator)
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: bytes[place] ^= UInt8.random(in: 1...255, using: &generator)
      case 1: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...40, using: &generator)))
      case 2: bytes.insert(contentsOf: (pieces.randomElement(using: &generator) ?? "").utf8, at: place)
      default: bytes.append(contentsOf: bytes[place...])
      }
      request.fields[at].value = String(decoding: bytes, as: UTF8.self)
      guard request.fields[at].value != before else { continue }
      let label = before.prefix { $0 != "=" }
      // Both labels changed alike would be the same signature under another name; one alone is none.
      _ = label
      #expect(throws: SigningProblem.self) { try RequestSignature.verify(request, now: 1_000_000) }
    }
  }

  /// SplitMix64.
  struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
  }
}
