/// A rectangle of capacity: so many GPUs of one pool through consecutive slots.
public struct Use: Sendable, Hashable {
  /// Index of the pool in the instance.
  public let pool: Int
  /// First slot, counted from 0.
  public let firstSlot: Int
  /// Number of slots, at least 1.
  public let slots: Int
  /// GPUs (lots, where a lot is larger) in each of those slots, at least 1.
  public let gpus: Int

  public init(pool: Int, firstSlot: Int, slots: Int, gpus: Int) {
    self.pool = pool
    self.firstSlot = firstSlot
    self.slots = slots
    self.gpus = gpus
  }

  /// The slots held.
  public var slotRange: Range<Int> { firstSlot..<firstSlot + slots }
}

/// One alternative at one start: what the engine may award to a bid.
public struct Placement: Sendable, Hashable {
  /// Micro-dollars for all of it.
  public let value: Int64
  /// The rectangles it holds, all or none.
  public let uses: [Use]
  /// The fewest GPUs that may be awarded instead, the value in proportion; nil if all or nothing.
  public let minimumGPUs: Int?

  public init(value: Int64, uses: [Use], minimumGPUs: Int? = nil) {
    self.value = value
    self.uses = uses
    self.minimumGPUs = minimumGPUs
  }
}

/// One increment of a curve.
public struct CurveStep: Sendable, Hashable {
  /// GPUs of this increment, at least 1; any whole number of them may be awarded.
  public let gpus: Int
  /// Micro-dollars per GPU and slot.
  public let price: Int64

  public init(gpus: Int, price: Int64) {
    self.gpus = gpus
    self.price = price
  }
}

/// A falling price–quantity curve for one slot of one pool.
public struct CurvePoint: Sendable, Hashable {
  /// Index of the pool in the instance.
  public let pool: Int
  /// The slot, counted from 0.
  public let slot: Int
  /// Increments at strictly falling prices.
  public let steps: [CurveStep]

  public init(pool: Int, slot: Int, steps: [CurveStep]) {
    self.pool = pool
    self.slot = slot
    self.steps = steps
  }
}
