import TestSupport
import Testing

/// What a company is told of how its bid goes, and when it does not go.
@Suite("Sealed or in clear", .serialized)
struct EncryptedCommandTests {
  let market: ToolMarket
  private let key = String(repeating: "ab", count: 32)

  init() throws { market = try ToolMarket() }

  @Test func aKeyOnTheCommandLineSendsNothingInClear() throws {
    let bid = market.block("8", limit: "2.00", "--yes")
    let refused = try market.expect(2, bid + ["--clearing-key", key], saying: "round w is not announced as encrypted")
    #expect(refused.error.contains("leave out --clearing-key"))
    try market.expect(2, bid + ["--clearing-key", key, "--dry-run"], saying: "nothing was sent")
    let file = "ref,pool,gpus,hours,window,limit\na,h100,8,4,2036-12-08T00:00Z/P1D,2.40\n"
    try market.expect(
      2, "bid", "import", "-", "--round", "w", "--as", "acme", "--yes", "--clearing-key", key,
      saying: "not announced as encrypted", input: file)
    #expect(try market.tool.run("bid", "list", "--as", "acme", "--json").output == "[]\n")
  }

  @Test func whoTakesPartInAllRoundsIsOnlyTold() throws {
    let bid = market.block("8", limit: "2.00", "--yes")
    try market.expect(0, bid, saying: "in clear: round w is not encrypted")
    let tool = Tool(home: market.folder.path + "/home", environment: ["GPUMARKET_CLEARING_KEY": key])
    let run = try tool.run(bid)
    #expect(run.status == 0 && run.error.contains("although GPUMARKET_CLEARING_KEY is set"), "\(run.error)")
  }

  private static let encrypted = [
    "round", "open", "--name", "s", "--delivery", "2036-12-10T00:00Z/P1D", "--gate", "2036-12-09T12:00Z", "--pricing",
    "vcg",
  ]

  /// Without a terminal there is nobody to ask: what comes before the refusal comes before the question.
  @Test func whoIsAskedIsToldBefore() throws {
    try market.expect(0, Self.encrypted + ["--encrypted"])
    for (round, day, said) in [("w", "08", "in clear: round w is not encrypted"), ("s", "10", "sealed to key ")] {
      let bid = [
        "bid", "curve", "--round", round, "--pool", "h100", "--step", "8@2.00", "--period",
        "2036-12-\(day)T00:00Z/PT1H", "--as", "acme",
      ]
      let asked = try market.expect(64, bid, saying: said)
      let told = try #require(asked.error.firstRange(of: said))
      let preview = try #require(asked.error.firstRange(of: "worst case for the whole bid"))
      let question = try #require(asked.error.firstRange(of: "this needs a confirmation"))
      #expect(preview.upperBound < told.lowerBound && told.upperBound < question.lowerBound, "\(asked.error)")
    }
  }

  /// The door cannot see what is sealed; the opening would refuse it when nothing can be mended any more.
  @Test func whatTheOpeningWouldRefuseIsNotSealed() throws {
    try market.expect(0, Self.encrypted + ["--encrypted"])
    let common = ["--round", "s", "--pool", "h100", "--as", "acme", "--yes"]
    func block(_ gpus: String, _ limit: String) -> [String] {
      common + ["--gpus", gpus, "--hours", "24", "--limit", limit, "--window", "2036-12-10T00:00Z/P1D"]
    }
    try market.expect(2, ["bid", "block"] + block("9", "2.00"), saying: "no multiple of the lot")
    try market.expect(2, ["bid", "block"] + block("8", "0.50"), saying: "below the reserve price")
    let curve = ["bid", "curve"] + common
    try market.expect(2, curve + ["--step", "8@2.00", "--step", "8@3.00"], saying: "must fall")
    try market.expect(2, curve + ["--step", "128@2.00"], saying: "more than h100 ever has")
    try market.expect(64, curve + ["--step", ""], saying: "'' is not GPUS@LIMIT")
    try market.expect(0, "company", "cap", "acme", "--pool", "h100", "--gpus", "16")
    try market.expect(2, ["bid", "block"] + block("24", "2.00"), saying: "your cap is 16 GPUs")
    #expect(try market.tool.run("bid", "list", "--as", "acme", "--json").output == "[]\n")

    let placed = try market.expect(0, ["bid", "block"] + block("8", "2.00"))
    let id = String(try #require(placed.output.split(separator: " ").dropFirst().first))
    try market.expect(2, ["bid", "amend", id] + block("9", "2.00"), saying: "no multiple of the lot")
    try market.expect(0, ["bid", "amend", id] + block("16", "2.00"))
  }

  @Test func anEncryptedRoundIsOpenedWholeAndTakesSealedBids() throws {
    // What is the clearing host's says nothing of a round that is not encrypted.
    try market.expect(64, Self.encrypted + ["--key", "k"], saying: "add --encrypted")
    try market.expect(64, Self.encrypted + ["--encrypted", "--statements", "f"], saying: "this command writes none")
    try market.expect(
      64, Self.encrypted + ["--encrypted", "--key", "k", "--database", "host=/nonexistent dbname=gpumarket"],
      saying: "--key is for the private server")
    try market.expect(2, "round", "show", "s", saying: "there is no round 's'")
    try market.expect(0, Self.encrypted + ["--encrypted"])
    let bid = [
      "bid", "block", "--round", "s", "--pool", "h100", "--gpus", "8", "--hours", "24", "--limit", "2.00", "--window",
      "2036-12-10T00:00Z/P1D", "--as", "acme", "--yes",
    ]
    let placed = try market.expect(0, bid, saying: "sealed to key ")
    #expect(placed.error.contains("of round s, whose gate closes at 2036-12-09T12:00Z"), "\(placed.error)")
    // 384.00 USD at most, of which the database's readers learn two digits.
    #expect(placed.error.contains("declared against your credit: 390.00 USD, rounded up"), "\(placed.error)")
    let receipt = try market.expect(0, bid + ["--json"])
    #expect(receipt.output.contains("\\\"exposure\\\":390000000,"), "\(receipt.output)")
    #expect(receipt.output.contains("\\\"type\\\":\\\"sealed\\\""), "\(receipt.output)")
    try market.expect(2, bid + ["--clearing-key", key], saying: "the clearing host you trust")
    // The host signed the gate with the key.
    try market.administer(
      "SET session_replication_role = replica; UPDATE market.round SET gate = gate - interval '1 day' WHERE name = 's'")
    try market.expect(2, bid, saying: "for the gate that the database names, 2036-12-08T12:00Z")
  }
}
