import NIOCore
import NIOHTTP1
import Signing

/// One connection of a client: gathers a request within its limits, has it answered, and starts again.
final class HTTPConnection: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private enum Phase {
    case resting
    case reading(HTTPRequestHead, [UInt8])
    case answering
    /// Refused before it had come whole: the rest is dropped until the connection ends.
    case refused
  }

  private let service: DoorService
  private let table: ConnectionTable
  private let limits: DoorLimits
  private let log: DoorLog
  private let trustsProxy: Bool
  private var phase = Phase.resting
  private var deadline: Scheduled<Void>?
  private var peer = "unknown"

  init(_ service: DoorService, _ table: ConnectionTable, _ limits: DoorLimits, _ log: DoorLog, trustsProxy: Bool) {
    self.service = service
    self.table = table
    self.limits = limits
    self.log = log
    self.trustsProxy = trustsProxy
  }

  func channelActive(context: ChannelHandlerContext) {
    peer = context.remoteAddress?.ipAddress ?? "local"
    arm(limits.headSeconds, context)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    deadline?.cancel()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch (unwrapInboundIn(data), phase) {
    case (.head(let head), .resting): begin(head, context)
    case (.body(let part), .reading(let head, var body)):
      guard body.count + part.readableBytes <= limits.bodyBytes else { return refuseLarge(context) }
      phase = .resting  // so that the array below is not copied
      body.append(contentsOf: part.readableBytesView)
      phase = .reading(head, body)
    case (.end, .reading(let head, let body)): finish(head, body, context)
    default: break
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  // MARK: A request comes

  private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    table.set(context.channel, isBusy: true)
    arm(limits.bodySeconds, context)
    phase = .reading(head, [])
    if let refusal = service.refusal(address: address(head)) {
      phase = .refused
      var answer = refusal
      answer.closes = true
      return write(answer, head, context)
    }
    let length = head.headers["content-length"].first.flatMap { Int($0) } ?? 0
    guard length <= limits.bodyBytes else { return refuseLarge(context) }
    if head.headers["expect"].contains(where: { $0.lowercased() == "100-continue" }) {
      context.writeAndFlush(wrapOutboundOut(.head(.init(version: head.version, status: .continue))), promise: nil)
    }
  }

  private func refuseLarge(_ context: ChannelHandlerContext) {
    guard case .reading(let head, _) = phase else { return }
    phase = .refused
    var answer = DoorAnswer(
      DoorProblem(413, "large", "the content is larger than \(limits.bodyBytes) bytes", "send it in parts"))
    answer.closes = true
    write(answer, head, context)
  }

  private func finish(_ head: HTTPRequestHead, _ body: [UInt8], _ context: ChannelHandlerContext) {
    phase = .answering
    deadline?.cancel()
    let request = Self.signable(head, body)
    let began = monotonicNanoseconds()
    let loop = context.eventLoop
    let bound = NIOLoopBound((self, context), eventLoop: loop)
    service.handle(request) { answer in
      loop.execute {
        let (connection, context) = bound.value
        connection.log.line(
          "request",
          [
            ("from", connection.address(head)), ("method", request.method), ("path", request.path),
            ("status", "\(answer.status)"), ("us", "\((monotonicNanoseconds() - began) / 1000)"),
          ])
        guard context.channel.isActive else { return }
        connection.write(answer, head, context)
      }
    }
  }

  /// The address that limits count by: of the peer, or, behind a proxy of ours, what that says last.
  private func address(_ head: HTTPRequestHead) -> String {
    guard trustsProxy, let forwarded = head.headers["x-forwarded-for"].last,
      let last = forwarded.split(separator: ",").last
    else { return peer }
    return String(last.trimmingPrefix { $0 == " " }.prefix(64))
  }

  private static func signable(_ head: HTTPRequestHead, _ body: [UInt8]) -> SignableRequest {
    let halves = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    return SignableRequest(
      method: head.method.rawValue, authority: head.headers["host"].first ?? "", path: String(halves.first ?? ""),
      query: halves.count > 1 ? String(halves[1]) : "",
      fields: head.headers.map { field in
        (name: field.name.lowercased(), value: field.value.trimmingBlanks())
      }, body: body)
  }

  // MARK: An answer goes

  private func write(_ answer: DoorAnswer, _ request: HTTPRequestHead, _ context: ChannelHandlerContext) {
    let closes = answer.closes || table.isClosing || !request.isKeepAlive
    var headers = HTTPHeaders([
      ("content-type", "application/json"), ("content-length", "\(answer.body.count)"), ("cache-control", "no-store"),
    ])
    if let seconds = answer.retryAfter { headers.add(name: "retry-after", value: "\(seconds)") }
    if closes { headers.add(name: "connection", value: "close") }
    let head = HTTPResponseHead(
      version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status), headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if request.method != .HEAD {
      var buffer = context.channel.allocator.buffer(capacity: answer.body.count)
      buffer.writeBytes(answer.body)
      context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
    }
    // Who does not take his answer does not keep the connection.
    arm(limits.bodySeconds, context)
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    let sent = context.eventLoop.makePromise(of: Void.self)
    sent.futureResult.whenComplete { _ in
      let (connection, context) = bound.value
      connection.sent(closes, context)
    }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: sent)
  }

  private func sent(_ closes: Bool, _ context: ChannelHandlerContext) {
    guard !closes else { return close(context) }
    if case .answering = phase { phase = .resting }
    table.set(context.channel, isBusy: false)
    if table.isClosing { return close(context) }
    arm(limits.idleSeconds, context)
  }

  /// Lets the client read what was sent before the connection ends: at once, a client still sending would lose the answer.
  private func close(_ context: ChannelHandlerContext) {
    guard case .refused = phase else { return context.close(promise: nil) }
    context.close(mode: .output, promise: nil)
    arm(2, context)
  }

  private func arm(_ seconds: Int64, _ context: ChannelHandlerContext) {
    deadline?.cancel()
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    deadline = context.eventLoop.scheduleTask(in: .seconds(seconds)) { bound.value.close(promise: nil) }
  }
}

extension String {
  fileprivate func trimmingBlanks() -> String {
    let bytes = Array(utf8)
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    guard let first = bytes.firstIndex(where: { !isBlank($0) }), let last = bytes.lastIndex(where: { !isBlank($0) })
    else {
      return ""
    }
    return first == 0 && last == bytes.count - 1 ? self : String(decoding: bytes[first...last], as: UTF8.self)
  }
}
