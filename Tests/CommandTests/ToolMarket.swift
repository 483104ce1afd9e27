import Postgres
import TestSupport
import Testing

/// A market made by the tool alone, with a pool, two companies and an open round `w`, on a private server of its own.
struct ToolMarket {
  let folder: TestFolder
  let tool: Tool

  /// Made once by the tool, its server stopped: each test takes a copy.
  private static let made = Result<TestFolder, any Error> {
    let market = ToolMarket(folder: try TestFolder(inMemory: true))
    try market.expect(0, "migrate")
    try market.expect(0, "pool", "add", "h100", "--gpus", "64", "--lot", "8", "--reserve", "1.10")
    for company in ["acme", "zephyr"] { try market.expect(0, "company", "add", company, "--credit", "500000") }
    try market.expect(
      0, "round", "open", "--name", "w", "--delivery", "2036-12-08T00:00Z/P1D", "--gate", "2036-12-07T12:00Z",
      "--pricing", "vcg")
    try market.expect(0, "server", "stop")
    return market.folder
  }

  init() throws {
    self.init(folder: try TestFolder(inMemory: true))
    let from = try Self.made.get().path + "/home"
    let copied = ChildProcess.run(
      ["/bin/cp", "-a", from, folder.path], environment: [:], log: folder.path + "/copy.log")
    try #require(copied == 0, "the market was not copied")
  }

  private init(folder: TestFolder) {
    self.folder = folder
    tool = Tool(home: folder.path + "/home")
  }

  /// Runs a command and holds it to its exit status and words of what it says.
  @discardableResult
  func expect(
    _ status: Int32, _ arguments: String..., saying words: String = "", input: String = "",
    at location: SourceLocation = #_sourceLocation
  ) throws -> Tool.Run {
    try expect(status, arguments, saying: words, input: input, at: location)
  }

  @discardableResult
  func expect(
    _ status: Int32, _ arguments: [String], saying words: String = "", input: String = "",
    at location: SourceLocation = #_sourceLocation
  ) throws -> Tool.Run {
    let run = try tool.run(arguments, input: input)
    #expect(run.status == status, "\(arguments): \(run.output)\(run.error)", sourceLocation: location)
    #expect(
      words.isEmpty || (run.output + run.error).contains(words), "said: \(run.output)\(run.error)",
      sourceLocation: location)
    return run
  }

  /// A block of the whole round for a company.
  func block(_ gpus: String, limit: String, _ more: String...) -> [String] {
    ["bid", "block"] + shape(gpus, limit: limit) + more
  }

  /// The options of such a block.
  func shape(_ gpus: String, limit: String) -> [String] {
    [
      "--round", "w", "--pool", "h100", "--gpus", gpus, "--hours", "24", "--limit", limit, "--window",
      "2036-12-08T00:00Z/P1D", "--as", "acme",
    ]
  }

  /// Runs a script as the database's administrator.
  func administer(_ script: String) throws {
    let status = try tool.run("server", "status", "--json").output
    let conninfo = try #require(status.firstMatch(of: /"conninfo": "([^"]+)"/)?.1)
    var connection = try Connection(conninfo: String(conninfo))
    try connection.script(script)
  }

  /// Places a bid and returns its id.
  func place(_ arguments: [String]) throws -> String {
    let run = try expect(0, arguments + ["--yes"])
    return String(try #require(run.output.split(separator: " ").dropFirst().first))
  }
}
