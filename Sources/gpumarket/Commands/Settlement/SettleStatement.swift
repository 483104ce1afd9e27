import ArgumentParser
import Files
import Foundation
import Settlement

struct SettleStatement: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "statement", abstract: "A company's month: account, awards, credits, payments and savings.",
    discussion: """
      Finance names a company with --company. A company sees its own with --as on the private server, or with --mine and \
      its own login.

      --out writes a file instead. Its name says the form: .html is a page for printing, .pdf the same made by Chromium, \
      .json is JSON, anything else is text.

      EXAMPLES
        gpumarket settle statement --company acme --period 2026-12
        gpumarket settle statement --company acme --period 2026-12 --out acme-2026-12.html
        gpumarket settle statement --as acme --period 2026-12
      """)
  @Option(help: "The company (finance).") var company: String?
  @Flag(help: "Your own statement, by your own login on a shared server.") var mine = false
  @OptionGroup var acting: ActingCompany
  @Option(help: ArgumentHelp("The UTC month, such as 2026-12.", valueName: "month")) var period: String
  @Option(help: ArgumentHelp("Write it to this file.", valueName: "file")) var out: String?
  @OptionGroup var options: DatabaseOptions

  func run() throws {
    let statement = try read()
    guard let out else {
      options.json ? printJSON(statement.json) : print(statement.text, terminator: "")
      return
    }
    try writeDocument(text: statement.text, html: statement.html, json: statement.json, asJSON: options.json, to: out)
  }

  private func read() throws -> Statement {
    if mine || acting.company != nil {
      guard company == nil else {
        throw Failure(.usage, "--company is for finance", advice: "leave it out with --as or --mine")
      }
      var connection = try options.connect(as: .company(acting.company))
      return try Statement(ownOf: period, &connection)
    }
    guard let company else {
      throw Failure(
        .usage, "no company is named", advice: "add --company NAME as finance, --as NAME or --mine as a company"
      )
    }
    var connection = try options.connect(as: .finance)
    return try Statement(company: company, period: period, &connection)
  }
}

/// Writes a document whole or not at all: JSON where it is asked for, else what the file's name ends in, else text.
func writeDocument(text: String, html: String, json: JSONText, asJSON: Bool, to path: String) throws {
  if asJSON || path.hasSuffix(".json") {
    try writeAtomically(path, json.text(pretty: true) + "\n")
  } else if path.hasSuffix(".pdf") {
    try writePDF(html, to: path)
  } else {
    try writeAtomically(path, path.hasSuffix(".html") ? html : text)
  }
  printError("wrote \(path)")
}

private func writePDF(_ html: String, to path: String) throws {
  let names = ["chromium", "chromium-browser", "google-chrome"]
  let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
  let programs = names.flatMap { name in folders.map { "\($0)/\(name)" } }
  guard let program = programs.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
    throw Failure(
      .refused, "a PDF needs Chromium, which is not installed",
      advice: "write the page with --out FILE.html and print it, or install chromium")
  }
  let folder = FileManager.default.temporaryDirectory.appending(path: "gpumarket-\(UUID().uuidString)")
  // A statement is for its company's eyes, and the system's folder for everybody's.
  try FileManager.default.createDirectory(
    at: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
  defer {
    do { try FileManager.default.removeItem(at: folder) } catch { printError("could not remove \(folder.path)") }
  }
  let page = folder.appending(path: "statement.html")
  try writeAtomically(page.path, html)
  let made = folder.appending(path: "statement.pdf")
  let process = Process()
  process.executableURL = URL(filePath: program)
  process.arguments = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", "--print-to-pdf=\(made.path)",
    "--user-data-dir=\(folder.path)/profile", page.path,
  ]
  process.standardError = FileHandle.nullDevice
  process.standardOutput = FileHandle.nullDevice
  try process.run()
  process.waitUntilExit()
  guard process.terminationStatus == 0, FileManager.default.fileExists(atPath: made.path) else {
    throw Failure(.failed, "Chromium made no PDF", advice: "write the page with --out FILE.html and print it")
  }
  try writeAtomically(path, readFile(made.path))
}
