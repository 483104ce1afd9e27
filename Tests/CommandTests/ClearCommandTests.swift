import Foundation
import Postgres
import TestSupport
import Testing

/// A clearing that fails is told as plainly as one that works: in the log, in the JSON, in the exit status.
@Suite("Clear command", .serialized)
struct ClearCommandTests {
  let market: ToolMarket

  init() throws { market = try ToolMarket() }

  @Test func failuresAreLoggedAndReported() throws {
    let log = market.folder.path + "/clear.log"
    try market.expect(3, "clear", "--round", "w", "--log", log, saying: "by the server's clock")
    #expect(try lines(log).count == 1)
    #expect(try lines(log)[0].contains("\"outcome\":\"failed\",\"status\":\"conflict\""))

    try market.expect(
      0, "round", "open", "--name", "v", "--delivery", "2036-12-09T00:00Z/P1D", "--gate", "2036-12-08T12:00Z",
      "--pricing", "vcg")
    for round in ["v", "w"] { try market.expect(0, "round", "close", round, "--yes") }
    try grant("REVOKE EXECUTE ON FUNCTION market.publish_round(text, bytea, jsonb) FROM market_clearing")
    let failed = try market.expect(2, "clear", "--due", "--json", "--log", log)
    #expect(failed.output.components(separatedBy: "\"outcome\": \"failed\"").count == 3, "\(failed.output)")
    #expect(failed.error.isEmpty, "\(failed.error)")
    #expect(try lines(log).count == 3)

    try grant("GRANT EXECUTE ON FUNCTION market.publish_round(text, bytea, jsonb) TO market_clearing")
    try market.expect(0, "clear", "--due", "--log", log, saying: "ties         broken by the rule")
    #expect(try lines(log).filter { $0.contains("\"outcome\":\"published\"") }.count == 2)
    try market.expect(0, "award", "list", "--round", "w", saying: "no awards in round w")
    // A log that cannot be written takes nothing back.
    try market.expect(0, "clear", "--round", "w", "--log", "/nonexistent/log", saying: "cannot be written")
  }

  @Test func theGPUsOfACurveAreNoDateToASpreadsheet() throws {
    let common = ["--round", "w", "--pool", "h100"]
    _ = try market.place(["bid", "curve"] + common + ["--step", "8@3.10", "--step", "8@1.20", "--as", "acme"])
    _ = try market.place(
      ["bid", "block"] + common + [
        "--gpus", "56", "--hours", "12", "--limit", "2.00", "--window", "2036-12-08T00:00Z/PT12H", "--as", "zephyr",
      ])
    try market.expect(0, "round", "close", "w", "--yes")
    try market.expect(0, "clear", "--due")
    try market.expect(0, "award", "list", "--round", "w", "--csv", saying: ",8..16,")
  }

  private func lines(_ path: String) throws -> [Substring] {
    try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
  }

  private func grant(_ statement: String) throws {
    let status = try market.tool.run("server", "status", "--json").output
    let conninfo = try #require(status.firstMatch(of: /"conninfo": "([^"]+)"/)?.1)
    var connection = try Connection(conninfo: String(conninfo))
    try connection.script(statement)
  }
}
