import Files
import Units

extension AwardRecord {
  /// The names of its pools, each once.
  public var pools: String {
    var names: [String] = []
    for use in uses where !names.contains(use.pool) { names.append(use.pool) }
    return names.joined(separator: " ")
  }

  /// One number for a block, a range for a curve: `8..16`, since spreadsheets take 8-16 for a date.
  public var gpusText: String {
    let (low, high) = (uses.map(\.gpus).min() ?? 0, uses.map(\.gpus).max() ?? 0)
    return low == high ? "\(high)" : "\(low)..\(high)"
  }

  /// For programs.
  public var json: JSONText {
    [
      "round": .string(round), "company": .string(company), "award": .string(id), "bid": .string(bid),
      "alternative": alternative.map { .integer(Int64($0)) } ?? .null, "gpu_slots": .integer(gpuSlots),
      "slot_minutes": .integer(Int64(slotLength.minutes)), "bid_usd": .usd(value),
      "reserve_cost_usd": .usd(reserveCost),
      "payment_usd": .usd(payment),
      "accepted_at": .string(acceptedAt.iso8601), "hash": .string(entryHash),
      "uses": .array(
        uses.map {
          [
            "pool": .string($0.pool), "start": .string($0.period.start.iso8601), "end": .string($0.period.end.iso8601),
            "gpus": .integer(Int64($0.gpus)),
          ]
        }),
    ]
  }
}
