import Foundation
import Signing
import TestSupport
import Testing

@testable import Door
@testable import DoorClient

/// A real nginx that ends TLS before the door, set up as docs/operator.md says, and curl as a client.
@Suite struct ProxyTests {
  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/sbin/nginx")))
  func nginxEndsTLS() throws {
    let market = try DoorMarket(trustsProxy: true)
    let folder = try TestFolder.make()
    func run(_ arguments: String...) throws -> (status: Int32, output: String) {
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = arguments
      let pipe = Pipe()
      process.standardOutput = pipe
      process.standardError = pipe
      try process.run()
      let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      return (process.terminationStatus, output)
    }
    let made = try run(
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
      "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", "\(folder)/key.pem", "-out",
      "\(folder)/cert.pem")
    try #require(made.status == 0, "\(made.output)")
    let port = try freePort()
    try """
    daemon off; pid \(folder)/pid; error_log \(folder)/error.log; worker_processes 1; master_process off;
    events {}
    http {
      access_log off; client_body_temp_path \(folder)/body; proxy_temp_path \(folder)/proxy; client_max_body_size 4m;
      fastcgi_temp_path \(folder)/f; uwsgi_temp_path \(folder)/u; scgi_temp_path \(folder)/s;
      server {
        listen 127.0.0.1:\(port) ssl;
        ssl_certificate \(folder)/cert.pem; ssl_certificate_key \(folder)/key.pem; ssl_protocols TLSv1.2 TLSv1.3;
        location / {
          proxy_pass http://127.0.0.1:\(market.door.port);
          proxy_http_version 1.1;
          proxy_set_header Host $http_host;
          proxy_set_header X-Forwarded-For $remote_addr;
          proxy_set_header Connection "";
        }
      }
    }
    """.write(toFile: "\(folder)/nginx.conf", atomically: false, encoding: .utf8)
    let nginx = Process()
    nginx.executableURL = URL(filePath: "/usr/sbin/nginx")
    nginx.arguments = ["-c", "\(folder)/nginx.conf", "-e", "\(folder)/error.log"]
    try nginx.run()
    defer {
      // It inherits this process's signal mask, which may hold back anything gentler.
      kill(nginx.processIdentifier, SIGKILL)
      nginx.waitUntilExit()
    }
    let address = "https://localhost:\(port)"
    var health = try run("curl", "-sS", "--cacert", "\(folder)/cert.pem", "\(address)/v1/health")
    for _ in 0..<200 where health.status != 0 && nginx.isRunning {
      usleep(20_000)
      health = try run("curl", "-sS", "--cacert", "\(folder)/cert.pem", "\(address)/v1/health")
    }
    #expect(health.output == #"{"status":"up"}"#, "\(health.output)")

    var client = try DoorClient(market: address, key: market.key("acme"), authorities: "\(folder)/cert.pem")
    client.retries = 0
    let answer = try client.enter(
      [.init(kind: "place", key: "k1", body: try TestMarket.block().body)], round: "r", market: market.marketID(),
      terms: market.terms())
    #expect(try answer.at("receipts", 0, "key").string() == "k1")
    // Without its certificate the market is not believed.
    var strict = try DoorClient(market: address, key: market.key("acme"))
    strict.retries = 0
    let unknown = #expect(throws: DoorClient.Refusal.self) { try strict.ask("GET", "/v1/account") }
    #expect(unknown?.status == 0)
    #expect(market.log.all.contains { $0.contains("from=127.0.0.1") && $0.contains("status=200") })
  }

  private func freePort() throws -> Int {
    let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(file) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(file, $0, size) == 0 && getsockname(file, $0, &size) == 0
      }
    }
    try #require(bound)
    return Int(UInt16(bigEndian: address.sin_port))
  }
}
