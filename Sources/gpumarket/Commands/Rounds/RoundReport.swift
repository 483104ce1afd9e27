import Clearing
import Files
import Market
import Units

extension RoundFigures {
  /// The report for a terminal.
  var text: String {
    var lines: [String] = []
    lines.append(
      "round \(round.name), \(round.pricing), delivery \(round.delivery), published \(totals.publishedAt.iso8601ToSecond)"
    )
    if let said = fallbackText(from: round.pricing, to: totals.pricing) { lines.append("  \(said)") }
    lines.append("  bids         \(grouped(totals.bids)) from \(totals.companiesBidding) companies")
    lines.append("  awards       \(grouped(totals.awards)) to \(totals.companiesAwarded) companies")
    lines.append("  welfare      \(totals.welfare.cell(.cents)) USD above reserve cost")
    let certificate =
      totals.isProven
      ? "0: proven, no allocation is worth more"
      : "\(percentUp(totals.gap)): no allocation is worth more than \(totals.bound.cell(.centsUp)) USD"
    lines.append("  certified gap \(certificate)")
    lines.append(
      "  price bound  \(totals.priceBound.cell(.centsUp)) USD, by the published prices alone: gpumarket round prices \(round.name)"
    )
    lines.append(
      "  ties         "
        + (totals.ties == TieStatus.ruled.rawValue
          ? "broken by the rule: no other allocation of equal welfare precedes this one"
          : "not guaranteed: another allocation of equal welfare might precede this one"))
    lines.append(
      "  revenue      \(totals.revenue.cell(.cents)) USD, of \(totals.bidValue.cell(.cents)) USD bid by the winners")
    if totals.stoppedEarly {
      lines.append("  solving stopped early, before delivery; effort reached: \(totals.workDone) work units")
    }
    lines.append("")
    var used = Table(("pool", .left), ("offered GPU-h", .right), ("awarded GPU-h", .right), ("utilisation", .right))
    for pool in utilisation {
      used.add(
        pool.pool, round.slotLength.hours(slots: pool.offeredGPUSlots),
        round.slotLength.hours(slots: pool.awardedGPUSlots),
        percent(pool.awardedGPUSlots, of: pool.offeredGPUSlots))
    }
    lines.append(used.text(indent: 2))
    let dear = dearest(5)
    if dear.isEmpty {
      lines.append("")
      lines.append("  dearest hours: none is scarce, every price is the reserve price")
    } else {
      var table = Table(("dearest hours (UTC)", .left), ("pool", .left), ("price USD/GPU-hour", .right))
      for hour in dear {
        table.add(
          "\(round.start(ofSlot: hour.slot))", hour.line.pool,
          dollarsPerGPUHour(hour.microdollarsPerLot, gpuSlots: Int64(hour.line.lotGPUs), round.slotLength))
      }
      lines.append("")
      lines.append(table.text(indent: 2))
    }
    if !companies.isEmpty {
      var table = Table(
        ("company", .left), ("awards", .right), ("GPU-h", .right), ("bid USD", .right), ("pays USD", .right),
        ("USD/GPU-hour", .right), ("payment at most, USD", .right))
      for company in companies {
        table.add(
          company.company, "\(company.awards)", round.slotLength.hours(slots: company.gpuSlots),
          company.value.cell(.cents),
          company.payment.cell(.cents),
          dollarsPerGPUHour(company.payment.microdollars, gpuSlots: company.gpuSlots, round.slotLength),
          company.isExact ? "exact" : company.high == company.value ? "the bid" : company.high.cell(.centsUp))
      }
      lines.append("")
      lines.append(table.text(indent: 2))
      if companies.contains(where: { !$0.isExact }) {
        let exact = companies.count(where: \.isExact)
        lines.append("  intervals: \(widthText(exact: exact, of: companies.count, mean: meanWidth))")
        lines.append(
          "  where the payment is not exact it lies between what is charged and the last column: the low end is charged"
        )
      }
    }
    return lines.joined(separator: "\n")
  }
}
