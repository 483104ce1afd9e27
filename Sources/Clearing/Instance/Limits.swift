/// What an instance may hold at most, so that no sum inside the engine can overflow.
///
/// Every certified bound is a sum of net values, scaled by a power of two that `Certificate` chooses to fit;
/// `totalValue` leaves it three bits of room.
public enum Limits {
  /// Slots of the period.
  public static let slots = 1 << 20
  /// Pools.
  public static let pools = 1 << 16
  /// Pools × slots, and company caps × slots.
  public static let rows = 1 << 24
  /// GPUs of a use, a step, a cap or a pool's slot.
  public static let gpus = 1 << 30
  /// Bids, and placements or curve steps of all bids together.
  public static let placements = 1 << 30
  /// Micro-dollars: the dearest alternative of every bid, all bids together.
  public static let totalValue: Int64 = 1 << 60
  /// Micro-dollars per GPU and slot.
  public static let reserve: Int64 = 1 << 50
}
