import Units

/// What a job would have been worth: histories carry no prices, so a seeded model draws them.
///
/// In ticks of $0.0001 per GPU-hour, whole numbers throughout, each division rounded down:
/// 1. An owner has a base willingness, the sum of two uniform draws of $0.5000 to $1.5000: from $1 to $3,
///    most often about $2, near what an H100 hour rents for.
/// 2. A job's urgency is uniform from 60 % to 140 %; one job in eight has a deadline and half as much again.
/// 3. Short jobs are wanted now: up to 2 hours +20 %, above 24 hours −15 %. Each doubling of the GPUs
///    takes 3 % off, down to −30 %: large runs are planned and bought with more patience.
/// 4. The limit price is the pool's reserve price plus base × urgency × size, so none is below reserve.
///
/// Draws hang on the seed and the owner's or the job's own name alone: the same job has the same price
/// in any selection. The model is an assumption, and part of any comparison made with it: it lets value
/// differ between owners and jobs, which a queue cannot see and an auction can.
public struct PriceModel: Hashable, Sendable {
  /// Names the model and its version in print.
  public static let name = "owner-urgency-size 1"

  /// Decides every draw.
  public let seed: UInt64

  /// Any seed will do; the same one draws the same prices.
  public init(seed: UInt64) { self.seed = seed }

  /// For printing beside every number that hangs on it: `prices drawn from model …, seed 1`.
  public var sentence: String { "prices drawn from model \(Self.name), seed \(seed)" }

  /// What the owner pays for a GPU-hour of this job above the reserve price, in ticks, at least 1.
  func ticksAboveReserve(_ job: TraceJob) -> Int64 {
    var owner = SplitMix(seed: seed, name: "owner " + job.owner)
    let base = owner.draw(5000...15_000) + owner.draw(5000...15_000)
    var own = SplitMix(seed: seed, name: "job " + job.id)
    var permille = own.draw(600...1400)
    if own.draw(0...7) == 0 { permille = permille * 3 / 2 }
    if job.duration <= TimeSpan(hours: 2) {
      permille = permille * 120 / 100
    } else if job.duration > TimeSpan(hours: 24) {
      permille = permille * 85 / 100
    }
    let doublings = Int64(Int.bitWidth - 1 - job.gpus.leadingZeroBitCount)
    permille = permille * max(70, 100 - 3 * doublings) / 100
    return max(1, base * permille / 1000)
  }

  /// The limit price of a job in a pool with this reserve price.
  public func limit(_ job: TraceJob, reserve: Price) throws(UnitError) -> Price {
    try Price(microdollarsPerGPUHour: reserve.microdollarsPerGPUHour + ticksAboveReserve(job) * Price.tickMicrodollars)
  }
}
