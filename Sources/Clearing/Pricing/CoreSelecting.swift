/// Core-selecting payments: the payments nearest to VCG that no coalition could block.
///
/// Under VCG a coalition of companies may have offered more, in total, than the winners pay. Constraints are found
/// one by one (Day and Raghavan 2007): with every winner's bids lowered by the surplus it would keep, an allocation
/// worth more than all payments together shows a coalition that blocks them. The payments are the point of the core
/// nearest to VCG (in the spirit of Day and Cramton 2012), so none can be lowered alone.
/// Every step must be proven; where one is not, VCG payments stand, and the clearing says so.
extension Draft {
  /// All searches for blocking companies together get so many times the effort of the allocation, beside VCG's.
  private static let coreShare = 10

  mutating func payCoreSelecting() {
    payVCG()
    guard solver.welfare == solver.bound, payments.allSatisfy(\.exact), !solver.work.stoppedEarly else { return }
    solver.work.boundary()
    let companies = winners
    let net = companies.map { netValue(of: $0) }
    let cost = companies.map { company in
      awards.reduce(Int64(0)) { $0 + (instance.company(ofBid: $1.bid) == company ? $1.reserveCost : 0) }
    }
    let vcg = payments.indices.map { payments[$0].payment - cost[$0] }
    var constraints: [CoreConstraint] = []
    var pay = vcg
    var budget = Draft.coreShare * solver.work.budget
    for _ in 0..<200 {
      let surplus = Dictionary(uniqueKeysWithValues: zip(companies, zip(net, pay).map { $0 - $1 }))
      var blocking = Solver(book.charging(surplus), work: Work(ticks: budget, of: solver.work))
      blocking.rulesTies = false
      // With all charges paid the allocation is worth what the winners pay: a coalition that blocks is worth more.
      blocking.run(from: solver.floatPrices, held: blocking.book.charged(solver.best, of: book))
      budget -= min(budget, blocking.work.ticks)
      solver.work.take(blocking.work)
      solver.work.boundary()
      guard blocking.welfare == blocking.bound, !solver.work.stoppedEarly else { return }
      if blocking.welfare <= pay.reduce(0, +) {
        payments = []
        for (index, company) in companies.enumerated() {
          charge(company, low: pay[index], high: pay[index], exact: true)
        }
        rule = .coreSelecting
        return
      }
      // Winners outside the coalition must together pay what it offers beyond what its own winners pay.
      let inside = blocking.book.winningCompanies(blocking.best)
      var constraint = CoreConstraint(members: [], least: blocking.welfare)
      for index in companies.indices {
        if inside.contains(companies[index]) {
          constraint.least -= pay[index]
        } else {
          constraint.members.append(index)
        }
      }
      constraints.append(constraint)
      pay = nearest(to: vcg, constraints, most: net)
    }
  }
}

/// The payments of `members` sum to at least `least` micro-dollars.
struct CoreConstraint {
  var members: [Int]
  var least: Int64
}

/// Whole payments nearest to `start` that meet every constraint, none above `most`.
///
/// Hildreth's method (1957): each constraint's multiplier is corrected in turn until all hold. Payments only ever
/// rise above `start`. What rounding leaves is set right in whole numbers: first up until all constraints hold,
/// then down where one can be lowered.
func nearest(to start: [Int64], _ constraints: [CoreConstraint], most: [Int64]) -> [Int64] {
  var raise = [Double](repeating: 0, count: start.count)
  var multiplier = [Double](repeating: 0, count: constraints.count)
  var ceiling = [Double](repeating: 0, count: start.count)
  for _ in 0..<2000 {
    var change = 0.0
    for (index, constraint) in constraints.enumerated() where !constraint.members.isEmpty {
      let need = Double(constraint.least - constraint.members.reduce(0) { $0 + start[$1] })
      let missing = need - constraint.members.reduce(0.0) { $0 + raise[$1] }
      let step = max(-multiplier[index], missing / Double(constraint.members.count))
      multiplier[index] += step
      for member in constraint.members { raise[member] += step }
      change = max(change, abs(step))
    }
    for index in start.indices {
      // The bid is a constraint like the others, from above.
      let step = max(-ceiling[index], raise[index] - Double(most[index] - start[index]))
      ceiling[index] += step
      raise[index] -= step
      change = max(change, abs(step))
    }
    if change < 0.01 { break }
  }
  var pay = start.indices.map { min(most[$0], start[$0] + Int64(max(0, raise[$0]).rounded(.up))) }
  for constraint in constraints {
    var missing = constraint.least - constraint.members.reduce(0) { $0 + pay[$1] }
    for member in constraint.members where missing > 0 {
      let step = min(missing, most[member] - pay[member])
      pay[member] += step
      missing -= step
    }
  }
  for index in pay.indices.reversed() {
    var spare = pay[index] - start[index]
    for constraint in constraints where constraint.members.contains(index) {
      spare = min(spare, constraint.members.reduce(0) { $0 + pay[$1] } - constraint.least)
    }
    pay[index] -= max(0, spare)
  }
  return pay
}

extension Book {
  /// The same bids, but a company that wins anything gives up its charge once.
  ///
  /// The charge is a bid of its own, without rows and of negative value, to which the company's bids are linked.
  func charging(_ charges: [Int: Int64]) -> Book {
    var draft = BookDraft(capacity: capacity, lineLength: lineLength)
    for bid in 0..<bidCount {
      for item in items(ofBid: bid) {
        for option in options(ofItem: item) {
          var rectangles: [Rectangle] = []
          forEachRectangle(option) { rectangles.append($0) }
          draft.addOption(value: value[option], rectangles: rectangles, low: lowest(option), tag: tag[option])
        }
        draft.closeItem()
      }
      draft.closeBid(index: Int(bidIndex[bid]), company: company[bid], parent: parent[bid])
    }
    for (owner, charge) in charges.sorted(by: { $0.key < $1.key }) where charge > 0 {
      let gate = Int32(draft.bidIndex.count)
      draft.addOption(value: -charge, rectangles: [Rectangle(start: 0, end: 0, gpus: 1)], low: 1, tag: 0)
      draft.closeItem()
      draft.closeBid(index: Int(Int32.max) - owner, company: Int32(owner), parent: -1)
      for bid in 0..<bidCount where Int(company[bid]) == owner && parent[bid] < 0 { draft.parent[bid] = gate }
    }
    return Book(draft)
  }

  /// A selection of the book that this one charges, with the gates of its winners: they stand behind that book's items.
  func charged(_ selection: Selection, of book: Book) -> Selection {
    let winners = book.winningCompanies(selection)
    var result = adapted(selection, from: book)
    for item in book.itemCount..<itemCount where winners.contains(Int(company[Int(itemBid[item])])) {
      (result.option[item], result.quantity[item]) = (optionFirst[item], 1)
    }
    return result
  }

  func winningCompanies(_ selection: Selection) -> Set<Int> {
    var result: Set<Int> = []
    for item in 0..<itemCount where selection.option[item] >= 0 { result.insert(Int(company[Int(itemBid[item])])) }
    return result
  }
}
