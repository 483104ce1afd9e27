import Files
import Units

/// What a company submits to a round.
public enum Bid: Sendable, Equatable {
  /// GPUs over consecutive slots; at most one alternative is awarded.
  case block([BlockAlternative])
  /// For each slot of its segments a falling price–quantity curve.
  case curve([CurveSegment])

  /// Every kind that there is.
  static let kinds: [any BidKind.Type] = [BlockKind.self, CurveKind.self]

  /// What the market knows of its kind: nothing else asks which one it is.
  var kind: any BidKind {
    switch self {
    case .block(let alternatives): BlockKind(alternatives: alternatives)
    case .curve(let segments): CurveKind(segments: segments)
    }
  }
}

/// GPUs × slots anywhere in a window.
public struct BlockAlternative: Sendable, Equatable {
  /// Name of a pool that the round offers.
  public let pool: String
  /// In every slot: a multiple of the pool's lot, up to the pool's largest offer in the round.
  public let gpus: Int
  /// Fewer GPUs that would do; nil: all or nothing.
  public let minimumGPUs: Int?
  /// Consecutive, 1 to 10,000 and no more than the window has.
  public let slots: Int
  /// On slots of the round's delivery; the block may begin wherever it still ends inside.
  public let window: TimeRange
  /// The most it pays; at least the pool's reserve price.
  public let limit: Price

  public init(pool: String, gpus: Int, minimumGPUs: Int?, slots: Int, window: TimeRange, limit: Price) {
    self.pool = pool
    self.gpus = gpus
    self.minimumGPUs = minimumGPUs
    self.slots = slots
    self.window = window
    self.limit = limit
  }
}

/// The same curve for each slot of a period of one pool.
public struct CurveSegment: Sendable, Equatable {
  /// So many GPUs more, each for at most this price.
  public struct Step: Sendable, Equatable {
    /// A multiple of the pool's lot, on top of the steps before; any number of whole lots may be awarded.
    public let gpus: Int
    /// Below that of the step before, and at least the pool's reserve price.
    public let limit: Price

    public init(gpus: Int, limit: Price) {
      self.gpus = gpus
      self.limit = limit
    }
  }

  /// Name of a pool that the round offers.
  public let pool: String
  /// On slots of the round's delivery.
  public let period: TimeRange
  /// 1 to 100 increments at falling prices.
  public let steps: [Step]

  public init(pool: String, period: TimeRange, steps: [Step]) {
    self.pool = pool
    self.period = period
    self.steps = steps
  }
}

// The body is the bid's canonical text: its bytes are hashed into the receipt. sql/functions/bids/append_entry.sql describes it.

extension Bid {
  /// The JSON text that the order book keeps.
  public var body: String { bodyJSON.text() }

  /// The same as a value, for `--json`.
  public var bodyJSON: JSONText {
    let kind = kind
    return .object([.init("type", .string(type(of: kind).name))] + kind.members)
  }

  /// Reads a body back from the order book.
  public init(body text: String) throws(JSONProblem) {
    let root = try JSONReader.parse(Array(text.utf8), source: "bid")
    let name = try root.at("type").string()
    guard let kind = Self.kind(named: name) else {
      throw try root.at("type").problem("\"\(name)\" is no kind of bid", "write \(Self.kindNames)")
    }
    self = try kind.init(body: root).bid
  }
}

extension JSONValue {
  /// An object with `start` and `end`.
  func period() throws(JSONProblem) -> TimeRange {
    let start = try at("start").string()
    let end = try at("end").string()
    do {
      return try TimeRange(iso8601: "\(start)/\(end)")
    } catch {
      throw problem(error.problem, error.advice)
    }
  }

  /// Whole micro-dollars per GPU-hour.
  func price() throws(JSONProblem) -> Price {
    let value = try integer()
    do {
      return try Price(microdollarsPerGPUHour: value)
    } catch {
      throw problem(error.problem, error.advice)
    }
  }
}
