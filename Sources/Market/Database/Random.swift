import CSodium

/// Random bytes from the operating system, as lower-case hexadecimal.
func randomHex(bytes count: Int) -> String {
  hex((0..<count).map { _ in UInt8(truncatingIfNeeded: randombytes_random()) })
}

/// A password of 160 random bits in letters and digits.
func randomPassword() -> String {
  let alphabet = Array("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789")
  return String((0..<28).map { _ in alphabet[Int(randombytes_uniform(UInt32(alphabet.count)))] })
}

/// A fresh idempotency key: one for each request, kept across its retries.
public func newIdempotencyKey() -> String { "k_" + randomHex(bytes: 12) }

/// Lower-case hexadecimal.
func hex(_ bytes: some Sequence<UInt8>) -> String {
  let digits = Array("0123456789abcdef".utf8)
  return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

/// SHA-256.
func sha256(_ bytes: [UInt8]) -> [UInt8] {
  var digest = [UInt8](repeating: 0, count: Int(crypto_hash_sha256_BYTES))
  crypto_hash_sha256(&digest, bytes, UInt64(bytes.count))
  return digest
}
