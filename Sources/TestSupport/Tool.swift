import Foundation

/// Runs the built `gpumarket` as its user would.
public struct Tool: Sendable {
  /// What a run printed and how it ended.
  public struct Run: Sendable {
    /// The exit status; the signal's number negated where one ended it.
    public let status: Int32
    /// Standard output.
    public let output: String
    /// Standard error.
    public let error: String
  }

  /// Variables of the environment beside those of this process; `GPUMARKET_HOME` and no `PG*`.
  public let environment: [String: String]

  /// - Parameters:
  ///   - home: the private server's folder.
  ///   - environment: more variables.
  public init(home: String, environment: [String: String] = [:]) {
    var all = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("PG") }
    all["GPUMARKET_HOME"] = home
    all["GPUMARKET_SQL"] = nil
    all.merge(environment) { $1 }
    self.environment = all
  }

  /// The executable: beside the tests.
  public static var path: String {
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: ".build/debug/gpumarket").path
  }

  /// Starts it without waiting; standard output and error go to files that `finish` reads.
  public func start(_ arguments: [String], input: String = "") throws -> Running {
    let process = Process()
    process.executableURL = URL(filePath: Tool.path)
    process.arguments = arguments
    process.environment = environment
    let folder = FileManager.default.temporaryDirectory.appending(path: "tool-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    func file(_ name: String, _ text: String = "") throws -> URL {
      let url = folder.appending(path: name)
      try text.write(to: url, atomically: false, encoding: .utf8)
      return url
    }
    process.standardInput = try FileHandle(forReadingFrom: file("in", input))
    process.standardOutput = try FileHandle(forWritingTo: file("out"))
    process.standardError = try FileHandle(forWritingTo: file("error"))
    try process.run()
    return Running(process: process, folder: folder)
  }

  /// Runs it to its end.
  @discardableResult
  public func run(_ arguments: String..., input: String = "") throws -> Run { try run(arguments, input: input) }

  /// Runs it to its end.
  @discardableResult
  public func run(_ arguments: [String], input: String = "") throws -> Run {
    try start(arguments, input: input).finish()
  }

  /// A run under way.
  public struct Running {
    /// The process, to signal it.
    public let process: Process
    let folder: URL

    /// Waits for its end.
    public func finish() throws -> Run {
      process.waitUntilExit()
      defer { removeFolder() }
      func text(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: folder.appending(path: name)), as: UTF8.self)
      }
      let status = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
      return Run(status: status, output: try text("out"), error: try text("error"))
    }

    private func removeFolder() {
      do {
        try FileManager.default.removeItem(at: folder)
      } catch {
        FileHandle.standardError.write(Data("cannot remove \(folder.path): \(error)\n".utf8))
      }
    }
  }
}
