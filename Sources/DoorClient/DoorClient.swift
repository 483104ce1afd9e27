import CCurl
import Files
import Glibc
import Signing

/// A company's side of the front door: signs requests and entries, sends them over HTTPS, reads the answers.
public struct DoorClient: Sendable {
  /// What the market refused, or why it could not be reached.
  public struct Refusal: Error, Sendable, CustomStringConvertible {
    /// HTTP status; 0 where no answer came, and nothing is known of the request.
    public let status: Int
    /// Each with the sentence, the next step and its place in the request.
    public let problems: [(code: String, message: String, hint: String, place: String?)]

    init(status: Int, _ problems: [(code: String, message: String, hint: String, place: String?)]) {
      self.status = status
      self.problems = problems
    }

    public var description: String {
      problems.map { problem in (problem.place.map { "\($0): " } ?? "") + "\(problem.message)\n\(problem.hint)" }
        .joined(separator: "\n")
    }
  }

  /// The company's key.
  public let key: CompanyKey
  /// Seconds for one answer.
  public var timeoutSeconds = 30
  /// How often what got no answer, or 503, is sent again: the keys of its entries make that harmless.
  public var retries = 3
  private let base: String
  private let authority: String
  private let authorities: String?

  /// - Parameters:
  ///   - market: `https://host[:port]`. Plain `http://` only to this machine, where no one listens in between.
  ///   - authorities: a file of certificates (PEM) that vouch for the market, in place of the system's.
  public init(market: String, key: CompanyKey, authorities: String? = nil) throws(SigningProblem) {
    let rest =
      market.hasPrefix("https://") ? market.dropFirst(8) : market.hasPrefix("http://") ? market.dropFirst(7) : ""
    let host = rest.hasSuffix("/") ? rest.dropLast() : rest
    guard !host.isEmpty, !host.contains(where: { "/?#@ ".contains($0) }) else {
      throw SigningProblem("'\(market)' is no address of a market", "write it like https://market.example:8443")
    }
    let name = host.hasPrefix("[") ? host.prefix { $0 != "]" } + "]" : host.prefix { $0 != ":" }
    guard market.hasPrefix("https://") || ["localhost", "127.0.0.1", "[::1]"].contains(String(name)) else {
      throw SigningProblem("'\(market)' is not encrypted", "use https://; plain http reaches this machine only")
    }
    self.key = key
    self.authorities = authorities
    base = market.hasPrefix("https://") ? "https://\(host)" : "http://\(host)"
    authority = String(host)
  }

  /// One request and its answer's JSON.
  ///
  /// - Parameter path: percent-encoded, and the query without `?`.
  public func ask(
    _ method: String, _ path: String, query: String = "", _ content: JSONText? = nil
  ) throws(Refusal) -> JSONValue {
    var attempt = 0
    while true {
      do {
        return try once(method, path, query, content?.bytes() ?? [])
      } catch {
        guard attempt < retries, error.status == 0 || error.status == 503 || error.status == 429 else { throw error }
        attempt += 1
        usleep(UInt32(100_000 << attempt))
      }
    }
  }

  /// The same with content as it comes, once, for tests of what no client of ours sends.
  func askRaw(_ method: String, _ path: String, _ body: [UInt8]) throws(Refusal) -> JSONValue {
    try once(method, path, "", body)
  }

  private func once(_ method: String, _ path: String, _ query: String, _ body: [UInt8]) throws(Refusal) -> JSONValue {
    var request = SignableRequest(
      method: method, authority: authority, path: path, query: query,
      fields: body.isEmpty ? [] : [(name: "content-type", value: "application/json")], body: body)
    RequestSignature.sign(&request, key, now: Int64(time(nil)))
    let (status, answer) = try send(request)
    do {
      let value = try JSONReader.parse(answer, source: "the market's answer")
      guard status != 200 else { return value }
      var problems: [(code: String, message: String, hint: String, place: String?)] = []
      for error in try value.at("errors").elements() {
        let place = error["where"].flatMap { $0.isNull ? nil : $0 }
        problems.append(
          (
            try error.at("code").string(), try error.at("message").string(), try error.at("hint").string(),
            try place?.string()
          ))
      }
      throw Refusal(status: status, problems)
    } catch let refusal as Refusal {
      throw refusal
    } catch {
      // A proxy's page, perhaps.
      throw Refusal(
        status: status,
        [("answer", "the market answered \(status), and not in its own words", "check the address; try again", nil)])
    }
  }

