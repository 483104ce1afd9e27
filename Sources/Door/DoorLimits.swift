/// What the door lets anyone take of it. What is over gets 413, 429 or 503, and nothing else suffers.
public struct DoorLimits: Sendable {
  /// Bytes of one request's content; an import of `entriesPerRequest` sealed bids fits.
  public var bodyBytes = 4 << 20
  /// Bytes of one header field, and of all of a request; the most fields.
  public var headerFieldBytes = 8 << 10
  public var headerBytes = 32 << 10
  public var headerFields = 64
  /// Open connections in all, and of one address.
  public var connections = 2000
  public var connectionsPerAddress = 200
  /// Seconds until a request's head has come whole, counted from the connection's beginning.
  public var headSeconds: Int64 = 10
  /// Seconds for the rest of a request, and for an answer to be taken.
  public var bodySeconds: Int64 = 30
  /// Seconds that a connection may rest between requests.
  public var idleSeconds: Int64 = 60
  /// Requests a second of one key, and how many may come at once.
  public var perKey = TokenBuckets.Rate(perSecond: 100, burst: 400)
  /// Requests a second of one address; a company's office may share one.
  public var perAddress = TokenBuckets.Rate(perSecond: 400, burst: 1600)
  /// Entries in one request.
  public var entriesPerRequest = 1000
  /// Entries that wait for the database: of all, and of one key.
  public var waitingEntries = 20_000
  public var waitingEntriesPerKey = 4000
  /// Requests that wait to read, and of one key.
  public var waitingReads = 2000
  public var waitingReadsPerKey = 100
  /// Connections to the database that place entries, and that read.
  public var writers = 3
  public var readers = 3
  /// Entries placed in one transaction: few enough that nobody waits long behind them.
  public var entriesPerTransaction = 200
  /// Seconds that a stopping door gives to what it has accepted.
  public var drainSeconds: Int64 = 20

  /// The defaults.
  public init() {}
}
