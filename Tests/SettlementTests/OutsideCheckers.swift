import Foundation
import Settlement
import Testing

/// Programs that are not ours.
enum OutsideCheckers {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  static let venv = root.appending(path: ".venv/checkers")

  /// Where a program is, nil if it is not installed.
  static func find(_ name: String) -> String? {
    let places = [venv.appending(path: "bin/\(name)").path, "/usr/bin/\(name)", "/usr/local/bin/\(name)"]
    return places.first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Runs it; the exit status and all it said.
  static func run(_ program: String, _ arguments: [String], in folder: String = "/") throws -> (Int32, String) {
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.currentDirectoryURL = URL(filePath: folder)
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let said = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: said, as: UTF8.self))
  }

  static func hledger(_ file: String) throws -> (ok: Bool, said: String) {
    let (status, said) = try run(find("hledger") ?? "", ["-f", file, "check", "-s"])
    return (status == 0, said)
  }

  static func ledger(_ file: String) throws -> (ok: Bool, said: String) {
    let (status, said) = try run(
      find("ledger") ?? "", ["--init-file", "/dev/null", "-f", file, "--strict", "--pedantic", "bal"])
    return (status == 0, said)
  }

  static func beancount(_ file: String) throws -> (ok: Bool, said: String) {
    let (status, said) = try run(find("bean-check") ?? "", [file])
    return (status == 0, said)
  }

  /// The FOCUS validator ends with status 0 whatever it finds, so its words decide; it looks for its rules in the
  /// folder where it runs.
  static func focus(_ file: String) throws -> (ok: Bool, said: String) {
    let libraries = venv.appending(path: "lib")
    let python =
      try FileManager.default.contentsOfDirectory(atPath: libraries.path)
      .first { $0.hasPrefix("python") } ?? ""
    let (_, said) = try run(
      find("focus-validator") ?? "", ["--data-file", file, "--validate-version", "1.0"],
      in: libraries.appending(path: "\(python)/site-packages").path)
    return (said.contains("Validation succeeded."), said)
  }
}

@Suite("Checked by programs that are not ours")
struct OutsideCheckerTests {
  static func installed(_ program: String) -> Bool { OutsideCheckers.find(program) != nil }
  static let advice: Comment = "not installed: run tools/setup.sh test and tools/setup-checkers.sh"

  @Test(.enabled(if: installed("hledger"), advice)) func hledgerAcceptsEveryJournal() throws {
    try acceptsEverySelection(.hledger, OutsideCheckers.hledger)
  }

  @Test(.enabled(if: installed("ledger"), advice)) func ledgerAcceptsTheSameFile() throws {
    try acceptsEverySelection(.hledger, OutsideCheckers.ledger)
  }

  @Test(.enabled(if: installed("bean-check"), advice)) func beancountAcceptsEveryJournal() throws {
    try acceptsEverySelection(.beancount, OutsideCheckers.beancount)
  }

  @Test(.enabled(if: installed("focus-validator"), advice)) func theFocusValidatorAcceptsTheExport() throws {
    let settled = try ExportTests.everything()
    let path = try settled.export(.focus, name: "focus.csv")
    let (ok, said) = try OutsideCheckers.focus(path)
    #expect(ok, "\(said)")
    // Its status is 0 all the same where it fails: the words are what counts.
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try text.replacing(",Usage,", with: ",42.5 things,").replacing("EffectiveCost", with: "Effective")
      .write(toFile: path, atomically: true, encoding: .utf8)
    #expect(try !OutsideCheckers.focus(path).ok)
  }

  @Test(.enabled(if: installed("hledger"), advice)) func hledgerRefusesEveryFault() throws {
    try refusesEveryFault(.hledger, every: 3, OutsideCheckers.hledger)
  }

  @Test(.enabled(if: installed("ledger"), advice)) func ledgerRefusesEveryFault() throws {
    try refusesEveryFault(.hledger, every: 3, OutsideCheckers.ledger)
  }

  @Test(.enabled(if: installed("bean-check"), advice)) func beancountRefusesEveryFault() throws {
    try refusesEveryFault(.beancount, every: 9, OutsideCheckers.beancount)
  }

  private func acceptsEverySelection(_ format: ExportFormat, _ check: (String) throws -> (ok: Bool, said: String))
    throws
  {
    let settled = try ExportTests.everything()
    try settled.publish("january", day: "2027-01-04")
    for selection in [.everything, .round("w1"), .period("2026-12"), .period("2027-01"), .since(4)] as [Selection] {
      let (ok, said) = try check(settled.export(format, selection))
      #expect(ok, "\(selection): \(said)")
    }
  }

  /// A posting removed, doubled or a cent off, a whole transaction lost or doubled: each fails.
  private func refusesEveryFault(
    _ format: ExportFormat, every step: Int, _ check: (String) throws -> (ok: Bool, said: String)
  ) throws {
    let settled = try ExportTests.everything()
    let path = try settled.export(format)
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    // The closing lines move nothing: they are assertions themselves.
    let end = lines.firstIndex { $0.contains("(closing)") } ?? lines.count
    let postings = lines.indices[..<end].filter {
      lines[$0].hasPrefix("  ") && lines[$0].contains(":") && lines[$0].contains(" USD")
    }
    .filter { !lines[$0].contains("format ") && !lines[$0].contains("\"") }
    #expect(postings.count > 20)
    var faults: [(String, [String])] = []
    for at in stride(from: 0, to: postings.count, by: step).map({ postings[$0] }) {
      faults.append(("line \(at + 1) removed", Array(lines[..<at] + lines[(at + 1)...])))
      faults.append(("line \(at + 1) doubled", Array(lines[...at] + lines[at...])))
      var altered = lines
      altered[at] = try altered[at].replacing(Regex(#"([0-9]\.[0-9])[0-9] USD"#), maxReplacements: 1) { match in
        let old = String(match.output[0].substring ?? "")
        return String(old.prefix(3)) + (old.dropFirst(3).first == "7" ? "8" : "7") + " USD"
      }
      #expect(altered != lines)
      faults.append(("line \(at + 1) altered", altered))
    }
    let blocks = text.components(separatedBy: "\n\n")
    for at in stride(from: 1, to: blocks.count - 1, by: step) {
      faults.append(
        (
          "transaction \(at) lost",
          Array(blocks[..<at] + blocks[(at + 1)...]).joined(separator: "\n\n").components(separatedBy: "\n")
        ))
      faults.append(
        (
          "transaction \(at) doubled",
          Array(blocks[...at] + blocks[at...]).joined(separator: "\n\n").components(separatedBy: "\n")
        ))
    }
    for (fault, changed) in faults {
      try changed.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
      #expect(try !check(path).ok, "unnoticed: \(fault)")
    }
  }
}
