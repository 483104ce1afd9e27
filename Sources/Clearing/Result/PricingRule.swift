/// How winners pay. docs/extending.md tells how to add a rule.
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

  /// The rules that a round may have; the table market.pricing_rule has the same.
  public static let ofRounds = allCases.filter { $0 != .none }

  /// Computes the payments.
  func price(_ draft: inout Draft) {
    switch self {
    case .none: draft.rule = .none
    case .payAsBid: draft.payAsBid()
    case .vcg: draft.payVCG()
    case .coreSelecting: draft.payCoreSelecting()
    }
  }
}