  private func send(_ request: SignableRequest) throws(Refusal) -> (status: Int, body: [UInt8]) {
    func unreachable(_ why: String) -> Refusal {
      Refusal(
        status: 0,
        [("unreachable", "the market at \(base) gave no answer: \(why)", "check address and network; try again", nil)])
    }
    guard let handle = curl_easy_init() else { throw unreachable("libcurl cannot start") }
    defer { curl_easy_cleanup(handle) }
    var list: UnsafeMutablePointer<curl_slist>?
    // libcurl's own Expect costs a round trip.
    for (name, value) in request.fields + [("host", authority), ("accept", "application/json"), ("expect", "")] {
      list = curl_slist_append(list, value.isEmpty ? "\(name):" : "\(name): \(value)")
    }
    defer { curl_slist_free_all(list) }
    let answer = Received()
    _ = gpumarket_curl_text(
      handle, CURLOPT_URL, base + request.path + (request.query.isEmpty ? "" : "?\(request.query)"))
    _ = gpumarket_curl_text(handle, CURLOPT_CUSTOMREQUEST, request.method)
    _ = gpumarket_curl_text(handle, CURLOPT_PROTOCOLS_STR, "http,https")
    _ = gpumarket_curl_number(handle, CURLOPT_PATH_AS_IS, 1)
    _ = gpumarket_curl_number(handle, CURLOPT_NOSIGNAL, 1)
    _ = gpumarket_curl_number(handle, CURLOPT_CONNECTTIMEOUT, 10)
    _ = gpumarket_curl_number(handle, CURLOPT_TIMEOUT, timeoutSeconds)
    if let authorities { _ = gpumarket_curl_text(handle, CURLOPT_CAINFO, authorities) }
    _ = gpumarket_curl_list(handle, CURLOPT_HTTPHEADER, list)
    _ = gpumarket_curl_writer(handle, Received.receive)
    _ = gpumarket_curl_pointer(handle, CURLOPT_WRITEDATA, Unmanaged.passUnretained(answer).toOpaque())
    let body = request.body.map { CChar(bitPattern: $0) }
    let code = body.withUnsafeBufferPointer { bytes in
      if !request.body.isEmpty {
        _ = gpumarket_curl_number(handle, CURLOPT_POSTFIELDSIZE, bytes.count)
        _ = gpumarket_curl_pointer(handle, CURLOPT_POSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress))
      }
      return curl_easy_perform(handle)
    }
    guard code == CURLE_OK else { throw unreachable(String(cString: curl_easy_strerror(code))) }
    var status = 0
    _ = gpumarket_curl_status(handle, &status)
    return (status, withExtendedLifetime(answer) { answer.bytes })
  }
}

/// What libcurl hands over piece by piece.
private final class Received {
  var bytes: [UInt8] = []

  /// No answer of the market is larger.
  static let most = 256 << 20

  static let receive: @convention(c) (UnsafeMutablePointer<CChar>?, Int, Int, UnsafeMutableRawPointer?) -> Int = {
    data, size, count, target in
    guard let data, let target else { return 0 }
    let received = Unmanaged<Received>.fromOpaque(target).takeUnretainedValue()
    guard received.bytes.count + size * count <= most else { return 0 }
    data.withMemoryRebound(to: UInt8.self, capacity: size * count) {
      received.bytes.append(contentsOf: UnsafeBufferPointer(start: $0, count: size * count))
    }
    return size * count
  }
}
