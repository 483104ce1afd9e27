import Files
import Foundation
import Postgres
import Signing
import Synchronization
import TestSupport
import Testing
import Units

@testable import Door
@testable import DoorClient
@testable import Market

/// A market with an open round `r`, two companies with keys, and a door before it.
final class DoorMarket: Sendable {
  let market: TestMarket
  let door: DoorServer
  let folder: String
  let keys: [String: CompanyKey]
  let log: Lines

  /// What the door said on its log.
  final class Lines: Sendable {
    private let text = Mutex<[String]>([])
    func add(_ line: String) { text.withLock { $0.append(line) } }
    var all: [String] { text.withLock { $0 } }
  }

  init(trustsProxy: Bool = false, _ adjust: (inout DoorLimits) -> Void = { _ in }) throws {
    market = try TestMarket()
    try market.addPool()
    folder = try TestFolder.make()
    var keys: [String: CompanyKey] = [:]
    for name in ["acme", "zephyr"] {
      _ = try market.addCompany(name)
      keys[name] = try CompanyKey.make(company: name, file: "\(folder)/\(name).key")
    }
    self.keys = keys
    var connection = try market.asOperator()
    for (name, key) in keys {
      try connection.query(
        "SELECT market.register_key(\(name), 'alice', true, \(key.publicKey))")
    }
    _ = try market.openRound("r")
    var configuration = DoorServer.Configuration(
      host: "127.0.0.1", port: 0, conninfo: market.conninfo("market_door"), trustsProxy: trustsProxy)
    adjust(&configuration.limits)
    let lines = Lines()
    log = lines
    configuration.log = DoorLog { lines.add($0) }
    door = try DoorServer(configuration)
  }

  deinit { _ = door.stop() }

  var address: String { "http://127.0.0.1:\(door.port)" }

  func key(_ company: String) throws -> CompanyKey { try #require(keys[company]) }

  func client(_ company: String = "acme") throws -> DoorClient {
    var client = try DoorClient(market: address, key: key(company))
    client.retries = 0
    return client
  }

  func marketID() throws -> String { try client().ask("GET", "/v1/account").at("market").string() }
  func terms() throws -> String { try client().ask("GET", "/v1/rounds/r").at("terms").string() }

  /// Enters wishes and gives their receipts.
  @discardableResult
  func enter(_ wishes: [DoorClient.Wish], as company: String = "acme") throws -> [Receipt] {
    let answer = try client(company).enter(wishes, round: "r", market: marketID(), terms: terms())
    return try answer.at("receipts").elements().map { try Receipt($0) }
  }

  func place(_ bid: Bid, key: String = newIdempotencyKey(), as company: String = "acme") throws -> Receipt {
    try enter([.init(kind: "place", key: key, body: bid.body)], as: company)[0]
  }

  /// Runs SQL as the database's administrator.
  func administer(_ statement: SQL) throws -> Rows {
    var connection = try market.connect(nil)
    return try connection.query(statement)
  }

  /// Closes the gate and clears.
  func clear() throws -> ClearingJob.Outcome {
    try market.close("r")
    var connection = try market.asClearing()
    return try ClearingJob().run("r", &connection)
  }

  /// What the auditor finds wrong, and all that was said.
  func verify() throws -> (problems: [String], said: String) {
    var connection = try market.asAuditor()
    let findings = VerifyRound(try VerifyBundle.load("r", &connection)).findings()
    return (findings.flatMap(\.problems), findings.map(\.check).joined(separator: "\n"))
  }
}

/// Sends bytes as they are and reads what comes until the other side ends, or for some seconds.
func raw(_ port: Int, _ pieces: [String], readSeconds: Int = 10, pause: UInt32 = 0) -> String {
  let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(file) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = in_port_t(UInt16(port).bigEndian)
  address.sin_addr.s_addr = inet_addr("127.0.0.1")
  let connected = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(file, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
  guard connected == 0 else { return "" }
  var wait = timeval(tv_sec: readSeconds, tv_usec: 0)
  setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
  for piece in pieces {
    let bytes = Array(piece.utf8)
    var at = 0
    while at < bytes.count {
      let sent = bytes.withUnsafeBytes {
        send(file, $0.baseAddress.map { $0 + at }, bytes.count - at, Int32(MSG_NOSIGNAL))
      }
      guard sent > 0 else { break }
      at += sent
    }
    if pause > 0 { usleep(pause) }
  }
  var answer: [UInt8] = []
  var part = [UInt8](repeating: 0, count: 65536)
  while true {
    let count = recv(file, &part, part.count, 0)
    guard count > 0 else { break }
    answer += part[..<count]
  }
  return String(decoding: answer, as: UTF8.self)
}
