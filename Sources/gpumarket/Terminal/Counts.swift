/// The most GPUs that a pool, an outage, a cap or a bid may name; the database holds the same bound.
let mostGPUs = 10_000_000

/// A count given as an option; outside its range it is a mistake of usage, found before anything is asked of a server.
@discardableResult
func checked(_ value: Int, in range: ClosedRange<Int>, _ option: String) throws(Failure) -> Int {
  guard range.contains(value) else {
    throw Failure(
      .usage, "\(option) \(value) is out of range",
      advice: "give a number from \(range.lowerBound) to \(range.upperBound)")
  }
  return value
}
