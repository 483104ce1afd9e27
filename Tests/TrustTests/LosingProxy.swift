import Foundation
import Glibc
import Synchronization
import TestSupport

/// A proxy on a Unix socket that loses the answer to some requests, after the server has done them. It listens for as long
/// as this process runs.
final class LosingProxy: Sendable {
  /// What it does to a request that it picks.
  enum Loss: Sendable {
    /// The server never sees it.
    case request
    /// The server has done it and answered.
    case reply
  }

  /// For `host=` in a connection string; the port is 5432.
  let folder: String
  private let target: String
  private let listener: Int32
  private let marker: [UInt8]
  private let losses: Mutex<[Loss]>
  private let lost = Atomic(0)

  /// - Parameters:
  ///   - target: the real server's socket.
  ///   - marker: text of the requests to pick.
  ///   - losses: what to do to the first of them, the second, …; the rest pass.
  init(to target: String, marker: String, losses: [Loss]) throws {
    self.target = target
    self.marker = Array(marker.utf8)
    self.losses = Mutex(losses)
    listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    folder = try TestFolder.make()
    guard Self.withAddress(folder + "/.s.PGSQL.5432", { bind(listener, $0, $1) }) == 0, listen(listener, 8) == 0 else {
      throw POSIXError(.EADDRNOTAVAIL)
    }
    Thread { [self] in accept() }.start()
  }

  /// Requests lost so far.
  var count: Int { lost.load(ordering: .relaxed) }

  private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
  }

  private func accept() {
    while true {
      let client = Glibc.accept(listener, nil, nil)
      guard client >= 0 else { return }
      let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      guard Self.withAddress(target, { connect(server, $0, $1) }) == 0 else {
        close(client)
        continue
      }
      let deaf = Deafness()
      Thread { [self] in forward(from: client, to: server, deaf) }.start()
      Thread { Self.back(from: server, to: client, deaf) }.start()
    }
  }

  /// Whether a connection's answers are being lost.
  private final class Deafness: Sendable { let on = Atomic(false) }

  private func forward(from client: Int32, to server: Int32, _ deaf: Deafness) {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let got = read(client, &buffer, buffer.count)
      guard got > 0 else { break }
      let bytes = Array(buffer.prefix(got))
      if contains(bytes), let loss = losses.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) {
        lost.add(1, ordering: .relaxed)
        if loss == .request { break }
        deaf.on.store(true, ordering: .relaxed)
      }
      guard write(server, bytes, got) == got else { break }
    }
    shutdown(client, Int32(SHUT_RDWR))
    shutdown(server, Int32(SHUT_WR))
  }

  private static func back(from server: Int32, to client: Int32, _ deaf: Deafness) {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let got = read(server, &buffer, buffer.count)
      guard got > 0 else { break }
      // The answer has come, so the server has committed; the client never hears of it.
      if deaf.on.load(ordering: .relaxed) { break }
      guard write(client, buffer, got) == got else { break }
    }
    shutdown(client, Int32(SHUT_RDWR))
    close(server)
  }

  private func contains(_ bytes: [UInt8]) -> Bool {
    guard bytes.count >= marker.count else { return false }
    return (0...(bytes.count - marker.count)).contains { bytes[$0..<$0 + marker.count].elementsEqual(marker) }
  }
}
