import Clearing
import Files
import Units

/// All that the market must know of a kind of bid. Each kind is one file of this folder. Nothing else asks which kind a bid is:
/// it asks `Bid.kind`. docs/extending.md tells how to add one.
protocol BidKind: Sendable {
  /// Its word: a body's `type`, and the column `kind` of a file.
  static var name: String { get }
  /// What a rule blames where the bid's parts do not go together.
  static var part: BidRules.Part { get }

  /// The bid that this is the kind of.
  var bid: Bid { get }

  // MARK: The body, the text that the order book keeps

  /// The body's fields after its type.
  var members: [JSONText.Member] { get }
  init(body: JSONValue) throws(JSONProblem)

  // MARK: Files of bids

  /// The key of a JSON file that holds the parts.
  static var fileKey: String { get }
  /// The columns of a CSV file that it reads, beside ref, parent and kind.
  static var columns: [String] { get }
  /// One row of a CSV file, held to the rules.
  init(_ row: BidFile.Row) throws
  /// The parts of a bid in a JSON file, each held to the rules.
  init(_ parts: JSONValue, _ reader: BidFile.Values) throws
  /// This bid with the parts of another after its own; nil where that is of another kind.
  func joined(with other: any BidKind) -> Bid?

  // MARK: Rules

  /// Refuses a number of parts that no bid may have.
  func checkCount() throws(BidRules.Fault)
  /// Refuses each part that the round cannot award.
  func checkParts(_ rules: BidRules) throws(BidRules.Fault)
  /// Refuses parts that do not go together.
  func checkTogether() throws(BidRules.Fault)
  /// Places or curve steps that the engine holds for it, once its parts lie within the round.
  func places(_ length: SlotLength) -> Int
  /// The most GPUs of each pool that it could hold in one slot.
  var gpusAtOnce: [(pool: String, gpus: Int)] { get }
  /// What it asks of the round, one for each limit price.
  var asks: [BidAsk] { get }

  // MARK: Money and words

  /// The most that it can cost, micro-dollars; nobody has looked at its quantities yet.
  func cost(_ length: SlotLength) -> Int128
  /// What a person checks before sending it, some lines.
  func preview(_ length: SlotLength) throws(BidRules.Fault) -> [String]
  /// One line for lists.
  func summary(_ length: SlotLength) -> String
  /// What it adds to the preview of a file: a number of parts, GPU-slots by pool, the periods that it names.
  func extent(_ length: SlotLength) -> BidExtent

  // MARK: Prices

  /// The most that it is worth above the prices if it wins something, micro-dollars; below zero where it must lose.
  func most(above prices: RoundPrices, _ length: SlotLength) -> Int128
  /// What the prices ask of it: an item for each part whose pool has prices.
  func needs(at prices: RoundPrices, _ length: SlotLength) -> [LossReason.Need]

  // MARK: The engine

  /// What the engine may award to it.
  func demand(_ book: BookInstance.Lots) throws(InstanceError) -> BidDemand
  /// A published award in the engine's terms; nil where the bid has no such placement.
  ///
  /// - Parameter uses: in lots, by time.
  func engineAward(alternative: Int?, _ uses: [Use], _ book: BookInstance) -> (placement: Int?, uses: [Use])?
}

/// GPUs of a pool in slots of a period, at one limit price.
struct BidAsk {
  let pool: String
  let period: TimeRange
  /// Each of them may be awarded; none where a part asks for nothing.
  let gpus: [Int]
  /// Consecutive slots of the period that one award takes.
  let slots: Int
  let limit: Price
}

/// How much a bid asks for.
struct BidExtent {
  let parts: Int
  let mostGPUSlots: [String: Int128]
  let periods: [TimeRange]
}

/// A bid as the engine's builder takes it.
enum BidDemand {
  /// - Parameter alternatives: to which alternative each placement belongs, from 0; nil where there is only one.
  case placements([Placement], alternatives: [Int]?)
  case points([CurvePoint])
}

extension Bid {
  /// The kinds' names: `block or curve`.
  static var kindNames: String { kinds.map { $0.name }.joined(separator: " or ") }

  /// The columns that any kind reads.
  static var columns: [String] {
    kinds.reduce(into: []) { all, kind in all += kind.columns.filter { !all.contains($0) } }
  }

  static func kind(named name: String) -> (any BidKind.Type)? { kinds.first { $0.name == name } }
}
