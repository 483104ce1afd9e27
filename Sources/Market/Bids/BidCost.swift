import Units

// What a bid can cost. In 128 bits: nobody has looked at the quantities yet.
extension Bid {
  /// The most that one bid may cost, micro-dollars: the door refuses more.
  private static let mostMicrodollars = Int128(1_000_000_000) * Int128(Money.microdollarsPerDollar)

  /// The most this bid can cost, micro-dollars.
  func cost(_ length: SlotLength) -> Int128 { kind.cost(length) }

  /// The most this bid can cost; the largest amount where it is beyond any.
  public func worstCase(_ length: SlotLength) -> Money { Money(microdollars: Int64(clamping: cost(length))) }

  /// The same, of a bid that a person is about to send.
  ///
  /// - Throws: `BidRules.Fault` for a bid that could cost more than the door lets a bid cost.
  public func checkedWorstCase(_ length: SlotLength) throws(BidRules.Fault) -> Money {
    let cost = cost(length)
    guard cost <= Self.mostMicrodollars else {
      throw BidRules.Fault(
        .limit,
        "the bid could cost more than \(Money(microdollars: Int64(Self.mostMicrodollars))), the most that one bid may",
        "check the units: GPUs, hours, and US dollars per GPU-hour")
    }
    return Money(microdollars: Int64(cost))
  }

  /// What a sealed bid declares beside its box: the worst case, rounded up to two digits. The exact product of price, GPUs
  /// and slots could be factored. It takes up to a tenth more of the credit until the book is published.
  public func declaredExposure(_ length: SlotLength) -> Money {
    let worst = worstCase(length).microdollars
    var unit: Int64 = 1
    while worst / unit >= 100 { unit *= 10 }
    // Far beyond what a bid may cost there is no larger number; the door refuses it as it stands.
    let (rounded, isTooLarge) = (worst / unit + (worst % unit == 0 ? 0 : 1))
      .multipliedReportingOverflow(by: unit)
    return Money(microdollars: isTooLarge ? worst : rounded)
  }
}

extension BlockAlternative {
  /// Micro-dollars at its limit.
  func cost(_ length: SlotLength) -> Int128 {
    product(Int128(limit.microdollarsPerGPUSlot(length)), product(Int128(gpus), Int128(slots)))
  }
}

extension CurveSegment {
  /// Slots of its period.
  func slots(_ length: SlotLength) -> Int64 { period.length.seconds / length.span.seconds }

  /// Micro-dollars of all its steps in every slot.
  func cost(_ length: SlotLength) -> Int128 {
    steps.reduce(0) { total, step in
      boundedSum(
        total,
        product(Int128(step.limit.microdollarsPerGPUSlot(length)), product(Int128(step.gpus), Int128(slots(length)))))
    }
  }
}

/// Beyond any amount of money, and far from overflow itself.
private let most = Int128.max / 4

/// The same for a sum.
func boundedSum(_ a: Int128, _ b: Int128) -> Int128 { min(most, min(a, most) + min(b, most)) }

private func product(_ a: Int128, _ b: Int128) -> Int128 {
  let (value, overflow) = a.multipliedReportingOverflow(by: b)
  return overflow ? most : min(value, most)
}
