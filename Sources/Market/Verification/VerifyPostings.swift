import Units

/// Checks that each award caused one balanced transaction of its payment, rounded down to the cent, charged to its company
/// and on the accounts of that and of its pools.
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
    problems += accountProblems()
    problems += poolProblems()
    problems += chargeProblems()
    problems += byAward.keys.sorted().map { "there is a transaction for \($0), which was not awarded" }
    let paid = Dictionary(grouping: bundle.awards, by: \.company).mapValues { $0.reduce(Int64(0)) { $0 &+ $1.payment } }
    for payment in bundle.payments where paid[payment.company, default: 0] != payment.payment {
      problems.append("the awards of \(payment.company) do not add up to its payment")
    }
    return problems
  }

  /// A company has one receivable account, named after it (ledger.account_of); where names read alike, the
  /// later has a number behind it. Whose it is the ledger says.
  private func accountProblems() -> [String] {
    let company = Dictionary(bundle.awards.map { ($0.id, $0.company) }, uniquingKeysWith: { first, _ in first })
    var problems: [String] = []
    var accountOf: [String: String] = [:]
    var ownerOf: [String: String] = [:]
    for line in bundle.postings where line.kind == "receivable" {
      guard let owner = company[line.award] else { continue }
      let stem = "Assets:Receivable:\(Self.accountWord(owner))"
      let rest = line.account.dropFirst(stem.count)
      let isNumbered = rest.first == "-" && Int(rest.dropFirst()) ?? 0 >= 2
      let isOwn = line.account == stem || line.account.hasPrefix(stem) && isNumbered
      let known = accountOf[owner, default: line.account]
      let holder = ownerOf[line.account, default: owner]
      accountOf[owner] = known
      ownerOf[line.account] = holder
      guard !isOwn || line.company != owner || known != line.account || holder != owner else { continue }
      problems.append(
        "award \(line.award): it is posted to the account \(line.account), which is not that of \(owner)")
    }
    return problems
  }

  /// Of each pool that an award has GPUs of there is one line (ledger.post_round), on the account of its
  /// revenue.
  private func poolProblems() -> [String] {
    let lines = Dictionary(grouping: bundle.postings.filter { $0.kind == "revenue" }, by: \.award)
    var problems: [String] = []
    for award in bundle.awards {
      let revenue = lines[award.id] ?? []
      let posted = revenue.compactMap(\.pool).sorted()
      let awarded = Set(award.uses.map { $0.pool }).sorted()
      guard posted != awarded else { continue }
      problems.append(
        "award \(award.id): its revenue is posted for \(posted.isEmpty ? "no pool" : posted.joined(separator: ", ")), "
          + "and its GPUs are of \(awarded.joined(separator: ", "))")
    }
    return problems
  }

  /// Invoices and statements go by the transaction's own company, whatever its accounts are.
  private func chargeProblems() -> [String] {
    let lines = Dictionary(bundle.postings.map { ($0.award, $0) }, uniquingKeysWith: { first, _ in first })
    return bundle.awards.compactMap { award in
      guard let line = lines[award.id], line.transactionCompany != award.company else { return nil }
      return "award \(award.id): transaction \(line.number) is charged to \(line.transactionCompany ?? "nobody"), "
        + "not to \(award.company)"
    }
  }

  /// As ledger.account_word makes it: every other run of characters is a dash, and the first letter a capital.
  private static func accountWord(_ name: String) -> String {
    var word: [UInt8] = []
    for byte in name.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z") where word.isEmpty: word.append(byte - 32)
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        word.append(byte)
      default: if word.last != UInt8(ascii: "-") { word.append(UInt8(ascii: "-")) }
      }
    }
    return String(decoding: word, as: UTF8.self)
  }
}
