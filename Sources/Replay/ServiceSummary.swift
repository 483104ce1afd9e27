import Files
import Units

/// What an outcome did for the bids of a book: the same measures for the market and for the queue.
public struct ServiceSummary: Hashable, Sendable {
  /// Limit price × GPU-hours, over all bids served: what they are worth to their owners.
  public let value: Money
  /// The value less the reserve price of what they hold: the welfare that the auction maximises.
  public let welfare: Money
  /// GPUs × slots held.
  public let gpuSlots: Int64
  /// Bids with a placement.
  public let bidsServed: Int
  /// Owners of whom at least one bid is served.
  public let ownersServed: Int
  /// From submission to start, over the bids served; of two middle ones their mean, rounded down; nil if none is.
  public let medianWait: TimeSpan?
  private let slotLength: SlotLength

  /// - Parameter outcome: for each bid of the book its placement, nil where it is not served; each must
  ///   be one of the bid's alternatives.
  public init(_ outcome: [ReplayPlacement?], in book: ReplayBook) {
    precondition(outcome.count == book.bids.count, "an outcome has one entry for each bid")
    var value: Int64 = 0
    var reserve: Int64 = 0
    var gpuSlots: Int64 = 0
    var owners: Set<String> = []
    var waits: [Int64] = []
    for (bid, placement) in zip(book.bids, outcome) {
      guard let placement else { continue }
      guard let alternative = bid.alternatives.first(where: { $0.pool == placement.pool }) else {
        preconditionFailure("bid \(bid.job) has no alternative in pool \(placement.pool)")
      }
      let held = Int64(bid.gpus) * Int64(bid.slots)
      gpuSlots += held
      value += held * alternative.limit.microdollarsPerGPUSlot(book.slotLength)
      reserve += held * book.pools[placement.pool].reserve.microdollarsPerGPUSlot(book.slotLength)
      owners.insert(bid.owner)
      waits.append((book.start(ofSlot: placement.start) - bid.submit).seconds)
    }
    waits.sort()
    self.value = Money(microdollars: value)
    welfare = Money(microdollars: value - reserve)
    self.gpuSlots = gpuSlots
    bidsServed = waits.count
    ownersServed = owners.count
    medianWait =
      waits.isEmpty ? nil : TimeSpan(seconds: (waits[(waits.count - 1) / 2] + waits[waits.count / 2]) / 2)
    slotLength = book.slotLength
  }

  /// GPU-hours held, exact: `12345.25`.
  public var gpuHours: String { slotLength.hours(slots: gpuSlots) }

  /// The median wait in hours, rounded down to a tenth: `3.4`; `none` if no bid is served.
  public var medianWaitHours: String {
    guard let medianWait else { return "none" }
    let tenths = medianWait.seconds / 360
    return "\(tenths / 10).\(tenths % 10)"
  }
}

/// Outcomes of one book side by side, as text for a terminal.
public struct ServiceComparison: Sendable {
  /// A name, such as `market (VCG)`, and what that outcome did.
  public let columns: [(name: String, summary: ServiceSummary)]
  private let book: ReplayBook

  /// Columns in the order they are printed.
  public init(_ book: ReplayBook, _ columns: [(name: String, summary: ServiceSummary)]) {
    self.book = book
    self.columns = columns
  }

  /// A table with units, and below it the assumptions that decide part of it.
  public var text: String {
    let rows: [(String, (ServiceSummary) -> String)] = [
      ("value served, USD", { grouped($0.value.dollarsToCent) }),
      ("value less reserve, USD", { grouped($0.welfare.dollarsToCent) }),
      ("GPU-hours served", { grouped($0.gpuHours) }),
      ("bids served of \(book.bids.count)", { "\($0.bidsServed)" }),
      ("companies served of \(book.owners.count) with bids", { "\($0.ownersServed)" }),
      ("median wait, hours", { $0.medianWaitHours }),
    ]
    let table = [[""] + columns.map(\.name)] + rows.map { row in [row.0] + columns.map { row.1($0.summary) } }
    let widths = (0...columns.count).map { column in table.map { $0[column].count }.max() ?? 0 }
    let lines = table.map { cells in
      cells.enumerated().map { column, cell in
        let space = String(repeating: " ", count: widths[column] - cell.count)
        return column == 0 ? cell + space : space + cell
      }.joined(separator: "  ")
    }
    return lines.joined(separator: "\n") + "\n" + book.prices.sentence + "; slack \(book.slack)\n"
  }
}

extension Money {
  /// Whole cents, rounded down, two decimals always.
  fileprivate var dollarsToCent: String { Money(cents: centsRoundedDown).dollars }
}
