import Clearing
import Files

/// Reads an instance in the JSON form that `docs/reference.md` describes.
/// - Throws: `JSONProblem` with key path, line and column; `InstanceFileError` for what only the whole book shows.
func readJSONInstance(_ bytes: [UInt8], source: String) throws -> Instance {
  let root = try JSONReader.parse(bytes, source: source)
  try root.require(keys: ["name", "slot_minutes", "pools", "bids"], optional: ["caps"])
  let pools = try root.at("pools")
  var slots = 0
  for pool in try pools.elements() {
    var count = 0
    for _ in try pool.at("capacity").elements() { count += 1 }
    if slots == 0 { slots = count }
    if count != slots || count == 0 {
      throw try pool.at("capacity").problem(
        "it lists \(count) slots\(slots == 0 ? "" : ", the first pool \(slots)")",
        "give every pool the same slots, at least one")
    }
  }
  guard slots > 0 else { throw pools.problem("there is no pool", "add at least one") }
  var builder = Instance.Builder(
    name: try root.at("name").string(), slotMinutes: try whole(root.at("slot_minutes"), 1), slotCount: slots)
  for pool in try pools.elements() {
    try pool.require(keys: ["name", "capacity"], optional: ["reserve"])
    var capacity: [Int] = []
    for gpus in try pool.at("capacity").elements() { capacity.append(try whole(gpus, 0)) }
    builder.addPool(
      name: try pool.at("name").string(), capacity: capacity,
      reserve: try pool["reserve"]?.integer(in: 0...Limits.reserve) ?? 0)
  }
  if let caps = root["caps"] {
    for cap in try caps.elements() {
      try cap.require(keys: ["company", "pool", "gpus"])
      builder.addCap(
        company: try cap.at("company").string(), pool: try whole(cap.at("pool"), 0), gpus: try whole(cap.at("gpus"), 0))
    }
  }
  for bid in try root.at("bids").elements() { try addBid(bid, to: &builder) }
  do throws(InstanceError) {
    return try builder.build()
  } catch {
    throw InstanceFileError("\(source): \(error.problem)")
  }
}

private func addBid(_ bid: JSONValue, to builder: inout Instance.Builder) throws(JSONProblem) {
  try bid.require(keys: ["id", "company"], optional: ["placements", "curve", "parent"])
  let id = try bid.at("id").string()
  let company = try bid.at("company").string()
  let parent = try bid["parent"]?.string()
  switch (bid["placements"], bid["curve"]) {
  case (let placements?, nil):
    var list: [Placement] = []
    for placement in try placements.elements() { list.append(try read(placement)) }
    builder.addBid(id: id, company: company, parent: parent, placements: list)
  case (nil, let curve?):
    var points: [CurvePoint] = []
    for point in try curve.elements() { points.append(try readPoint(point)) }
    builder.addBid(id: id, company: company, parent: parent, curve: points)
  default: throw bid.problem("it needs either \"placements\" or \"curve\"", "give one of the two")
  }
}

private func read(_ placement: JSONValue) throws(JSONProblem) -> Placement {
  try placement.require(keys: ["value", "uses"], optional: ["min_gpus"])
  var uses: [Use] = []
  for use in try placement.at("uses").elements() {
    let numbers = try wholes(use, 4, "[pool, first slot, slots, gpus]")
    guard numbers[2] >= 1, numbers[3] >= 1 else {
      throw use.problem("it holds nothing", "give at least 1 slot and GPU")
    }
    uses.append(Use(pool: numbers[0], firstSlot: numbers[1], slots: numbers[2], gpus: numbers[3]))
  }
  var minimum: Int?
  if let value = placement["min_gpus"] { minimum = try whole(value, 1) }
  return Placement(
    value: try placement.at("value").integer(in: 0...Limits.totalValue), uses: uses, minimumGPUs: minimum)
}

private func readPoint(_ point: JSONValue) throws(JSONProblem) -> CurvePoint {
  try point.require(keys: ["pool", "slot", "steps"])
  var steps: [CurveStep] = []
  for step in try point.at("steps").elements() {
    var parts: [JSONValue] = []
    for part in try step.elements() { parts.append(part) }
    guard parts.count == 2 else { throw step.problem("it has \(parts.count) numbers", "write [gpus, price]") }
    steps.append(CurveStep(gpus: try whole(parts[0], 1), price: try parts[1].integer(in: 0...Limits.totalValue)))
  }
  return CurvePoint(pool: try whole(point.at("pool"), 0), slot: try whole(point.at("slot"), 0), steps: steps)
}

/// A whole number from `least` to the most GPUs an instance may name.
private func whole(_ value: JSONValue, _ least: Int64) throws(JSONProblem) -> Int {
  Int(try value.integer(in: least...Int64(Limits.gpus)))
}

private func wholes(_ value: JSONValue, _ count: Int, _ form: String) throws(JSONProblem) -> [Int] {
  var numbers: [Int] = []
  for number in try value.elements() { numbers.append(try whole(number, 0)) }
  guard numbers.count == count else { throw value.problem("it has \(numbers.count) numbers", "write \(form)") }
  return numbers
}
