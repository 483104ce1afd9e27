/// Splits what a company pays above reserve over its awards, in proportion to bid less reserve cost.
///
/// Largest remainder: every part is rounded down, then the micro-dollars left over go one each to the largest
/// remainders, earlier awards first among equals. No part exceeds its weight while the total does not.
func split(_ amount: Int64, inProportionTo weights: [Int64]) -> [Int64] {
  let total = weights.reduce(0, +)
  precondition(amount >= 0 && amount <= total, "a payment above reserve lies between 0 and the net bid")
  guard total > 0 else { return weights.map { _ in 0 } }
  var parts: [Int64] = []
  var remainders: [(remainder: Int64, index: Int)] = []
  for (index, weight) in weights.enumerated() {
    let product = amount.multipliedFullWidth(by: weight)
    let (quotient, remainder) = total.dividingFullWidth(product)
    parts.append(quotient)
    remainders.append((remainder, index))
  }
  let left = Int(amount - parts.reduce(0, +))
  remainders.sort { ($1.remainder, $0.index) < ($0.remainder, $1.index) }
  for (_, index) in remainders.prefix(left) { parts[index] += 1 }
  return parts
}
