import Clearing

/// A multiple-choice multidimensional knapsack problem as an instance.
///
/// "Exactly one item of every group" becomes "at most one": `lift` is added to every item's tenfold value, so
/// large that no allocation which leaves a group out can be best. The problem's own value is
/// (welfare − groups × lift) / 10.
public struct MMKP: Sendable {
  /// One slot; a pool for each resource, a bid for each group, a placement for each item.
  public let instance: Instance
  /// What was added to every tenfold value, per group.
  public let lift: Int64
  /// At least 1; each is a bid of its own company.
  public let groups: Int

  /// Ten times the problem's own value of a welfare or bound.
  public func tenfoldValue(_ welfare: Int64) -> Int64 { welfare - lift * Int64(groups) }
}

/// Reads the form of Khan, Li, Manning and Akbar (2002): groups, items a group, resources; capacities; then for
/// every group its number and items, each a value followed by what it takes of the resources.
public func readMMKP(_ bytes: [UInt8], source: String) throws -> MMKP {
  var words = WordReader(bytes, source: source)
  let groups = try words.whole(words.word(), "the number of groups")
  let items = try words.whole(words.word(), "the number of items a group")
  let resources = try words.whole(words.word(), "the number of resources")
  guard 1...Limits.placements ~= groups, 1...Limits.placements ~= items, 1...Limits.pools ~= resources,
    groups * items <= Limits.placements
  else {
    throw words.error(
      "\(groups) groups of \(items) items on \(resources) resources are none or too many",
      "give at least one of each, and at most \(Limits.placements) items in all")
  }
  var builder = Instance.Builder(name: fileName(source), slotMinutes: 60, slotCount: 1)
  for resource in 0..<resources {
    builder.addPool(
      name: "r\(resource)", capacity: [try words.whole(words.word(), "capacity of resource \(resource)")], reserve: 0)
  }
  var values: [[(value: Int64, uses: [Use])]] = []
  var lift: Int64 = 1
  for group in 0..<groups {
    _ = try words.whole(words.word(), "the number of group \(group + 1)")
    var list: [(value: Int64, uses: [Use])] = []
    for item in 0..<items {
      let what = "item \(item + 1) of group \(group + 1)"
      let value = try words.tenfold(words.word(), "the value of \(what)")
      var uses: [Use] = []
      for resource in 0..<resources {
        let gpus = try words.whole(words.word(), "what \(what) takes of resource \(resource + 1)")
        if gpus > 0 { uses.append(Use(pool: resource, firstSlot: 0, slots: 1, gpus: gpus)) }
      }
      guard !uses.isEmpty else { throw words.error("\(what) takes nothing", "drop it or give it a use") }
      list.append((value, uses))
    }
    let (sum, overflow) = lift.addingReportingOverflow(list.map(\.value).max() ?? 0)
    guard !overflow, sum <= Limits.totalValue else {
      throw words.error("the values of groups up to \(group + 1) are too large", "scale them down")
    }
    lift = sum
    values.append(list)
  }
  for (group, list) in values.enumerated() {
    builder.addBid(
      id: "\(group + 1)", company: "g\(group + 1)",
      placements: list.map { Placement(value: $0.value + lift, uses: $0.uses) })
  }
  do throws(InstanceError) {
    return MMKP(instance: try builder.build(), lift: lift, groups: groups)
  } catch {
    throw InstanceFileError("\(source): \(error.problem)")
  }
}
