import Units

/// Checks that each award caused one balanced transaction of its payment, rounded down to the cent.
struct VerifyPostings {
  let bundle: VerifyBundle

  init(_ bundle: VerifyBundle) { self.bundle = bundle }

  func problems() -> [String] {
    var problems: [String] = []
    var byAward: [String: [VerifyBundle.Posting]] = [:]
    for posting in bundle.postings { byAward[posting.award, default: []].append(posting) }
    for award in bundle.awards {
      let lines = byAward.removeValue(forKey: award.id) ?? []
      let charged = lines.filter { $0.kind == "receivable" }.reduce(Int64(0)) { $0 &+ $1.cents }
      if Set(lines.map(\.number)).count != 1 {
        problems.append("award \(award.id): it has \(Set(lines.map(\.number)).count) transactions instead of one")
      } else if lines.reduce(Int64(0), { $0 &+ $1.cents }) != 0 {
        problems.append("award \(award.id): transaction \(lines[0].number) does not balance")
      } else if charged != award.payment / 10_000 {
        // As cents where it is no amount of money.
        let shown = Money(microdollars: Money.microdollarsPerCent).times(charged).map { "\($0)" } ?? "\(charged) cents"
        problems.append(
          "award \(award.id): \(shown) is posted for a payment of \(Money(microdollars: award.payment))")
      }
    }
    problems += byAward.keys.sorted().map { "there is a transaction for \($0), which was not awarded" }
    let paid = Dictionary(grouping: bundle.awards, by: \.company).mapValues { $0.reduce(Int64(0)) { $0 &+ $1.payment } }
    for payment in bundle.payments where paid[payment.company, default: 0] != payment.payment {
      problems.append("the awards of \(payment.company) do not add up to its payment")
    }
    return problems
  }
}
