import Units

extension Statement {
  /// A page that prints well on A4 or Letter and needs nothing from the network.
  public var html: String {
    var body = """
      <h1>Statement of \(escaped(company))</h1>
      <p>\(period), UTC calendar month; amounts in US dollars. \(note)</p>
      <h2>Account</h2><table class="account">

      """
    for (label, cents) in account {
      body += "<tr><td>\(label)</td><td class=\"n\">\(dollars(cents: cents))</td></tr>\n"
    }
    body += "</table>\n<p>Saved against the limits: \(saved). Deposit held: \(Money(cents: depositCents)).</p>\n"
    for invoice in invoices {
      body += "<p>Invoice \(invoice.number) of \(invoice.issuedOn), due \(invoice.dueOn): net "
      body += "\(Money(cents: invoice.netCents)), tax \(invoice.taxRateText) \(Money(cents: invoice.taxCents)), total "
      body += "\(Money(cents: invoice.totalCents)), open \(Money(cents: invoice.openCents)).</p>\n"
    }
    return page(title: "Statement \(company) \(period)", body: body + tables.map(\.html).joined())
  }
}

extension StatementTable {
  var html: String {
    guard !rows.isEmpty else { return "<h2>\(escaped(title))</h2><p>\(escaped(empty))</p>\n" }
    func cells(_ texts: [String], _ tag: String, _ content: (String) -> String) -> String {
      zip(columns, texts).map { column, text in
        "<\(tag)\(column.isNumber ? " class=\"n\"" : "")>\(content(text))</\(tag)>"
      }.joined()
    }
    let head = "<thead><tr>\(cells(columns.map(\.name), "th", unbroken))</tr></thead>"
    let body = rows.map { "<tr>\(cells($0, "td", unbroken))</tr>" }.joined(separator: "\n")
    return "<h2>\(escaped(title))</h2><div class=\"wide\"><table>\(head)<tbody>\n\(body)\n</tbody></table></div>\n"
  }
}

/// Text that a narrow column breaks at blanks and between the ends of a period, never within a date or a name.
private func unbroken(_ text: String) -> String {
  text.split(separator: " ", omittingEmptySubsequences: false).map { word in
    word.split(separator: "/", omittingEmptySubsequences: false).map { part in
      part.contains("-") ? "<span>\(escaped(String(part)))</span>" : escaped(String(part))
    }.joined(separator: "/<wbr>")
  }.joined(separator: " ")
}

func escaped(_ text: String) -> String {
  text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    .replacing("\"", with: "&quot;")
}

/// A page of its own, styled for screen and print, that needs nothing from the network.
func page(title: String, body: String) -> String {
  """
  <!doctype html>
  <html lang="en"><head><meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>\(escaped(title))</title>
  <style>
  :root { color-scheme: light; }
  body { font: 10pt/1.4 system-ui, sans-serif; color: #111; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
  p { margin: .2rem 0; color: #444; }
  table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
  th, td { text-align: left; padding: .2rem .5rem .2rem 0; border-bottom: 1px solid #ddd; vertical-align: top; }
  th { font-weight: 600; } th span, td span { white-space: nowrap; } .n { text-align: right; } .account { width: auto; min-width: 22rem; }
  .account tr:last-child td { font-weight: 700; border-top: 2px solid #111; }
  .wide { overflow-x: auto; } code { font-size: .85em; }
  @page { size: auto; margin: 15mm; }
  @media print { body { margin: 0; padding: 0; max-width: none; font-size: 8pt; } thead { display: table-header-group; }
    tr { break-inside: avoid; } h2 { break-after: avoid; } .wide { overflow: visible; } }
  </style></head><body>
  \(body)</body></html>

  """
}
