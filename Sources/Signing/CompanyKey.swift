import CSodium
import Files

/// A company's signing key (Ed25519). The secret half stays with the company; the operator registers the public half.
public struct CompanyKey: Sendable {
  /// The company's name in the market, which every entry it signs holds.
  public let company: String
  /// 32 bytes.
  public let publicKey: [UInt8]
  private let secret: [UInt8]

  private static let format = FileFormat("company key", 1)

  /// The public half as people pass it on, and as `keyid` in requests: 64 hexadecimal digits.
  public var id: String { hexText(publicKey) }

  private init(company: String, secret: [UInt8]) {
    self.company = company
    self.secret = secret
    publicKey = Array(secret.suffix(32))
  }

  /// A key from its seed of 32 bytes, for tests with published vectors.
  package init(company: String, seed: [UInt8]) {
    precondition(seed.count == Int(crypto_sign_SEEDBYTES) && sodium_init() >= 0)
    var publicKey = [UInt8](repeating: 0, count: Int(crypto_sign_PUBLICKEYBYTES))
    var secret = [UInt8](repeating: 0, count: Int(crypto_sign_SECRETKEYBYTES))
    crypto_sign_seed_keypair(&publicKey, &secret, seed)
    self.init(company: company, secret: secret)
  }

  /// Makes a new key and writes it to a file that does not exist yet (mode 0600).
  public static func make(company: String, file: String) throws(SigningProblem) -> CompanyKey {
    guard sodium_init() >= 0 else { throw SigningProblem("libsodium finds no randomness", "check /dev/urandom") }
    guard isName(company) else {
      throw SigningProblem("'\(company)' can be no company's name", "give the name that the operator registered")
    }
    var publicKey = [UInt8](repeating: 0, count: Int(crypto_sign_PUBLICKEYBYTES))
    var secret = [UInt8](repeating: 0, count: Int(crypto_sign_SECRETKEYBYTES))
    crypto_sign_keypair(&publicKey, &secret)
    try SecretFile.write(file, "\(format.text)\ncompany \(company)\nsecret \(hexText(secret))\n")
    return CompanyKey(company: company, secret: secret)
  }

  /// Reads a key from its file.
  ///
  /// - Throws: for a file that others may read, or that holds no key of this form.
  public init(file: String) throws(SigningProblem) {
    guard sodium_init() >= 0 else { throw SigningProblem("libsodium finds no randomness", "check /dev/urandom") }
    let lines = try SecretFile.read(file).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    // What is no heading is not repeated: it may be the secret.
    let heading = lines.first.flatMap { $0.hasPrefix("gpumarket ") ? $0 : nil }
    do { try Self.format.check(heading) } catch { throw SigningProblem("\(file): \(error.problem)", error.advice) }
    guard lines.count == 4, lines[1].hasPrefix("company "), lines[2].hasPrefix("secret "),
      lines[3].isEmpty, Self.isName(String(lines[1].dropFirst(8))), let secret = bytesOfHex(lines[2].dropFirst(7)),
      secret.count == Int(crypto_sign_SECRETKEYBYTES)
    else {
      throw SigningProblem(
        "\(file) holds no whole company key",
        "restore it from a backup, or make a new one: gpumarket company key")
    }
    // The second half of the secret is the public key; a file whose halves disagree would give the secret away.
    let key = CompanyKey(company: String(lines[1].dropFirst(8)), secret: secret)
    guard CompanyKey(company: key.company, seed: Array(secret.prefix(32))).publicKey == key.publicKey else {
      throw SigningProblem("\(file) is damaged: its halves do not belong together", "restore it from a backup")
    }
    self = key
  }

  /// A signature over bytes, 64 bytes.
  public func sign(_ message: [UInt8]) -> [UInt8] {
    var signature = [UInt8](repeating: 0, count: Int(crypto_sign_BYTES))
    crypto_sign_detached(&signature, nil, message, UInt64(message.count), secret)
    return signature
  }

  /// Whether a signature over bytes is that of a public key. Keys of small order are no keys.
  public static func verifies(_ signature: [UInt8], _ message: [UInt8], publicKey: [UInt8]) -> Bool {
    signature.count == Int(crypto_sign_BYTES) && publicKey.count == Int(crypto_sign_PUBLICKEYBYTES)
      && crypto_sign_verify_detached(signature, message, UInt64(message.count), publicKey) == 0
  }

  private static func isName(_ text: String) -> Bool {
    (1...63).contains(text.utf8.count) && text.utf8.allSatisfy { (0x20..<0x7f).contains($0) }
  }
}
