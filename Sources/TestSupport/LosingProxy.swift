import Foundation
import Glibc
import Synchronization

/// A proxy on a Unix socket that loses the answer to some requests, after the server has done them. It listens for as long
/// as this process runs.
public final class LosingProxy: Sendable {
  /// What it does to a request that it picks.
  public enum Loss: Sendable {
    /// The server never sees it.
    case request
    /// The server has done it and answered.
    case reply
  }

  /// For `host=` in a connection string; the port is 5432.
  public let folder: String
  private let target: String
  private let listener: Int32
  private let marker: [UInt8]
  private let losses: Mutex<[Loss]>
  private let lost = Atomic(0)

  /// - Parameters:
  ///   - target: the real server's socket.
  ///   - marker: text of the requests to pick.
  ///   - losses: what to do to the first of them, the second, …; the rest pass.
  public init(to target: String, marker: String, losses: [Loss]) throws {
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
  public var count: Int { lost.load(ordering: .relaxed) }

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
        close(server)
        continue
      }
      let connection = Connection(client: client, server: server)
      Thread { [self] in forward(connection) }.start()
      Thread { Self.back(connection) }.start()
    }
  }

  /// The two sockets of one client, closed when both directions have done with them: a number closed sooner may be another
  /// connection's by the time it is shut.
  private final class Connection: Sendable {
    let client, server: Int32
    /// Whether its answers are being lost.
    let deaf = Atomic(false)

    init(client: Int32, server: Int32) { (self.client, self.server) = (client, server) }

    deinit {
      close(client)
      close(server)
    }

    func shut() {
      shutdown(client, Int32(SHUT_RDWR))
      shutdown(server, Int32(SHUT_WR))
    }
  }

  /// Whether all of `bytes` went. The other end may be gone, and a plain write would then end this process by SIGPIPE.
  private static func send(_ bytes: ArraySlice<UInt8>, to socket: Int32) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
      let sent = rest.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard sent > 0 else { return false }
      rest = rest.dropFirst(sent)
    }
    return true
  }

  private func forward(_ connection: Connection) {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let got = read(connection.client, &buffer, buffer.count)
      guard got > 0 else { break }
      let bytes = buffer.prefix(got)
      if contains(bytes), let loss = losses.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) {
        lost.add(1, ordering: .relaxed)
        if loss == .request { break }
        connection.deaf.store(true, ordering: .relaxed)
      }
      guard Self.send(bytes, to: connection.server) else { break }
    }
    connection.shut()
  }

  private static func back(_ connection: Connection) {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let got = read(connection.server, &buffer, buffer.count)
      guard got > 0 else { break }
      // The answer has come, so the server has committed; the client never hears of it.
      if connection.deaf.load(ordering: .relaxed) { break }
      guard send(buffer.prefix(got), to: connection.client) else { break }
    }
    connection.shut()
  }

  private func contains(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard bytes.count >= marker.count else { return false }
    return (bytes.startIndex...(bytes.endIndex - marker.count)).contains {
      bytes[$0..<$0 + marker.count].elementsEqual(marker)
    }
  }
}
