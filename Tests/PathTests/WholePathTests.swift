import Files
import Foundation
import TestSupport
import Testing

/// The README's market from nothing, by the tool alone, on a private server of its own.
@Suite("Whole path", .serialized)
struct WholePathTests {
  let folder: TestFolder
  let tool: Tool

  init() throws {
    folder = try TestFolder()
    tool = Tool(home: folder.path + "/home")
  }

  private func expect(
    _ status: Int32, _ arguments: String..., saying words: String = "", input: String = "",
    at location: SourceLocation = #_sourceLocation
  ) throws -> Tool.Run {
    let run = try tool.run(arguments, input: input)
    #expect(run.status == status, "\(arguments): \(run.error)", sourceLocation: location)
    #expect(
      words.isEmpty || (run.output + run.error).contains(words), "said: \(run.output)\(run.error)",
      sourceLocation: location)
    return run
  }

  private func openMarket() throws {
    _ = try expect(2, "pool", "list", saying: "run gpumarket migrate")
    _ = try expect(0, "migrate", saying: "applied")
    _ = try expect(0, "migrate", saying: "up to date")
    _ = try expect(0, "pool", "add", "h100", "--gpus", "64", "--lot", "8", "--reserve", "1.10")
    _ = try expect(3, "pool", "add", "h100", "--gpus", "64", "--reserve", "1", saying: "already")
    _ = try expect(64, "pool", "add", "b200", "--gpus", "64", "--reserve", "1.00001", saying: "finer than the tick")
    for company in ["acme", "zephyr"] { _ = try expect(0, "company", "add", company, "--credit", "500000") }
    _ = try expect(
      0, "round", "open", "--name", "w", "--delivery", "2036-12-08T00:00Z/P1D", "--gate", "2036-12-07T12:00Z",
      "--pricing", "vcg")
  }

  private func block(_ gpus: String, limit: String, as company: String, _ more: String...) -> [String] {
    [
      "bid", "block", "--round", "w", "--pool", "h100", "--gpus", gpus, "--hours", "24", "--limit", limit, "--window",
      "2036-12-08T00:00Z/P1D", "--as", company,
    ] + more
  }

  @Test func fromNothingToAwards() throws {
    try openMarket()
    // Without a terminal nothing is sent unconfirmed; a dry run writes nothing.
    #expect(try tool.run(block("64", limit: "2.40", as: "acme")).status == 64)
    #expect(try tool.run(block("64", limit: "2.40", as: "acme", "--dry-run")).error.contains("3686.40 USD"))
    #expect(try tool.run("bid", "list", "--as", "acme", "--json").output == "[]\n")

    let receiptFile = folder.path + "/receipt.json"
    let placed = try tool.run(block("64", limit: "2.40", as: "acme", "--yes", "--json", "--receipt", receiptFile))
    #expect(placed.status == 0, "\(placed.error)")
    let receipt = try JSONReader.parse(Array(placed.output.utf8), source: "receipt")
    let key = try receipt.at("key").string()
    #expect(FileManager.default.fileExists(atPath: receiptFile))
    let again = try tool.run(block("64", limit: "2.40", as: "acme", "--yes", "--json", "--key", key))
    #expect(again.output == placed.output)
    let other = try tool.run(block("32", limit: "2.40", as: "acme", "--yes", "--key", key))
    #expect(other.status == 3 && other.error.contains("used for another request"))
    #expect(try tool.run(block("64", limit: "2.00", as: "zephyr", "--yes")).status == 0)
    let noZone = try tool.run(block("64", limit: "2.00", as: "zephyr", "--yes", "--or", "pool=h100,gpus=8"))
    #expect(noZone.status == 64 && noZone.error.contains("lacks hours="))

    _ = try expect(0, "clear", "--due", saying: "no round is due")
    _ = try expect(3, "clear", "--round", "w", saying: "by the server's clock")
    _ = try expect(3, "clear", "--round", "w", "--dry-run", saying: "not sealed")
    _ = try expect(3, "round", "prices", "w", saying: "its prices come when it is published")
    _ = try expect(0, "round", "close", "w", "--yes")
    let late = try tool.run(block("8", limit: "2.00", as: "zephyr", "--yes"))
    #expect(late.status == 3 && late.error.contains("is closed"))
    let dry = try expect(0, "clear", "--round", "w", "--dry-run", "--json")
    _ = try expect(0, "clear", "--due", saying: "published")
    _ = try expect(0, "clear", "--round", "w", saying: "published already")
    #expect(dry.output.contains("not written"))

    // 64 GPUs for 24 hours: acme wins at 2.40 and pays what zephyr would have, 2.00.
    let mine = try expect(0, "award", "list", "--as", "acme", "--json")
    let award = try JSONReader.parse(Array(mine.output.utf8), source: "awards").at(0)
    #expect(try award.at("payment_usd").string() == "3072.00")
    #expect(try award.at("bid_usd").string() == "3686.40")
    #expect(try expect(0, "award", "list", "--as", "zephyr", "--json").output == "[]\n")
    _ = try expect(0, "bid", "list", "--as", "zephyr", saying: "lost")
    let lost = try expect(0, "bid", "list", "--as", "zephyr", "--json")
    let bid = try JSONReader.parse(Array(lost.output.utf8), source: "bids").at(0)
    #expect(["below-prices", "left-out"].contains(try bid.at("lost").at("cause").string()))
    _ = try expect(
      0, "bid", "show", bid.at("bid").string(), "--as", "zephyr", saying: "USD per GPU-hour needed, 2.00 bid")
    let shown = try expect(0, "bid", "show", bid.at("bid").string(), "--as", "zephyr", "--json")
    let newest = try JSONReader.parse(Array(shown.output.utf8), source: "show").at(0)
    #expect(try newest.at("state").string() == "lost")
    #expect(try newest.at("lost").at("cause").string() == bid.at("lost").at("cause").string())
    #expect(newest["award"]?.isNull == true && newest["payment_usd"]?.isNull == true && newest["caps"] != nil)
    #expect(newest["hash"] != nil)
    _ = try expect(0, "round", "prices", "w", "--csv", "--as", "zephyr", saying: "price_usd_per_lot_slot")
    _ = try expect(0, "settle", "statement", "--as", "acme", "--period", "2036-12", saying: "Closing balance   3072.00")
    _ = try expect(0, "round", "show", "w", saying: "proven, no allocation is worth more")
    #expect(!(try expect(0, "round", "show", "w", "--as", "zephyr").output.contains("acme")))
    _ = try expect(0, "company", "list", "--as", "acme", saying: "owed 3072.00 USD")
    _ = try expect(0, "verify", "--receipt", receiptFile, "--as", "acme", "--json", saying: "\"standing\": \"cleared\"")
    _ = try expect(0, "verify", "--round", "w", "--clearing-key", "00", saying: "the clearing key was not used")
    let statement = folder.path + "/acme.json"
    _ = try expect(
      0, "settle", "statement", "--as", "acme", "--period", "2036-12", "--out", statement, saying: "wrote")
    let closing = try JSONReader.parse(Array(try readFile(statement)), source: statement).at("closing_usd").string()
    #expect(closing == "3072.00")
    _ = try expect(0, "server", "stop", saying: "stopped")
  }

  @Test func importIsAllOrNothing() throws {
    try openMarket()
    let header = "ref,pool,gpus,hours,window,limit\n"
    let good = "a,h100,8,4,2036-12-08T00:00Z/P1D,2.40\n"
    let bad = try expect(
      2, "bid", "import", "-", "--round", "w", "--as", "acme", "--yes", saying: "line 3, column",
      input: header + good + "b,h100,9,4,2036-12-08T00:00Z/P1D,2.40\n")
    #expect(bad.error.contains("no multiple of the lot") && bad.error.contains("nothing was placed"))
    #expect(try tool.run("bid", "list", "--as", "acme", "--json").output == "[]\n")
    let told = try expect(
      2, "bid", "import", "-", "--round", "w", "--as", "acme", "--yes", "--json",
      input: header + "b,h100,9,4,2036-12-08T00:00Z/P1D,2.40\n")
    let error = try JSONReader.parse(Array(told.error.utf8), source: "error").at("error")
    #expect(try error.at("advice").string().contains("line 2, column"))
    let done = try expect(
      0, "bid", "import", "-", "--round", "w", "--as", "acme", "--yes", "--json", input: header + good)
    #expect(done.output.contains("\"hash\""))
  }

  @Test func replayOfTheBundledHistory() throws {
    let history = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "data/history.csv").path
    let run = try expect(
      0, "replay", history, "--from", "2026-12-07", "--days", "1", "--pool", "h100=64", "--pool", "a100=32", "--effort",
      "200", "--json")
    let report = try JSONReader.parse(Array(run.output.utf8), source: "replay")
    #expect(try report.at("bids").integer() > 20)
    #expect(try report.at("comparison").elements().map { try $0.at("bids_served").integer() }.allSatisfy { $0 > 0 })
    #expect(try report.at("price_model").string().contains("seed 1"))
    _ = try expect(64, "replay", history, "--from", "2025-01-01", "--pool", "h100=64", saying: "has no job in")
  }
}
