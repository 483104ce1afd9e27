import Clearing
import Units

// A bundle passed no door. Whoever makes one up can write, in a few lines, bids that come to more places than any memory
// holds; so they are held to what the door lets in (sql/functions/bids, sql/functions/sealing) before places are made of them. How many
// companies there are nobody bounds: many of them can still ask for more than a small machine has.

extension SealedEntries {
  /// The live bids of an intact bundle, none beyond what one bid, one company or the engine may take.
  ///
  /// - Throws: `TrustProblem` naming the entry that no door lets in.
  func bookWithinLimits() throws -> SealedBook {
    try checkBytes()
    let live = try book()
    try live.checkPlaces()
    return live
  }

  private func checkBytes() throws(TrustProblem) {
    for entry in entries {
      let bytes = max(entry.body.utf8.count, entry.opened?.utf8.count ?? 0)
      guard bytes <= 262_144 else { throw beyond(entry.name, "it has \(bytes) bytes, above 262144") }
    }
  }
}

extension SealedBook {
  fileprivate func checkPlaces() throws(TrustProblem) {
    var ofCompany: [String: Int] = [:]
    var ofAll = 0
    for entry in entries {
      let name = "entry \(entry.place), bid \(entry.id) of \(entry.company)"
      let places = try places(of: entry.bid, name)
      guard places <= 100_000 else {
        throw beyond(name, "it leaves \(places) places and steps to choose from, above 100000")
      }
      let total = ofCompany[entry.company, default: 0] + places
      guard total <= 2_000_000 else {
        throw beyond(name, "with it the bids of its company leave \(total) places and steps, above 2000000")
      }
      ofCompany[entry.company] = total
      ofAll += places
      guard ofAll <= Limits.placements else {
        throw beyond(name, "with it the book leaves \(ofAll) places and steps, above \(Limits.placements)")
      }
    }
  }

  /// Places of a block, or steps of a curve, that the engine makes of a bid that lies within the round.
  private func places(of bid: Bid, _ name: String) throws(TrustProblem) -> Int {
    let kind = bid.kind
    do {
      try kind.checkCount()
    } catch {
      throw beyond(name, error.problem)
    }
    return kind.places(round.slotLength)
  }
}

private func beyond(_ entry: String, _ problem: String) -> TrustProblem {
  TrustProblem("\(entry): \(problem)", "the door lets no such bid in; keep it as it is and report this")
}
