import Files
import Postgres

/// One thing wrong with a request.
public struct DoorProblem: Error, Sendable, Equatable {
  /// The HTTP status that fits it.
  public let status: Int
  /// `GM422` and the like, as the database's functions refuse, or the door's own word.
  public let code: String
  /// One sentence.
  public let message: String
  /// What to do next.
  public let hint: String
  /// Which part of the request, such as `entries[2].body`; nil for all of it.
  public let place: String?

  init(_ status: Int, _ code: String, _ message: String, _ hint: String, at place: String? = nil) {
    self.status = status
    self.code = code
    self.message = message
    self.hint = hint
    self.place = place
  }

  var json: JSONText {
    [
      "code": .string(code), "message": .string(message), "hint": .string(hint),
      "where": place.map { .string($0) } ?? .null,
    ]
  }

  /// What the database refused; what it could not do is said without its words, which may tell of others.
  init(_ error: PostgresError) {
    switch (error.kind, error.sqlState) {
    case (.refused, let state) where state.hasPrefix("GM4") && Int(state.dropFirst(2)) != nil:
      self.init(Int(state.dropFirst(2)) ?? 400, state, error.message, error.hint ?? "")
    case (.refused, "22021"), (.refused, "22P05"):
      self.init(400, "GM400", "a text holds a character that cannot be stored", "send UTF-8 without zero characters")
    case (.unavailable, _), (.refused, "57014"), (.refused, "55P03"), (.refused, "40001"), (.refused, "40P01"):
      self.init(
        503, "busy", "the market cannot answer at this moment", "send the same request again, with the same keys")
    case (.refused, let state) where ["53", "57"].contains(String(state.prefix(2))):
      self.init(
        503, "busy", "the market cannot answer at this moment", "send the same request again, with the same keys")
    default:
      self.init(
        500, "fault", "the market has a fault", "tell the operator the time of this request; nothing was changed")
    }
  }
}

/// An answer to a request.
public struct DoorAnswer: Sendable, Equatable {
  /// HTTP status.
  public var status: Int
  /// JSON.
  public var body: [UInt8]
  /// Seconds after which to try again, with 429 and 503.
  public var retryAfter: Int?
  /// Whether the connection ends with it.
  public var closes = false

  init(_ status: Int, _ body: [UInt8]) {
    self.status = status
    self.body = body
  }

  init(_ status: Int, _ json: JSONText) { self.init(status, json.bytes()) }

  /// Refusals are a list, so that a client mends all at once; the first one's status is the answer's.
  init(_ problems: [DoorProblem], retryAfter: Int? = nil) {
    self.init(problems.first?.status ?? 500, ["errors": .array(problems.map(\.json))])
    self.retryAfter = retryAfter ?? (status == 503 ? 1 : nil)
  }

  init(_ problem: DoorProblem, retryAfter: Int? = nil) { self.init([problem], retryAfter: retryAfter) }

  static func tooMany(_ seconds: Int, _ whose: String) -> DoorAnswer {
    DoorAnswer(
      DoorProblem(
        429, "rate", "\(whose) sends too many requests", "wait \(seconds) s; one request may hold many entries"),
      retryAfter: seconds)
  }

  static let overloaded = DoorAnswer(
    DoorProblem(503, "busy", "too many requests wait", "send the same request again, with the same keys"), retryAfter: 1
  )
}
