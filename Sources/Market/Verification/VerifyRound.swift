import Clearing
import Units

/// Checks a published round from its sealed book alone: nothing that the database derived is believed.
public struct VerifyRound: Sendable {
  /// One thing that was checked, and what is wrong with it.
  public struct Finding: Sendable {
    /// What should hold, in words; also what a reader ought to know and is nothing wrong: another effort than the round's.
    public let check: String
    /// Empty where the check passed. Each names the entry, award or company at fault.
    public let problems: [String]
  }

  /// As the auditor exported it; nothing in it is taken for granted.
  public let bundle: VerifyBundle
  /// Statements that the clearing host signed, to compare with.
  public var statement: Statement?
  /// The host's public key as it was handed over.
  public var pinnedKey: String?

  /// Without statement and pinned key; where they are not set, what needs them is not checked.
  public init(_ bundle: VerifyBundle) { self.bundle = bundle }

  /// All checks in order. Later ones are left out where the book itself is not sound.
  ///
  /// - Parameter onCheck: told of each check before it begins.
  public func findings(onCheck: (String) -> Void = { _ in }) -> [Finding] {
    var findings: [Finding] = []
    func check(_ name: String, _ body: () -> [String]) {
      onCheck(name)
      findings.append(Finding(check: name, problems: body()))
    }
    check("every entry has the hash of its fields", sealed.hashProblems)
    check("order, count and root of the seal", seal)
    check(signatures) { [] }
    check(terms, termsProblems)
    if statement != nil { check("the signed closing statement", statementProblems) }
    if bundle.encryption != nil || bundle.entries.contains(where: { $0.opened != nil || $0.refusal != nil }) {
      check("what was opened is what the sealed boxes hold") {
        VerifyBoxes(bundle, pinnedKey: pinnedKey ?? statement.map { hex($0.publicKey) }).problems()
      }
    }
    guard findings.allSatisfy(\.problems.isEmpty), let rule = pricing, let work = effort else { return findings }
    do {
      let book = try sealed.bookWithinLimits()
      let input = try BookInstance(book)
      check("the book that was cleared is the sealed one") {
        hex(input.digest) == bundle.record.instanceDigest
          ? [] : ["the instance's digest is \(hex(input.digest)), published was \(bundle.record.instanceDigest)"]
      }
      check("the published prices give the published price bound") { priceBound(book) }
      onCheck("solving again")
      let solved = clear(input.instance, pricing: rule, effort: work)
      check("awards are feasible and payments within their bounds") {
        published(input, book, solved.rule, opened: rule, work)
      }
      check("welfare, bound and payments, solved again") { solvedAgain(solved, input, book) }
      check("postings") { VerifyPostings(bundle).problems() }
    } catch {
      findings.append(Finding(check: "the sealed book can be read", problems: ["\(error)"]))
    }
    return findings
  }

  private var sealed: SealedEntries { SealedEntries(bundle) }

  /// What was set aside is said and fails nothing: it was by rule, and counted for nothing.
  private var signatures: String {
    let sealed = sealed
    let signed = bundle.entries.count { $0.signature != nil }
    guard !sealed.setAside.isEmpty else {
      return "\(signed) of \(bundle.entries.count) entries carry their company's signature"
    }
    let named = sealed.setAside.sorted { $0.key < $1.key }.prefix(5).map {
      "\(bundle.entries[$0.key].name): \($0.value)"
    }
    return
      "\(sealed.setAside.count) entries are set aside, because signature or history fails: \(named.joined(separator: "; "))"
  }

  private func seal() -> [String] {
    var problems = sealed.sealProblems()
    let gate = bundle.round.gate
    for entry in bundle.entries {
      // Closed early, a round ends before its gate; closed late, its gate counts, as at the door.
      if entry.acceptedAt >= bundle.closedAt {
        problems.append("\(entry.name): it was accepted after the gate had closed")
      } else if let at = try? Instant(iso8601: entry.acceptedAt), at < gate {
        continue
      } else {
        problems.append("\(entry.name): it was accepted at \(entry.acceptedAt), not before the gate, \(gate)")
      }
    }
    let root = sealed.computedRoot
    if root != bundle.record.merkleRoot {
      problems.append("the clearing names the root \(bundle.record.merkleRoot), not \(root)")
    }
    return problems
  }

