import Clearing
import Files

/// A clearing as JSON: `instance`, `welfare`, `bound`, `gap`, `proven`, `seconds`, `awards`, `payments` and how it
/// was found. Amounts are whole micro-dollars. The same clearing gives the same bytes, but for `seconds`.
///
/// An award names its bid, and its placement or its curve and step, with the GPUs of the first use.
/// - Parameter seconds: how long it took; null unless finite.
public func answerJSON(_ clearing: Clearing, of instance: Instance, seconds: Double) -> String {
  var payments: [JSONText.Member] = []
  for payment in clearing.payments {
    payments.append(
      JSONText.Member(
        payment.company,
        [
          "payment": .integer(payment.payment), "exact": .bool(payment.exact), "low": .integer(payment.low),
          "high": .integer(payment.high),
        ]))
  }
  let answer: JSONText = [
    "instance": .string(instance.name),
    "welfare": .integer(clearing.welfare),
    "bound": .integer(clearing.bound),
    "gap": .fraction(clearing.gap),
    "proven": .bool(clearing.proven),
    "seconds": .fraction((seconds * 1000).rounded() / 1000),
    "engine": .string(clearing.engineVersion),
    "effort": .string(clearing.effort.text),
    "work": .integer(Int64(clearing.workDone)),
    "stopped_early": .bool(clearing.stoppedEarly),
    "pricing": .string(clearing.rule.rawValue),
    "ties": .string(clearing.ties.rawValue),
    "awards": .array(clearing.awards.flatMap { awardJSON($0, instance) }),
    "payments": .object(payments),
    "mean_width": clearing.payments.isEmpty ? .null : .fraction(clearing.meanIntervalWidth(of: instance)),
  ]
  return answer.text(pretty: true) + "\n"
}

private func awardJSON(_ award: Award, _ instance: Instance) -> [JSONText] {
  let id = JSONText.string(instance.bidID(award.bid))
  if let placement = award.placement {
    return [["bid": id, "placement": .integer(Int64(placement)), "gpus": .integer(Int64(award.gpus))]]
  }
  var result: [JSONText] = []
  var rest = award.uses[...]
  for (index, point) in instance.curve(ofBid: award.bid).enumerated() {
    guard let use = rest.first, use.pool == point.pool, use.firstSlot == point.slot else { continue }
    rest.removeFirst()
    var left = use.gpus
    for (step, offer) in point.steps.enumerated() where left > 0 {
      let part = min(left, offer.gpus)
      left -= part
      result.append([
        "bid": id, "curve": .integer(Int64(index)), "step": .integer(Int64(step)), "gpus": .integer(Int64(part)),
      ])
    }
  }
  return result
}
