import Foundation
import Postgres
import TestSupport
import Testing

/// A replay makes and drops a database: never one that it did not make.
@Suite("Replay command", .serialized)
struct ReplayCommandTests {
  let folder: TestFolder
  let tool: Tool
  let history: String

  init() throws {
    folder = try TestFolder(inMemory: true)
    tool = Tool(home: folder.path + "/home")
    history = folder.path + "/jobs.csv"
    let jobs = """
      job_id,owner,submit_unix,gpus,duration_s
      1,a,1765065600,4,7200
      2,b,1765069200,8,7200

      """
    try jobs.write(toFile: history, atomically: true, encoding: .utf8)
  }

  private func replay(_ more: String...) throws -> Tool.Run {
    try tool.run(["replay", history, "--from", "2025-12-07", "--days", "1", "--pool", "gpu=8"] + more)
  }

  @Test func onlyAReplayIsEverDropped() throws {
    #expect(try tool.run("migrate", "--market", "books").status == 0)
    #expect(try tool.run("company", "add", "acme", "--credit", "10", "--market", "books").status == 0)
    let refused = try replay("--market", "books")
    #expect(refused.status == 3 && refused.error.contains("no replay made it"), "\(refused.error)")
    #expect(try tool.run("company", "list", "--market", "books").output.contains("acme"))

    #expect(try replay("--market", "past").status == 0)
    let first = try logins()
    let again = try replay("--market", "past")
    #expect(again.status == 0, "\(again.error)")
    // A rule that does not exist takes nothing away.
    #expect(try replay("--market", "past", "--pricing", "lottery").status == 64)
    // One login of the market that stays, and one for each of the replay's two companies.
    let second = try logins()
    #expect(first.count == 3 && second.count == 3)
    #expect(try tool.run("company", "list", "--market", "past").output.contains("a"))
  }

  @Test func namesThatNoMarketTakesAreRefusedBeforeAnythingIsDropped() throws {
    #expect(try replay("--market", "past").status == 0)
    let pool = try replay("--market", "past", "--pool", "H100=8")
    #expect(pool.status == 2 && pool.error.contains("'H100' cannot be a pool's name"), "\(pool.error)")
    let other = folder.path + "/others.csv"
    let jobs = "job_id,owner,submit_unix,gpus,duration_s\n1,ops@lab,1765065600,4,7200\n"
    try jobs.write(toFile: other, atomically: true, encoding: .utf8)
    let owner = try tool.run(
      "replay", other, "--from", "2025-12-07", "--days", "1", "--pool", "gpu=8", "--market", "past")
    #expect(owner.status == 2 && owner.error.contains("'ops@lab' cannot be a company's name"), "\(owner.error)")
    #expect(try tool.run("round", "list", "--market", "past").output.contains("replay-2025-12-07"))
  }

  @Test(arguments: [
    ("--slack-hours", "9223372036854775807"), ("--slack-hours", "-1"), ("--slack-percent", "9223372036854775807"),
    ("--days", "9223372036854775807"), ("--days", "0"),
  ])
  func numbersBeyondAllMeasureAreRefused(option: String, number: String) throws {
    let run = try tool.run(
      "replay", history, "--from", "2025-12-07", "--pool", "gpu=8", "\(option)=\(number)")
    #expect(run.status == 64 && run.error.contains("out of range"), "\(run.status) \(run.error)")
  }

  /// The login roles of companies on the server, whatever their market.
  private func logins() throws -> [String] {
    let status = try tool.run("server", "status", "--json").output
    let conninfo = try #require(status.firstMatch(of: /"conninfo": "([^"]+)"/)?.1)
    var connection = try Connection(conninfo: String(conninfo))
    return try connection.query("SELECT rolname FROM pg_roles WHERE rolname ~ '^c_[0-9a-f]+$'").map {
      try $0.get("rolname")
    }
  }
}