  private func statementProblems() -> [String] {
    guard let statement else { return [] }
    return statement.problems(
      round: bundle.round.name, entryCount: bundle.entries.count, merkleRoot: bytes(hex: bundle.merkleRoot) ?? [],
      pinnedKey: pinnedKey) + statement.problems(termsOf: sealed, isEncrypted: bundle.isEncrypted)
  }

  /// Nil where this version knows no such rule, or no round is opened with it.
  private var pricing: PricingRule? {
    guard let rule = PricingRule(rawValue: bundle.round.pricing), rule != PricingRule.none else { return nil }
    return rule
  }

  /// Nil where this version knows no such effort.
  private var effort: Effort? {
    guard var effort = Effort(text: bundle.record.effort) else { return nil }
    if bundle.record.stoppedEarly { effort.stopAt = bundle.record.workDone }
    return effort
  }

  /// To clear with another effort is a choice that the operator has (`clear --effort`), and a deadline may stop any
  /// clearing: it is said and fails nothing. But whoever clears can try several, and publish what favours somebody.
  private var terms: String {
    let (record, round) = (bundle.record, bundle.round)
    var text = "pricing and effort are such as this version knows"
    if Effort(text: record.effort) != Effort(text: round.effort) {
      text += "; cleared with effort \(record.effort), the round was opened with \(round.effort)"
    }
    if record.stoppedEarly { text += "; stopped early, after \(record.workDone) units of work" }
    return text
  }

  private func termsProblems() -> [String] {
    var problems: [String] = []
    if pricing == nil { problems.append("the round was opened with pricing \(bundle.round.pricing), which is no rule") }
    if Effort(text: bundle.round.effort) == nil {
      problems.append("the round was opened with effort \(bundle.round.effort), which is none")
    }
    if effort == nil { problems.append("the round was cleared with effort \(bundle.record.effort), which is none") }
    return problems
  }

