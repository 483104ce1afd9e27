import Files
import Foundation
import TestSupport
import Testing

/// The grammar may grow and never change: what `grammar.txt` lists must still be there.
@Suite("Command grammar")
struct GrammarTests {
  let tool = Tool(home: "/nonexistent/gpumarket-help")

  /// The tool as the parser describes it.
  func root() throws -> JSONValue {
    let dump = try tool.run("--experimental-dump-help")
    return try JSONReader.parse(Array(dump.output.utf8), source: "dump").at("command")
  }

  /// Every command that has none below it: `["bid", "block"]`.
  func leaves() throws -> [[String]] {
    var found: [[String]] = []
    func walk(_ command: JSONValue, _ path: [String]) throws {
      var isLeaf = true
      for sub in try command["subcommands"]?.elements().map({ $0 }) ?? [] {
        let name = try sub.at("commandName").string()
        guard name != "help" else { continue }
        isLeaf = false
        try walk(sub, path + [name])
      }
      if isLeaf { found.append(path) }
    }
    try walk(try root(), [])
    return found
  }

  /// Every command with its options, one a line: `bid block --pool`.
  func grammar() throws -> [String] {
    var lines: [String] = []
    func walk(_ command: JSONValue, _ path: [String]) throws {
      for argument in try command["arguments"]?.elements().map({ $0 }) ?? [] {
        for name in try argument["names"]?.elements().map({ $0 }) ?? [] where try name.at("kind").string() == "long" {
          lines.append((path + ["--" + (try name.at("name").string())]).joined(separator: " "))
        }
      }
      for sub in try command["subcommands"]?.elements().map({ $0 }) ?? [] {
        let name = try sub.at("commandName").string()
        if name != "help" { try walk(sub, path + [name]) }
      }
    }
    try walk(try root(), ["gpumarket"])
    return lines.filter { !$0.hasSuffix("--help") && !$0.hasSuffix("--version") }.sorted()
  }

  @Test func nothingThatWasPromisedIsGone() throws {
    let now = Set(try grammar())
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "grammar.txt")
    let promised = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
    #expect(promised.count > 50)
    for line in promised { #expect(now.contains(line), "\(line) is gone") }
  }

  @Test func everyCommandHasAnExampleAndJSON() throws {
    let commands = try leaves()
    #expect(commands.count > 40 && commands.contains(["settle", "accounts"]))
    for command in commands {
      let help = try tool.run(command + ["--help"])
      #expect(help.status == 0)
      #expect(help.output.contains("EXAMPLE"), "\(command) has no example")
      #expect(help.output.contains("--json"), "\(command) has no --json")
      // Whoever pastes an example that was wrapped runs half of it: a line of more than 80 characters goes on at the margin.
      let example = help.output.split(separator: "\n", omittingEmptySubsequences: false)
        .drop { !$0.hasPrefix("EXAMPLE") }.dropFirst().prefix { !$0.isEmpty }
      #expect(example.allSatisfy { $0.hasPrefix("  ") }, "\(command): \(example.joined(separator: "\n"))")
    }
  }

  @Test(
    arguments: [
      (["bid", "blok"], 64), (["clear"], 64), (["solve", "/nonexistent"], 64), (["round", "open"], 64),
      (["solve", "-", "--pricing", "lottery"], 64), (["--help"], 0), (["--version"], 0),
      (["verify", "--receipt", "r.json", "--clearing-key", "00"], 64), (["verify", "key", "--statements", "s"], 64),
      (["audit", "--check", "--most", "5"], 64), (["audit", "--most=-1"], 64), (["audit", "--most", "5000000000"], 64),
      (["bid", "withdraw", "b_1", "--round", "w", "--clearing-key", "00"], 64),
      (["settle", "accounts", "--json"], 0), (["migrate", "--status", "--slot-minutes", "30"], 64),
      (["settle", "terms", "--company", "acme", "--tax", "19", "--days", "99999999999"], 64),
    ] as [([String], Int32)])
  func usageErrorsExitWith64(arguments: [String], status: Int32) throws {
    let run = try tool.run(arguments)
    #expect(run.status == status)
    #expect(status == 0 || (run.output.isEmpty && !run.error.isEmpty))
  }

  /// A command that needs no database, as a shell runs it; with what it says on standard error.
  private func shell(_ redirected: String) throws -> (status: Int32, error: String) {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", redirected, Tool.path]
    process.environment = tool.environment
    let error = Pipe()
    process.standardError = error
    try process.run()
    let said = String(decoding: error.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, said)
  }

  @Test func outputThatIsNotWrittenIsNoSuccess() throws {
    let full = try shell("\"$0\" settle accounts --json >/dev/full")
    #expect(full.status == 1 && full.error.contains("standard output could not be written: "), "\(full)")
    // Who stops reading has had enough, also where the signal that says so is ignored.
    for before in ["", "trap '' PIPE; "] {
      let cut = try shell("\(before)\"$0\" settle accounts --json | true")
      #expect(cut.status == 0 && cut.error.isEmpty, "\(cut)")
    }
  }
}
