import Foundation
import TestSupport
import Testing

/// What a company is shown before it commits itself, and what the commands keep for it.
@Suite("Bid commands", .serialized)
struct BidCommandTests {
  let market: ToolMarket

  init() throws { market = try ToolMarket() }

  @Test func anAmendmentKeepsWhatTheBidHangsOn() throws {
    let parent = try market.place(market.block("8", limit: "2.00"))
    let other = try market.place(market.block("16", limit: "2.00"))
    let child = try market.place(market.block("8", limit: "1.50", "--parent", parent))
    let amend = ["bid", "amend", child] + market.shape("8", limit: "1.60") + ["--yes"]

    try market.expect(0, amend, saying: "hangs on \(parent)")
    #expect(try bid(child).contains("\"parent\": \"\(parent)\""))
    try market.expect(0, amend + ["--parent", other], saying: "no longer hangs on \(parent)")
    #expect(try bid(child).contains("\"parent\": \"\(other)\""))
    try market.expect(0, amend + ["--no-parent"], saying: "no longer hangs on \(other)")
    #expect(try bid(child).contains("\"parent\": null"))
    try market.expect(64, amend + ["--no-parent", "--parent", other])
  }

  @Test func aCurveIsAmendedToo() throws {
    let curve = try market.place(
      ["bid", "curve", "--round", "w", "--pool", "h100", "--step", "8@3.10", "--as", "acme"])
    let amend = ["bid", "amend", curve, "--round", "w", "--pool", "h100", "--as", "acme", "--yes"]
    try market.expect(
      0, amend + ["--step", "8@3.30", "--step", "16@2.10", "--period", "2036-12-08T00:00Z/PT2H"],
      saying: "16 GPUs at most 2.10 USD")
    try market.expect(0, "bid", "list", "--as", "acme", saying: "8@3.30 16@2.10")
    try market.expect(64, amend + ["--step", "8@3.30", "--gpus", "8"], saying: "leave out the options of a block")
    try market.expect(64, amend, saying: "a block needs")
  }

  @Test func aDryRunAsksTheDoorAndWritesNothing() throws {
    let key = ["--key", "rehearsal"]
    let good = market.block("8", limit: "2.00") + key
    try market.expect(0, good + ["--dry-run"], saying: "checked by the door")
    try market.expect(2, market.block("12", limit: "2.00", "--dry-run"), saying: "no multiple of the lot")
    try market.expect(2, market.block("8", limit: "0.50", "--dry-run"), saying: "below the reserve price")
    #expect(try market.tool.run("bid", "list", "--as", "acme", "--json").output == "[]\n")

    // The key is free: the same request is then done, and another one with it is refused as before.
    let id = try market.place(good)
    try market.expect(3, market.block("16", limit: "2.00", "--dry-run") + key, saying: "used for another request")
    try market.expect(0, ["bid", "amend", id] + market.shape("16", limit: "2.00") + ["--dry-run"], saying: "checked")
    try market.expect(
      0, "bid", "withdraw", id, "--round", "w", "--as", "acme", "--dry-run", saying: "nothing was sent")
    let file = "ref,pool,gpus,hours,window,limit\na,h100,8,4,2036-12-08T00:00Z/P1D,2.40\n"
    try market.expect(
      0, "bid", "import", "-", "--round", "w", "--as", "acme", "--dry-run", saying: "nothing was sent", input: file)
    let standing = try market.expect(0, "bid", "list", "--as", "acme", "--json").output
    #expect(standing.components(separatedBy: "\"bid\"").count == 2 && standing.contains("\"state\": \"open\""))
    try market.expect(0, "bid", "list", "--as", "acme", saying: "8 × 24 h")
  }