  /// The published awards under the verifier, which shares no code with the solver.
  private func published(
    _ input: BookInstance, _ book: SealedBook, _ rule: PricingRule, opened pricing: PricingRule, _ effort: Effort
  ) -> [String] {
    let slot = book.round.slotLength.span.seconds
    let position = Dictionary(
      book.entries.enumerated().map { ("\($1.company)/\($1.id)", $0) }, uniquingKeysWith: { first, _ in first })
    let poolAt = Dictionary(book.pools.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    // The verifier reckons in 64 bits, and a bundle may say what it likes.
    var (value, cost, payment) = (Int128(0), Int128(0), Int128(0))
    func isTooMuch(_ sum: inout Int128, _ more: Int128) -> Bool {
      sum += more
      return more < 0 || sum > Int128(Limits.totalValue)
    }
    var awards: [Award] = []
    for award in bundle.awards {
      guard !isTooMuch(&value, Int128(award.value)), !isTooMuch(&payment, Int128(award.payment)),
        award.reserveCost >= 0, award.reserveCost <= Limits.totalValue
      else { return ["award \(award.id): its value or payment is beyond what a whole book may be worth"] }
      guard let bid = position["\(award.company)/\(award.bid)"] else {
        return ["award \(award.id): bid \(award.bid) of \(award.company) is not in the book"]
      }
      var uses: [Use] = []
      for use in award.uses {
        guard let pool = poolAt[use.pool] else { return ["award \(award.id): the round offers no pool \(use.pool)"] }
        guard use.start < use.end, use.start >= book.round.delivery.start, use.end <= book.round.delivery.end,
          (1...10_000_000).contains(use.gpus)
        else { return ["award \(award.id): it holds \(use.gpus) GPUs from \(use.start) to \(use.end)"] }
        uses.append(
          Use(
            pool: pool, firstSlot: Int((use.start - book.round.delivery.start).seconds / slot),
            slots: Int((use.end - use.start).seconds / slot), gpus: use.gpus / book.pools[pool].lotGPUs))
        let reserve = Int128(book.pools[pool].reserve.microdollarsPerGPUSlot(book.round.slotLength))
        guard !isTooMuch(&cost, reserve * Int128(use.gpus) * Int128(uses[uses.count - 1].slots)) else {
          return ["award \(award.id): at reserve it is beyond what a whole book may be worth"]
        }
      }
      guard let found = input.award(bid: bid, alternative: award.alternative, uses: uses, award) else {
        return ["award \(award.id): what it holds is nothing that bid \(award.bid) of \(award.company) asked for"]
      }
      awards.append(found)
    }
    for paid in bundle.payments where ![paid.payment, paid.low, paid.high].allSatisfy((0...Limits.totalValue).contains)
    {
      return ["the payment of \(paid.company) is beyond what a whole book may be worth"]
    }
    let clearing = Clearing(
      published: bundle.record.engineVersion, effort: effort, workDone: bundle.record.workDone,
      stoppedEarly: bundle.record.stoppedEarly, welfare: bundle.record.welfare, bound: bundle.record.bound,
      ties: TieStatus(rawValue: bundle.record.ties) ?? .notGuaranteed, awards: awards, rule: rule,
      payments: bundle.payments.map {
        CompanyPayment(company: $0.company, payment: $0.payment, low: $0.low, high: $0.high, exact: $0.exact)
      })
    return Verifier.problems(of: clearing, in: input.instance, pricing: pricing)
  }

  private func priceBound(_ book: SealedBook) -> [String] {
    let mine = RoundPrices(
      book.pools.map { pool in
        .init(pool: pool.name, lotGPUs: pool.lotGPUs, microdollarsPerLotSlot: bundle.record.prices[pool.name] ?? [])
      }, in: book.round
    ).bound(of: book)
    return mine == bundle.record.priceBound
      ? []
      : [
        "the prices bound the welfare by \(Money(microdollars: mine)), published was "
          + "\(Money(microdollars: bundle.record.priceBound))"
      ]
  }

  /// A proof may rest on search: the same effort on the same book gives the same result, to the byte.
  private func solvedAgain(_ clearing: Clearing, _ input: BookInstance, _ book: SealedBook) -> [String] {
    guard bundle.record.engineVersion == engineVersion else {
      return [
        "it was cleared by engine \(bundle.record.engineVersion); this is \(engineVersion): verify with that version"
      ]
    }
    let record = bundle.record
    var problems: [String] = []
    func compare(_ what: String, _ mine: Int64, _ theirs: Int64) {
      guard mine != theirs else { return }
      problems.append(
        "\(what) is \(Money(microdollars: mine)) when solved again, published was \(Money(microdollars: theirs))")
    }
    compare("the welfare", clearing.welfare, record.welfare)
    compare("the bound", clearing.bound, record.bound)
    if clearing.proven != record.proven { problems.append("it was published as \(record.proven ? "" : "not ")proven") }
    if clearing.ties.rawValue != record.ties { problems.append("its ties were published as \(record.ties)") }
    if clearing.rule.rawValue != record.pricedBy {
      problems.append("solved again it is priced by \(clearing.rule.rawValue), published was \(record.pricedBy)")
    }
    if clearing.awards.count != bundle.awards.count {
      problems.append("solved again it has \(clearing.awards.count) awards, published were \(bundle.awards.count)")
    }
    for (mine, theirs) in zip(clearing.awards, bundle.awards) {
      let entry = input.entry(ofBid: mine.bid)
      guard entry.company == theirs.company, entry.id == theirs.bid, input.alternative(of: mine) == theirs.alternative
      else {
        problems.append(
          "award \(theirs.id) went to bid \(theirs.bid) of \(theirs.company), not to \(entry.id) of \(entry.company)")
        continue
      }
      compare("award \(theirs.id): its payment", mine.payment ?? mine.reserveCost, theirs.payment)
      compare("award \(theirs.id): its value", mine.value, theirs.value)
      compare("award \(theirs.id): its reserve cost", mine.reserveCost, theirs.reserveCost)
      let slots = mine.uses.reduce(0) { $0 + $1.gpus * input.lotGPUs(ofPool: $1.pool) * $1.slots }
      if Int64(slots) != theirs.gpuSlots {
        problems.append("award \(theirs.id): it holds \(slots) GPU-slots, not \(theirs.gpuSlots)")
      }
    }
    if clearing.payments.count != bundle.payments.count { problems.append("other companies pay when solved again") }
    for (mine, theirs) in zip(clearing.payments, bundle.payments) {
      if mine.company != theirs.company {
        problems.append("\(mine.company) pays when solved again, not \(theirs.company)")
      }
      compare("the payment of \(theirs.company)", mine.payment, theirs.payment)
      compare("the low end of the payment of \(theirs.company)", mine.low, theirs.low)
      compare("the high end of the payment of \(theirs.company)", mine.high, theirs.high)
    }
    let digest = hex(ClearingRecord(clearing, of: input, book).digest)
    if digest != record.resultDigest {
      problems.append("the result's digest is \(digest) when solved again, published was \(record.resultDigest)")
    }
    return problems
  }
}
