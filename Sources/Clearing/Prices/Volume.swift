/// The volume algorithm (Barahona and Anbil 2000): prices that come close to the LP's dual in some hundred cheap steps.
///
/// It moves along the average of past usages rather than the last one, which damps the zigzag of subgradients.
/// What it finds is only a proposal; `Certificate` makes a bound of it.
struct Volume {
  let book: Book
  private let oracle: DualOracle
  /// The best prices so far, micro-dollars per GPU and row.
  private(set) var prices: [Double]
  /// The dual's value there.
  private(set) var value: Double
  /// A moving average of usages: close to what the LP would use.
  private(set) var average: [Double]
  /// Evaluations done, in nanoseconds or so.
  var ticks = 0

  /// Starts from given prices, or from a third of what the bids would pay on average.
  init(_ book: Book, from start: [Double]? = nil, average used: [Double]? = nil) {
    self.book = book
    oracle = DualOracle(book)
    prices = start ?? Volume.cold(book)
    average = [Double](repeating: 0, count: book.rowCount)
    value = oracle.evaluate(prices, usage: &average)
    if let used { average = used }
    ticks = oracle.cost
  }

  /// - Parameter boldness: first step length as a fraction of the dual's value: 0.05 cold, 0.004 from good prices.
  mutating func run(iterations: Int, boldness: Double) {
    let rows = book.rowCount
    let capacity = book.capacity.map(Double.init)
    var direction = [Double](repeating: 0, count: rows)
    var trial = direction
    var usage = direction
    var length = 0.1
    var weight = 0.1
    var failures = 0
    var milestone = value
    for iteration in 0..<iterations {
      var norm = 1e-9
      for row in 0..<rows {
        var slack = capacity[row] - average[row]
        if prices[row] <= 0, slack > 0 { slack = 0 }
        direction[row] = slack
        norm += slack * slack
      }
      let step = length * boldness * value / norm
      for row in 0..<rows { trial[row] = max(0, prices[row] - step * direction[row]) }
      let found = oracle.evaluate(trial, usage: &usage)
      ticks += oracle.cost
      // The weight that makes the new average's violation shortest, kept within bounds.
      var agreement = 0.0
      var spread = 0.0
      var cross = 0.0
      for row in 0..<rows {
        let slack = capacity[row] - usage[row]
        let averageSlack = capacity[row] - average[row]
        agreement += direction[row] * slack
        spread += (slack - averageSlack) * (slack - averageSlack)
        cross += averageSlack * (slack - averageSlack)
      }
      let shortest = spread > 0 ? -cross / spread : 1
      let share = min(weight, max(shortest, weight / 10))
      for row in 0..<rows { average[row] = share * usage[row] + (1 - share) * average[row] }
      if found < value {
        if agreement > 0 { length = min(2, length * 1.15) }
        value = found
        swap(&prices, &trial)
        failures = 0
      } else {
        failures += 1
        if failures >= 6 {
          length *= 0.67
          failures = 0
        }
      }
      if iteration % 50 == 49 {
        if milestone - value < 0.0005 * value { weight = max(0.001, weight * 0.8) }
        milestone = value
        if length < 1e-7 { break }
      }
    }
  }

  private static func cold(_ book: Book) -> [Double] {
    var worth = 0.0
    var area = 0.0
    for option in stride(from: 0, to: book.optionCount, by: 1 + book.optionCount / 10_000) {
      worth += Double(book.value[option])
      area += Double(book.gpus[option]) * Double(book.end[option] - book.start[option])
      for index in book.extras(ofOption: option) {
        let rectangle = book.extra[index]
        area += Double(rectangle.gpus) * Double(rectangle.end - rectangle.start)
      }
    }
    return [Double](repeating: area > 0 ? worth / area / 3 : 0, count: book.rowCount)
  }
}
