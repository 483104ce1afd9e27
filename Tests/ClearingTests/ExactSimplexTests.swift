import Testing

@testable import Clearing

@Suite("The exact search's simplex equals a textbook one")
struct ExactSimplexTests {
  static func program(_ seed: UInt64, bids: ClosedRange<Int> = 2...6) throws -> Program? {
    let book = Book(try SmallBook(bids: bids).instance(seed: seed))
    guard book.itemCount > 0, let columns = Columns(book, limit: 400) else { return nil }
    return Program(columns)
  }

  /// Bars a few more columns, demands groups and narrows quantities, as a search would.
  static func descend(_ simplex: Simplex, _ random: inout Seeded) {
    var trail = ExactTrail()
    for _ in 0..<random.pick(1...3) {
      let group = random.pick(0...simplex.groups - 1)
      if simplex.program.most[group] > 0 {
        let (least, most) = (Int(simplex.least[group]), Int(simplex.most[group]))
        if random.chance(50) {
          trail.narrow(group, least: Int32(random.pick(least...most)), most: Int32(most), simplex)
        } else {
          trail.narrow(group, least: Int32(least), most: Int32(random.pick(least...most)), simplex)
        }
      } else if random.chance(30) {
        trail.bar(simplex.slack(ofGroup: group), simplex)
      } else {
        trail.bar(simplex.program.columns(group).randomElement(using: &random)!, simplex)
      }
    }
  }

  @Test(arguments: 0..<4)
  func equalsTextbook(block: Int) throws {
    for seed in UInt64(block * 60)..<UInt64(block * 60 + 60) {
      guard let program = try Self.program(seed) else { continue }
      var random = Seeded(seed: seed)
      let simplex = Simplex(program)
      let certificate = NodeCertificate(simplex)
      for depth in 0..<5 {
        simplex.listActive()
        let outcome = simplex.solve(cutoff: -.infinity)
        let expected = TextbookLP(simplex).optimum()
        #expect((outcome == .optimal) == (expected != nil), "seed \(seed), depth \(depth), \(outcome)")
        if let expected {
          #expect(abs(simplex.objective * simplex.scale - expected) < 1e-6, "seed \(seed), depth \(depth)")
        }
        let bound = try #require(certificate.compute())
        if let truth = ExhaustiveProgram(simplex).best {
          #expect(bound >= truth << certificate.shift, "bound, seed \(seed), depth \(depth)")
        }
        if let expected, expected >= 0 {
          // The certificate loses only what rounding costs.
          #expect(bound >> certificate.shift <= Int64(expected + 1), "tight, seed \(seed), depth \(depth)")
        } else if outcome == .infeasible {
          let proof = certificate.compute(alongRay: -1e6)
          #expect(proof.map { $0 < 0 } ?? false, "ray, seed \(seed), depth \(depth)")
          break
        }
        Self.descend(simplex, &random)
      }
    }
  }

  @Test("A state saved is the state loaded, whatever happened between")
  func statesReturn() throws {
    for seed in 300..<340 as Range<UInt64> {
      guard let program = try Self.program(seed) else { continue }
      var random = Seeded(seed: seed)
      let simplex = Simplex(program)
      simplex.listActive()
      _ = simplex.solve(cutoff: -.infinity)
      let before = simplex.objective
      let state = Simplex.State(simplex)
      simplex.save(to: state)
      let barred = simplex.barred.array
      let (least, most) = (simplex.least.array, simplex.most.array)
      Self.descend(simplex, &random)
      _ = simplex.solve(cutoff: -.infinity, limit: 7)
      simplex.barred.copy(from: barred)
      simplex.least.copy(from: least)
      simplex.most.copy(from: most)
      simplex.load(state)
      #expect(simplex.solve(cutoff: -.infinity) == .optimal)
      #expect(abs(simplex.objective - before) < 1e-9, "seed \(seed)")
    }
  }

  @Test("What remains of a program has the welfare of the whole with those choices")
  func settlingKeepsWelfare() throws {
    for seed in 400..<500 as Range<UInt64> {
      guard let program = try Self.program(seed) else { continue }
      var random = Seeded(seed: seed)
      let simplex = Simplex(program)
      let settled: [Int32?] = (0..<program.groupCount).map { group in
        guard random.chance(40) else { return nil }
        if program.most[group] > 0 { return Int32(random.pick(0...Int(program.most[group]))) }
        return random.chance(50) ? -1 : program.columns(group).randomElement(using: &random).map { Int32($0) }
      }
      var trail = ExactTrail()
      for (group, choice) in settled.enumerated() {
        guard let choice else { continue }
        if program.most[group] > 0 {
          trail.narrow(group, least: choice, most: choice, simplex)
        } else {
          for j in program.columns(group) where j != Int(choice) { trail.bar(j, simplex) }
          if choice >= 0 { trail.bar(simplex.slack(ofGroup: group), simplex) }
        }
      }
      let whole = ExhaustiveProgram(simplex).best
      guard let (rest, value) = program.settling(settled, allows: { _ in true }) else {
        #expect(whole == nil, "seed \(seed)")
        continue
      }
      #expect(ExhaustiveProgram(Simplex(rest)).best.map { $0 + value } == whole, "seed \(seed)")
    }
  }
}
