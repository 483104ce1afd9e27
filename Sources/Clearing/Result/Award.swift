/// What one bid won.
public struct Award: Sendable, Hashable {
  /// Index of the bid in the instance.
  public let bid: Int
  /// Index of the placement within the bid; nil for a curve.
  public let placement: Int?
  /// GPUs of the first use.
  public let gpus: Int
  /// What is held; for a curve one use for each pool and slot, in the bid's order.
  public let uses: [Use]
  /// The bid for what is held, micro-dollars.
  public let value: Int64
  /// Reserve × GPU-slots held, micro-dollars.
  public let reserveCost: Int64
  /// What is paid, micro-dollars; nil without a pricing rule.
  public internal(set) var payment: Int64?

  public init(
    bid: Int, placement: Int?, gpus: Int, uses: [Use], value: Int64, reserveCost: Int64, payment: Int64? = nil
  ) {
    self.bid = bid
    self.placement = placement
    self.gpus = gpus
    self.uses = uses
    self.value = value
    self.reserveCost = reserveCost
    self.payment = payment
  }

  /// Welfare of the award: value less reserve cost.
  public var net: Int64 { value - reserveCost }
}

/// What one company pays for all it won.
public struct CompanyPayment: Sendable, Hashable {
  /// The name of a company that won something.
  public let company: String
  /// Micro-dollars: the low end of the interval.
  public let payment: Int64
  /// The certified interval of the rule's payment, micro-dollars.
  public let low, high: Int64
  /// Whether the rule's payment is known to the micro-dollar.
  public let exact: Bool

  public init(company: String, payment: Int64, low: Int64, high: Int64, exact: Bool) {
    self.company = company
    self.payment = payment
    self.low = low
    self.high = high
    self.exact = exact
  }
}
