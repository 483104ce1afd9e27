import Clearing

/// An effort given as an option.
func readEffort(_ text: String) throws(Failure) -> Effort {
  guard let effort = Effort(text: text) else {
    throw Failure(
      .usage, "there is no effort '\(text)'", advice: "choose quick, standard, thorough or a number of work units")
  }
  return effort
}

/// The rules' names for help texts and advice: `pay-as-bid, vcg or core-selecting`.
func choice(of rules: [PricingRule]) -> String {
  let names = rules.map(\.rawValue)
  return names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
}

/// A pricing rule given as an option, one of those that the command takes.
@discardableResult
func readPricing(_ text: String, among rules: [PricingRule]) throws(Failure) -> PricingRule {
  guard let rule = PricingRule(rawValue: text), rules.contains(rule) else {
    throw Failure(
      .usage, "there is no pricing rule '\(text)'", advice: "choose \(choice(of: rules))")
  }
  return rule
}

/// Says that payments follow another rule than the one that was asked for; nil where they follow that one.
func fallbackText(from asked: String, to rule: String) -> String? {
  rule == asked ? nil : "priced by \(rule): \(asked) was not proven"
}
