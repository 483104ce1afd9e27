import Files
import Market
import TestSupport
import Testing
import Units

@Suite("Bid files")
struct BidFileTests {
  let round: Round
  let pools: [OfferedPool]

  init() throws {
    let market = try TestMarket()
    try market.addPool()
    try market.addPool("a100", lot: 16)
    var connection = try market.asOperator()
    round = try Rounds.named(market.openRound(), &connection)
    pools = try Rounds.pools(of: round.name, &connection)
  }

  func read(_ text: String) throws -> [BidFile.Item] {
    try BidFile.read(Array(text.utf8), source: "bids", round: round, pools: pools)
  }

  let header = "ref,pool,gpus,hours,window,limit,min_gpus,parent,kind,steps\n"
  let window = "2036-12-01T00:00Z/P1D"

  @Test func csvAndJSONSayTheSame() throws {
    let csv = try read(
      header + "a,h100,16,4,\(window),2.40,8,,,\na,a100,32,8,\(window),1.20,,,,\nb,h100,8,1,\(window),2,,a,,\n"
        + "c,h100,,,\(window),,,,curve,8@3.10 16@2.00\n")
    let json = try read(
      """
      [{"ref": "a", "alternatives": [
          {"pool": "h100", "gpus": 16, "hours": 4, "window": "\(window)", "limit": "2.40", "min_gpus": 8},
          {"pool": "a100", "gpus": 32, "hours": "8", "window": "\(window)", "limit": 1.20}]},
       {"ref": "b", "parent": "a", "alternatives": [
          {"pool": "h100", "gpus": 8, "hours": 1, "window": "\(window)", "limit": "2"}]},
       {"ref": "c", "curve": [{"pool": "h100", "window": "\(window)", "steps": [[8, "3.10"], [16, "2.00"]]}]}]
      """)
    #expect(csv.map(\.bid) == json.map(\.bid))
    #expect(csv.map(\.parent) == [nil, "#1", nil])
    #expect(json.map(\.parent) == [nil, "#1", nil])
  }

  @Test func parentsComeFirstWhereverTheyStand() throws {
    let items = try read(
      header + "x,h100,8,1,\(window),2,,y,,\ny,h100,8,1,\(window),2,,z,,\nz,h100,8,1,\(window),2,,b_known,,\n")
    #expect(items.map(\.ref) == ["z", "y", "x"])
    #expect(items.map(\.parent) == ["b_known", "#1", "#2"])
  }

