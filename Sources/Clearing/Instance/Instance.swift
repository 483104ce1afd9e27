/// What the engine clears: pools with capacity and reserve, caps, and bids in order of acceptance.
///
/// Storage is flat, so that a million bids cost a few hundred bytes each. Build one with `Builder`, which
/// checks everything; an `Instance` that exists is sound.
public struct Instance: Sendable {
  /// A label.
  public internal(set) var name: String
  /// Length of a slot in minutes.
  public internal(set) var slotMinutes: Int
  /// Slots of the period; they are numbered from 0.
  public internal(set) var slotCount: Int

  var poolNames: [String] = []
  /// GPUs, pool by pool, slot by slot.
  var capacities: [Int32] = []
  var reserves: [Int64] = []
  var caps: [Cap] = []

  var companyNames: [String] = []
  var bidIDs: [String] = []
  var bidCompany: [Int32] = []
  /// Index of the parent bid, or -1.
  var bidParent: [Int32] = []
  /// Where each bid's placements begin; one entry more than bids.
  var placementFirst: [Int32] = [0]
  /// Where each bid's curve points begin; one entry more than bids.
  var pointFirst: [Int32] = [0]

  var placementValue: [Int64] = []
  /// Fewest GPUs, or 0 for all or nothing.
  var placementMinimum: [Int32] = []
  /// Where each placement's uses begin; one entry more than placements.
  var useFirst: [Int32] = [0]
  var uses: [StoredUse] = []

  var points: [StoredPoint] = []
  /// Where each point's steps begin; one entry more than points.
  var stepFirst: [Int32] = [0]
  var stepGPUs: [Int32] = []
  var stepPrice: [Int64] = []

  struct StoredUse {
    let pool, firstSlot, slots, gpus: Int32
  }

  struct StoredPoint {
    let pool, slot: Int32
  }

  struct Cap {
    let company, pool, gpus: Int32
  }
}

extension Instance {
  /// Pools are numbered from 0 in the order they were added; at most `Limits.pools`.
  public var poolCount: Int { poolNames.count }
  /// Bids are numbered from 0 in order of acceptance.
  public var bidCount: Int { bidIDs.count }

  /// As it was added; traps outside `0..<poolCount`, as all look-ups here do with their index.
  public func poolName(_ pool: Int) -> String { poolNames[pool] }
  /// GPUs for sale in a slot.
  public func capacity(pool: Int, slot: Int) -> Int { Int(capacities[pool * slotCount + slot]) }
  /// Micro-dollars per GPU and slot below which nothing is awarded.
  public func reserve(pool: Int) -> Int64 { reserves[pool] }

  /// Unique among the bids.
  public func bidID(_ bid: Int) -> String { bidIDs[bid] }
  /// Index of the company that placed a bid.
  public func company(ofBid bid: Int) -> Int { Int(bidCompany[bid]) }
  /// By index from 0; companies are numbered as their first bids come.
  public func companyName(_ company: Int) -> String { companyNames[company] }
  /// Name of the company that placed a bid.
  public func companyName(ofBid bid: Int) -> String { companyNames[Int(bidCompany[bid])] }
  /// The bid that must win something before this one may.
  public func parent(ofBid bid: Int) -> Int? { bidParent[bid] < 0 ? nil : Int(bidParent[bid]) }

  /// Whether a bid is a curve rather than a list of placements.
  public func isCurve(bid: Int) -> Bool { pointFirst[bid] != pointFirst[bid + 1] }
  /// 0 for a curve, else at least 1.
  public func placementCount(ofBid bid: Int) -> Int { Int(placementFirst[bid + 1] - placementFirst[bid]) }
  /// Of all bids together; curves have none.
  public var placementCount: Int { placementValue.count }
  /// In the order they were added, which ties are broken by; empty for a curve. Made anew at each call.
  public func placements(ofBid bid: Int) -> [Placement] {
    (0..<placementCount(ofBid: bid)).map { placement($0, ofBid: bid) }
  }

  /// By index within its bid, from 0, as in `Award.placement`.
  public func placement(_ index: Int, ofBid bid: Int) -> Placement {
    let flat = Int(placementFirst[bid]) + index
    let minimum = placementMinimum[flat]
    return Placement(
      value: placementValue[flat], uses: uses(ofPlacement: flat), minimumGPUs: minimum == 0 ? nil : Int(minimum))
  }

  /// A curve bid's points; empty for any other bid.
  public func curve(ofBid bid: Int) -> [CurvePoint] {
    (Int(pointFirst[bid])..<Int(pointFirst[bid + 1])).map { point in
      CurvePoint(
        pool: Int(points[point].pool), slot: Int(points[point].slot),
        steps: (Int(stepFirst[point])..<Int(stepFirst[point + 1])).map {
          CurveStep(gpus: Int(stepGPUs[$0]), price: stepPrice[$0])
        })
    }
  }

  /// The most GPUs a company may hold of a pool in any slot, by company name.
  public var companyCaps: [(company: String, pool: Int, gpus: Int)] {
    caps.map { (companyNames[Int($0.company)], Int($0.pool), Int($0.gpus)) }
  }

  func uses(ofPlacement flat: Int) -> [Use] {
    (Int(useFirst[flat])..<Int(useFirst[flat + 1])).map {
      let use = uses[$0]
      return Use(pool: Int(use.pool), firstSlot: Int(use.firstSlot), slots: Int(use.slots), gpus: Int(use.gpus))
    }
  }
}
