/// How winners pay.
public enum PricingRule: String, Sendable, CaseIterable {
  /// No payments are computed.
  case none
  /// Each award costs its bid (first price).
  case payAsBid = "pay-as-bid"
  /// Each company pays the reserve cost of what it wins and the welfare the others lose through it
  /// (Vickrey 1961, Clarke 1971, Groves 1973).
  case vcg
  /// VCG raised just enough that no coalition of losers offered more (Day and Cramton 2012).
  case coreSelecting = "core-selecting"
}
