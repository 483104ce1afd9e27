import Foundation
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
    try market.administer("REVOKE EXECUTE ON FUNCTION market.publish_round(text, bytea, jsonb) FROM market_clearing")
    let failed = try market.expect(2, "clear", "--due", "--json", "--log", log)
    #expect(failed.output.components(separatedBy: "\"outcome\": \"failed\"").count == 3, "\(failed.output)")
    #expect(failed.error.isEmpty, "\(failed.error)")
    #expect(try lines(log).count == 3)

    try market.administer("GRANT EXECUTE ON FUNCTION market.publish_round(text, bytea, jsonb) TO market_clearing")
    try market.expect(0, "clear", "--due", "--log", log, saying: "ties         broken by the rule")
    #expect(try lines(log).filter { $0.contains("\"outcome\":\"published\"") }.count == 2)
    try market.expect(0, "award", "list", "--round", "w", saying: "no awards in round w")
    // A log that cannot be written takes nothing back.
    try market.expect(0, "clear", "--round", "w", "--log", "/nonexistent/log", saying: "cannot be written")
  }

  /// Whatever the database says of an encrypted round, the host keeps to the gate that it announced; nothing failed, and
  /// no other round waits for it.
  @Test func anEncryptedRoundClosedEarlyWaitsForItsGate() throws {
    try market.expect(
      0, "round", "open", "--name", "s", "--delivery", "2036-12-10T00:00Z/P1D", "--gate", "2036-12-09T12:00Z",
      "--pricing", "vcg", "--encrypted")
    try market.expect(
      0, "bid", "curve", "--round", "s", "--pool", "h100", "--step", "8@2.00", "--as", "acme", "--yes")
    _ = try market.place(market.block("8", limit: "2.00"))
    try market.expect(0, "round", "close", "s", "--yes", saying: "it is opened and cleared at its gate all the same")
    let other = try market.expect(0, "round", "close", "w", "--yes")
    #expect(!other.error.contains("encrypted"), "\(other.error)")
    let log = market.folder.path + "/clear.log"
    let run = try market.expect(0, "clear", "--due", "--log", log, saying: "round s waits: the gate that was announced")
    #expect(run.error.contains("closes at 2036-12-09T12:00Z; it is 2"), "\(run.error)")
    #expect(run.output.contains("round w"), "\(run.output)")
    #expect(try lines(log).filter { $0.contains("\"outcome\":\"waiting\"") }.count == 1)
    try market.expect(0, "award", "list", "--round", "w", saying: "acme")
    try market.expect(0, "clear", "--due", "--json", saying: "\"outcome\": \"waiting\"")
    try market.expect(3, "clear", "--round", "s", saying: "clear it after the gate")
    try market.expect(
      3, "clear", "--round", "s", "--dry-run",
      saying: "the bids of the encrypted round s are not opened yet: the clearing job does that, from its gate on, "
        + "2036-12-09T12:00Z")
    // Nor sooner where the administrator moves the gate, or writes that the boxes were opened.
    try market.administer(
      """
      SET session_replication_role = replica;
      UPDATE market.round SET gate = closed_at WHERE name = 's';
      INSERT INTO market.opened (entry_id, body)
      SELECT e.entry_id, 'guess' FROM market.entry e JOIN market.round r USING (round_id) WHERE r.name = 's'
      """)
    try market.expect(2, "clear", "--due", saying: "this host announced 2036-12-09T12:00Z with its key")
    try market.administer(
      "SET session_replication_role = replica; UPDATE market.round SET gate = '2036-12-09T12:00Z' WHERE name = 's'")
    try market.expect(3, "clear", "--round", "s", saying: "clear it after the gate")
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
}
