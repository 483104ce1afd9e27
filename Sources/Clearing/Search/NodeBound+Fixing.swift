extension NodeBound {
  /// What reduced-cost fixing changed: how many columns, groups and quantities.
  struct Fixings {
    var forbidden: [Int32] = []
    var must: [Int32] = []
    var quantities = false
    var isEmpty: Bool { forbidden.isEmpty && must.isEmpty && !quantities }
  }

  /// Forbids what cannot be part of a solution worth `target` or more, given the scaled bound just computed, and
  /// demands what must be. Bids in link trees are left alone: their shares depend on one another.
  func fix(bound: Int64, target: Int64) -> Fixings {
    let slack = bound - target << shift
    var fixings = Fixings()
    let book = columns.book
    for group in 0..<columns.groupCount {
      if !book.isLinked.isEmpty, book.isLinked[Int(book.itemBid[group])] { continue }
      if columns.most[group] > 0 {
        narrow(group, slack, &fixings)
        continue
      }
      let best = share[group]
      if !lp.must[group], best > slack {
        lp.must[group] = true
        fixings.must.append(Int32(group))
      }
      for j in columns.columns(group) where !lp.forbidden[j] && best - reduced[j] > slack {
        lp.forbidden[j] = true
        fixings.forbidden.append(Int32(j))
      }
    }
    lp.ticks += columns.columnCount
    return fixings
  }

  private func narrow(_ group: Int, _ slack: Int64, _ fixings: inout Fixings) {
    let unit = reduced[columns.columns(group).lowerBound]
    guard unit != 0, lp.least[group] < lp.most[group] else { return }
    // Each GPU away from the better end costs the unit's reduced value.
    let spare = slack / abs(unit)
    guard spare < Int64(lp.most[group] - lp.least[group]) else { return }
    if unit > 0 {
      lp.least[group] = lp.most[group] - Int32(spare)
    } else {
      lp.most[group] = lp.least[group] + Int32(spare)
    }
    fixings.quantities = true
    lp.markStale()
  }
}
