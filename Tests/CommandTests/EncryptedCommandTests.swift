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

  @Test func anEncryptedRoundIsOpenedWholeAndTakesSealedBids() throws {
    try market.expect(
      0, "round", "open", "--name", "s", "--delivery", "2036-12-10T00:00Z/P1D", "--gate", "2036-12-09T12:00Z",
      "--pricing", "vcg", "--encrypted")
    let bid = [
      "bid", "block", "--round", "s", "--pool", "h100", "--gpus", "8", "--hours", "24", "--limit", "2.00", "--window",
      "2036-12-10T00:00Z/P1D", "--as", "acme", "--yes",
    ]
    let placed = try market.expect(0, bid, saying: "sealed to key ")
    #expect(placed.error.contains("of round s"))
    let receipt = try market.expect(0, bid + ["--json"])
    #expect(receipt.output.contains("\\\"type\\\":\\\"sealed\\\""), "\(receipt.output)")
    try market.expect(2, bid + ["--clearing-key", key], saying: "the clearing host you trust")
  }
}
