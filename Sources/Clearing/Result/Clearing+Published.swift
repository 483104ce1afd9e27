extension Clearing {
  /// A result as it was published, for whoever checks it: without the certificate's prices.
  public init(
    published engineVersion: String, effort: Effort, workDone: Int, stoppedEarly: Bool, welfare: Int64, bound: Int64,
    ties: TieStatus, awards: [Award], rule: PricingRule, payments: [CompanyPayment]
  ) {
    self.init(
      engineVersion: engineVersion, effort: effort, workDone: workDone, stoppedEarly: stoppedEarly, welfare: welfare,
      bound: bound, ties: ties, awards: awards, rule: rule, payments: payments, prices: nil)
  }
}