  @Test func numbersBeyondAllMeasureAreRefused() throws {
    let huge = [
      "bid", "block", "--round", "w", "--pool", "h100", "--window", "2036-12-08T00:00Z/P1D", "--as", "acme", "--yes",
    ]
    try market.expect(
      2, huge + ["--gpus", "10000000", "--hours", "168", "--limit", "1000000"], saying: "the most that one bid may")
    try market.expect(
      64, huge + ["--gpus", "9223372036854775807", "--hours", "24", "--limit", "2"], saying: "out of range")
    try market.expect(
      64, market.block("8", limit: "2", "--or", "pool=h100,gpus=99999999999,hours=24,limit=2"),
      saying: "not a whole number from 1 to 10000000")
    try market.expect(
      2, "bid", "curve", "--round", "w", "--pool", "h100", "--step", "10000000@1000000", "--as", "acme", "--yes",
      saying: "the most that one bid may")
    for (command, option) in [
      (["pool", "add", "b200", "--reserve", "1", "--gpus", "99999999999"], "--gpus 99999999999"),
      (["pool", "add", "b200", "--reserve", "1", "--gpus", "8", "--lot", "99999999999"], "--lot"),
      (["company", "cap", "acme", "--pool", "h100", "--gpus", "99999999999"], "--gpus"),
      (["company", "quota", "acme", "99999999999"], "a quota of 99999999999"),
      (
        ["pool", "outage", "h100", "--gpus", "99999999999", "--window", "2036-12-08T00:00Z/P1D", "--reason", "r"],
        "--gpus"
      ),
    ] {
      try market.expect(64, command, saying: "out of range")
      try market.expect(64, command, saying: option)
    }
  }

  @Test func aReceiptThatCannotBeKeptStopsTheBid() throws {
    for path in ["/nonexistent/receipt.json", market.folder.path] {
      try market.expect(64, market.block("8", limit: "2.00", "--yes", "--receipt", path), saying: "cannot write it")
    }
    #expect(try market.tool.run("bid", "list", "--as", "acme", "--json").output == "[]\n")
    let path = market.folder.path + "/receipt.json"
    let placed = try market.expect(0, market.block("8", limit: "2.00", "--yes", "--json", "--receipt", path))
    let hash = try #require(placed.output.firstMatch(of: /"hash": "([0-9a-f]+)"/)?.1)
    #expect(try String(contentsOfFile: path, encoding: .utf8).contains(hash))
  }

  @Test func whoIsAskedSeesWhatAbout() throws {
    // Without a terminal there is nobody to ask; the preview comes all the same, and before the refusal.
    let run = try market.expect(64, market.block("8", limit: "2.00", "--json"))
    #expect(run.error.contains("worst case for the whole bid: 384.00 USD") && run.output.isEmpty)
    let file = """
      ref,pool,gpus,hours,window,limit,kind,steps
      a,h100,8,4,2036-12-08T00:00Z/PT6H,2.40,,
      a,h100,16,4,2036-12-08T02:00Z/PT6H,2.40,,
      b,h100,,,2036-12-08T20:00Z/PT4H,,curve,8@3.00

      """
    try market.expect(
      0, "bid", "import", "-", "--round", "w", "--as", "acme", "--dry-run",
      saying: """
        2 bids, 3 alternatives or segments, for round w
          h100: at most 96 GPU-hours
          all within 2036-12-08T00:00Z/2036-12-09T00:00Z
        worst case for all of them: 249.60 USD
        """, input: file)
  }

  @Test func namesThatDoNotExistAreSaidSo() throws {
    try market.expect(2, "bid", "list", "--round", "nope", "--as", "acme", saying: "there is no round 'nope'")
    try market.expect(2, "pool", "list", "--market", "nodb", saying: "run gpumarket migrate --market nodb")
    try market.expect(2, "bid", "list", "--as", "acme", "--market", "nodb", saying: "there is no database 'nodb'")
    try market.expect(0, "award", "list", "--round", "w", saying: "before its gate, at 2036-12-07T12:00Z")
    try market.expect(0, "company", "list", "--mine", "--as", "acme", saying: "credit 500000.00 USD")
  }

  private func bid(_ id: String) throws -> String {
    let all = try market.tool.run("bid", "list", "--as", "acme", "--json").output
    let mine = try #require(all.range(of: "\"bid\": \"\(id)\""))
    return String(all[mine.upperBound...].prefix { $0 != "}" })
  }
}