  @Test func everyMistakeIsShownWithItsPlace() throws {
    let errors = #expect(throws: BidFile.Errors.self) {
      try read(
        header + "a,h100,sixteen,4,\(window),2.40,,,,\nb,h100,8,4,2036-12-01T00:00/P1D,2.40,,,,\n"
          + "c,h100,8,4,\(window),2.40001,,,,\nd,h100,8,0.3,\(window),2.40,,,,\n,h100,8,4,\(window),2.40,,,,\n")
    }
    let problems = try #require(errors?.problems)
    #expect(problems.count == 5)
    for (problem, (line, words)) in zip(
      problems,
      [
        (2, "sixteen"), (3, "zone is missing"), (4, "finer than the tick"), (5, "whole, positive number of slots"),
        (6, "ref is empty"),
      ])
    {
      #expect(problem.contains("line \(line), column") && problem.contains(words), "\(problem)")
    }
    #expect(problems[1].contains("delivers in 2036-12-01T00:00Z/2036-12-02T00:00Z"))
  }

  /// What the door would refuse is found in the file, in one pass with mistakes of form, each at its own field.
  @Test func theRoundsRulesAreHeldToInTheFile() throws {
    for (row, column, words) in [
      ("h200,8,4,2036-12-01T00:00Z/P1D,2.40,,,,", 3, "offers no pool"),
      ("h100,9,4,2036-12-01T00:00Z/P1D,2.40,,,,", 8, "no multiple of the lot"),
      ("h100,72,4,2036-12-01T00:00Z/P1D,2.40,,,,", 8, "more than h100 ever has"),
      ("h100,16,4,2036-12-01T00:00Z/P1D,2.40,24,,,", 40, "more than the 16 GPUs"),
      ("h100,8,4,2036-12-01T00:00Z/P2D,2.40,,,,", 12, "outside the round"),
      ("h100,8,4,2036-12-01T00:30Z/PT6H,2.40,,,,", 12, "slot of 60 minutes"),
      ("h100,8,25,2036-12-01T00:00Z/P1D,2.40,,,,", 10, "do not fit the window"),
      ("h100,8,4,2036-12-01T00:00Z/P1D,0.40,,,,", 34, "below the reserve price"),
      ("h100,8,4,2036-12-01T00:00Z/P1D,2.40,,,,8@2", 42, "says nothing of a block"),
      ("h100,8,,2036-12-01T00:00Z/P1D,,,,curve,8@2", 8, "says nothing of a curve"),
      ("h100,,,2036-12-01T00:00Z/P1D,2.40,,,curve,8@2", 32, "says nothing of a curve"),
      ("h100,,,2036-12-01T00:00Z/P1D,,,,curve,8@2 8@3", 41, "must fall"),
      ("h100,,,2036-12-01T00:00Z/P1D,,,,curve,12@2", 41, "no multiple of the lot"),
      ("h100,,,2036-12-01T00:00Z/P1D,,,,curve,99999999999@2", 41, "is not GPUS@LIMIT"),
      ("h100,,,2036-12-01T00:00Z/P1D,,,,curve,+8@2", 41, "is not GPUS@LIMIT"),
      ("h100,,,2036-12-01T00:00Z/P1D,,,,curve,", 41, "1 to 100 steps"),
    ] {
      let errors = #expect(throws: BidFile.Errors.self) {
        try read(header + "x,h100,sixteen,4,\(window),2.40,,,,\na,\(row)\n")
      }
      let problems = try #require(errors?.problems)
      #expect(problems.count == 2)
      #expect(problems.last?.hasPrefix("bids line 3, column \(column) (") == true, "\(problems)")
      #expect(problems.last?.contains(words) == true, "\(problems)")
    }
  }

  @Test func theRoundsRulesAreHeldToInJSON() throws {
    let errors = #expect(throws: BidFile.Errors.self) {
      try read(
        """
        [{"ref": "a", "alternatives": [
          {"pool": "h100", "gpus": 9, "hours": 4, "window": "\(window)", "limit": "2.40"}]},
         {"ref": "b", "curve": [{"pool": "h100", "window": "\(window)", "steps": [[8, "0.10"]]}]}]
        """)
    }
    let problems = try #require(errors?.problems)
    #expect(problems.count == 2)
    #expect(problems.first?.hasPrefix("bids line 2, column 28 ") == true, "\(problems)")
    #expect(problems.last?.hasPrefix("bids line 3, column 86 ") == true, "\(problems)")
  }

  @Test func whatTheRowsOfABidAreTogetherIsHeldToTheRulesToo() throws {
    let curve = ",h100,,,\(window),,,,curve,8@2\n"
    let errors = #expect(throws: BidFile.Errors.self) {
      try read(header + "ok" + curve + "twice" + curve + "twice" + curve)
    }
    let problems = try #require(errors?.problems)
    #expect(problems.count == 1)
    let said = "bids line 3, column 1: \"twice\": two segments of the curve cover the same slot of h100; "
    #expect(problems.first?.hasPrefix(said) == true, "\(problems)")
    for (json, words) in [
      (#"[{"ref": "a", "alternatives": []}]"#, "1 to 1000 alternatives, not 0; give one"),
      (#"[{"ref": "a", "curve": []}]"#, "1 to 10000 segments, not 0; give one"),
      (#"[{"ref": "a", "curve": [{"pool": "h100", "window": "\#(window)", "steps": []}]}]"#, "1 to 100 steps, not 0"),
    ] {
      let none = #expect(throws: BidFile.Errors.self) { try read(json) }
      #expect(none?.problems.count == 1 && none?.problems.first?.contains(words) == true, "\(none?.problems ?? [])")
    }
    let capped = #expect(throws: BidFile.Errors.self) {
      try BidFile.read(
        Array((header + "a,h100,16,4,\(window),2.40,,,,\n").utf8), source: "bids", round: round, pools: pools,
        caps: [(pool: "h100", gpus: 12)])
    }
    #expect(capped?.problems.first?.contains("your cap is 12 GPUs; give at most 8 GPUs, or ask") == true)
  }

  @Test func whatIsNullInJSONIsLeftOut() throws {
    let block = #""pool": "h100", "gpus": 16, "hours": 1, "window": "\#(window)", "limit": "2""#
    let items = try read(#"[{"ref": "a", "parent": null, "alternatives": [{\#(block), "min_gpus": null}]}]"#)
    #expect(items.map(\.parent) == [nil])
    let without = try read(#"[{"ref": "a", "alternatives": [{\#(block)}]}]"#)
    #expect(items.map(\.bid) == without.map(\.bid))
  }

  @Test func aCycleIsFound() {
    let errors = #expect(throws: BidFile.Errors.self) {
      try read(header + "x,h100,8,1,\(window),2,,y,,\ny,h100,8,1,\(window),2,,x,,\n")
    }
    #expect(errors?.problems.first?.contains("form a cycle") == true)
  }

  /// Mangled files end in bids or in errors that name a line and a column; nothing else.
  @Test func mangledFilesNeverCrash() throws {
    let csv = header + "a,h100,16,4,\(window),2.40,8,,,\nc,h100,,,\(window),,,a,curve,8@3.10 16@2.00\n"
    let json = #"[{"ref":"a","alternatives":[{"pool":"h100","gpus":8,"hours":1,"window":"\#(window)","limit":"2"}]}]"#
    var random = SeededGenerator(11)
    for text in [csv, json] {
      for _ in 0..<1500 {
        var bytes = Array(text.utf8)
        for _ in 0..<Int.random(in: 1...6, using: &random) {
          let at = Int.random(in: 0..<bytes.count, using: &random)
          switch Int.random(in: 0..<3, using: &random) {
          case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
          case 1: bytes.remove(at: at)
          default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
          }
        }
        do {
          _ = try BidFile.read(bytes, source: "bids", round: round, pools: pools)
        } catch {
          #expect("\(error)".contains("line ") && "\(error)".contains("column "), "\(error)")
        }
      }
    }
  }
}
