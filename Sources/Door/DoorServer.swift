import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// The front door: HTTP on one side, the market's database on the other.
public final class DoorServer: Sendable {
  /// How a door is set up.
  public struct Configuration: Sendable {
    /// Where it listens.
    public var host: String
    /// 0 takes any free one.
    public var port: Int
    /// The database, as the door's role.
    public var conninfo: String
    /// Whether a reverse proxy stands before it, whose `X-Forwarded-For` names the client.
    public var trustsProxy: Bool
    /// What anyone may take.
    public var limits = DoorLimits()
    /// Where lines go.
    public var log = DoorLog()

    /// A door with the usual limits.
    public init(host: String, port: Int, conninfo: String, trustsProxy: Bool) {
      self.host = host
      self.port = port
      self.conninfo = conninfo
      self.trustsProxy = trustsProxy
    }
  }

  /// The port it listens on.
  public let port: Int
  private let configuration: Configuration
  private let service: DoorService
  private let table: ConnectionTable
  private let loops: MultiThreadedEventLoopGroup
  private let channel: any Channel
  /// What stopping came to; nil before.
  private let outcome = Mutex<Bool?>(nil)

  /// Opens the door; it answers from now on.
  ///
  /// - Throws: `PostgresError` where the database cannot be reached; NIO's error where the port is taken.
  public init(_ configuration: Configuration) throws {
    self.configuration = configuration
    let limits = configuration.limits
    let log = configuration.log
    let trustsProxy = configuration.trustsProxy
    let service = try DoorService(conninfo: configuration.conninfo, limits: limits, log: log)
    let table = ConnectionTable(limits)
    loops = MultiThreadedEventLoopGroup(numberOfThreads: min(4, System.coreCount))
    var decoding = NIOHTTPDecoderLimitConfiguration()
    decoding.maxHeaderFieldSize = limits.headerFieldBytes
    decoding.maxHeaderListSize = limits.headerBytes
    decoding.maxHeaderFieldCount = limits.headerFields
    let bootstrap = ServerBootstrap(group: loops)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(.maxMessagesPerRead, value: 4)
      .childChannelInitializer { [decoding] channel in
        channel.eventLoop.makeCompletedFuture {
          // Behind a proxy all have one address: the proxy counts them.
          let address = channel.remoteAddress?.ipAddress ?? "local"
          guard table.admit(channel, address: trustsProxy ? "\(ObjectIdentifier(channel))" : address) else {
            throw ChannelError.operationUnsupported
          }
          channel.closeFuture.whenComplete { _ in table.remove(channel) }
          try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withPipeliningAssistance: true, withErrorHandling: true, withEncoderConfiguration: .init(),
            withDecoderLimitConfiguration: decoding)
          try channel.pipeline.syncOperations.addHandler(
            HTTPConnection(service, table, limits, log, trustsProxy: trustsProxy))
        }
      }
    channel = try bootstrap.bind(host: configuration.host, port: configuration.port).wait()
    port = channel.localAddress?.port ?? configuration.port
    self.service = service
    self.table = table
    log.line("listening", [("address", "\(configuration.host):\(port)")])
  }

  /// Takes no more, finishes what was accepted, and ends; false where that took too long and something was dropped. Called
  /// again, it says the same.
  public func stop() -> Bool {
    outcome.withLock { outcome in
      let value = outcome ?? end()
      outcome = value
      return value
    }
  }

  private func end() -> Bool {
    let log = configuration.log
    log.line("stopping", [("connections", "\(table.count)")])
    try? channel.close().wait()
    table.startClosing()
    let isDone = service.finish()
    // Answers are on their way to the sockets; each ends its connection.
    let end = monotonicNanoseconds() + configuration.limits.drainSeconds * 1_000_000_000
    while table.count > 0, monotonicNanoseconds() < end { usleep(2000) }
    try? loops.syncShutdownGracefully()
    log.line("stopped", [("complete", "\(isDone && table.count == 0)")])
    return isDone && table.count == 0
  }

  /// Runs until SIGTERM or SIGINT, then stops; whether all that was accepted was finished.
  public func runUntilTold() -> Bool {
    let told = DispatchSemaphore(value: 0)
    let sources = [SIGTERM, SIGINT].map { signal in
      Glibc.signal(signal, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: signal, queue: .global())
      source.setEventHandler { told.signal() }
      source.resume()
      return source
    }
    told.wait()
    for source in sources { source.cancel() }
    return stop()
  }
}
