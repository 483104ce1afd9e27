import Units

/// A table as a statement shows it: once for the terminal, once for the page.
struct StatementTable {
  let title: String
  let columns: [(name: String, isNumber: Bool)]
  var rows: [[String]] = []
  /// What stands where there are no rows.
  let empty: String

  func text() -> String {
    guard !rows.isEmpty else { return "\(title)\n  \(empty)\n" }
    let widths = columns.indices.map { at in
      max(columns[at].name.count, rows.map { $0[at].count }.max() ?? 0)
    }
    func line(_ cells: [String]) -> String {
      var text = " "
      for (at, cell) in cells.enumerated() {
        let space = String(repeating: " ", count: widths[at] - cell.count)
        text += " " + (columns[at].isNumber ? space + cell : cell + space)
        if at < cells.count - 1 { text += " " }
      }
      while text.last == " " { text.removeLast() }
      return text + "\n"
    }
    return title + "\n" + line(columns.map(\.name)) + rows.map(line).joined()
  }
}

extension Statement {
  /// The account, one line each.
  var account: [(label: String, cents: Int64)] {
    [
      ("Opening balance", openingCents), ("Charges", chargedCents), ("Credits", creditedCents), ("Tax", taxCents),
      ("Payments", paidCents), ("Closing balance", closingCents),
    ]
  }

  /// What a reader has to know of the figures.
  var note: String {
    isClosed
      ? "The period \(period) is closed: these figures are final."
      : "The period \(period) is still open: these figures may change."
  }

  var tables: [StatementTable] {
    var byDay = StatementTable(
      title: "Won, by day and pool",
      columns: [
        ("day (UTC)", false), ("pool", false), ("awards", true), ("GPU-hours", true), ("at limit USD", true),
        ("charged USD", true), ("saved USD", true),
      ], empty: "nothing was won")
    for day in days {
      byDay.rows.append([
        day.day, day.pool, String(day.awards), gpuHours(seconds: day.gpuSeconds), day.value.cell(.exact),
        dollars(cents: day.cents), day.saved.cell(.exact),
      ])
    }
    var lines = StatementTable(
      title: "Charges and credits",
      columns: [
        ("booked (UTC)", false), ("what", false), ("round", false), ("pool", false), ("delivery (UTC)", false),
        ("GPU-hours", true), ("limit USD/GPU-h", true), ("price USD/GPU-h", true), ("amount USD", true),
        ("reference", false),
      ], empty: "none")
    for line in charges {
      let delivery = line.startsAt.map { "\(short($0))/\(short(line.endsAt ?? ""))" } ?? ""
      let hours = line.gpuSeconds == 0 ? "" : gpuHours(seconds: line.gpuSeconds)
      lines.rows.append([
        line.bookedOn, line.kind, line.round ?? "", line.pool ?? "", delivery, hours,
        line.value.flatMap { pricePerGPUHour(microdollars: $0, seconds: line.gpuSeconds, decimals: 4) } ?? "",
        line.gpuSeconds == 0
          ? ""
          : pricePerGPUHour(
            microdollars: line.cents * Money.microdollarsPerCent, seconds: line.gpuSeconds, decimals: 4) ?? "",
        dollars(cents: line.cents),
        [line.creditNote, line.award, line.award == nil ? line.invoice : nil].compactMap { $0 }.joined(separator: " "),
      ])
    }
    var money = StatementTable(
      title: "Payments and deposits",
      columns: [("booked (UTC)", false), ("what", false), ("amount USD", true), ("reference", false)], empty: "none")
    for moved in movements {
      money.rows.append([moved.bookedOn, moved.kind, dollars(cents: moved.cents), moved.reference])
    }
    var asked = StatementTable(
      title: "Bids in published rounds",
      columns: [
        ("round", false), ("bid", false), ("accepted (UTC)", false), ("most USD", true), ("outcome", false),
        ("pays USD", true), ("award", false), ("receipt", false),
      ], empty: "none")
    for bid in bids {
      asked.rows.append([
        bid.round, bid.bid, bid.acceptedAt.prefix(19) + "Z", bid.most.cell(.exact),
        bid.award == nil ? "not awarded" : "won",
        bid.payment?.cell(.exact) ?? "", bid.award ?? "", String(bid.receipt.prefix(16)),
      ])
    }
    return [byDay, lines, money, asked]
  }

  /// For a terminal or a mail.
  public var text: String {
    var text = "Statement of \(company), \(period) (UTC), amounts in USD\n\(note)\n\n"
    let width = account.map { dollars(cents: $0.cents).count }.max() ?? 0
    for (label, cents) in account {
      let amount = dollars(cents: cents)
      text += "  " + label.padded(to: 18) + String(repeating: " ", count: width - amount.count) + amount + "\n"
    }
    text += "  saved against the limits \(saved), deposit held \(Money(cents: depositCents))\n"
    for invoice in invoices {
      text += "  invoice \(invoice.number) of \(invoice.issuedOn), due \(invoice.dueOn): net "
      text += "\(dollars(cents: invoice.netCents)), tax \(invoice.taxRateText) \(dollars(cents: invoice.taxCents)), "
      text += "total \(dollars(cents: invoice.totalCents)), open \(dollars(cents: invoice.openCents))\n"
    }
    return text + "\n" + tables.map { $0.text() }.joined(separator: "\n")
  }

  /// To the minute where the seconds are zero.
  private func short(_ instant: String) -> String {
    instant.hasSuffix(":00Z") ? String(instant.dropLast(4)) + "Z" : instant
  }
}

extension String {
  func padded(to width: Int) -> String { count >= width ? self : self + String(repeating: " ", count: width - count) }
}
