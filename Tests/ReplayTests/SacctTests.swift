import Files
import Foundation
import Replay
import Testing
import Units

/// What a cluster's operator has at hand: the output of Slurm's `sacct`.
@Suite("Slurm's accounting") struct SacctTests {
  static let header = "JobIDRaw|Account|Submit|ElapsedRaw|AllocTRES\n"

  static func message(_ body: String, header: String = header) -> String {
    do {
      _ = try Trace(sacct: Array((header + body).utf8), source: "s.txt")
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test func readsJobsAndTheirGPUs() throws {
    let text = """
      User|JobID|Submit|Account|AllocTRES|ElapsedRaw|State
      ann|12|1765065600|vision|billing=8,cpu=64,gres/gpu=8,gres/gpu:h100=8,mem=1T|7200|COMPLETED
      ann|12.batch|1765065600|vision|cpu=64,gres/gpu=8|7200|COMPLETED
      bob|11_3|2025-12-06T23:00:00+01:00|speech|cpu=4,gres/gpu:a100=2,gres/gpu:h100=1,node=1|60|FAILED
      bob|13|1765065700|speech|cpu=4,mem=8G|60|COMPLETED
      bob|14|1765065700|speech||0|CANCELLED by 17
      eve|15|1765065800|speech|gres/gpu=1|0|CANCELLED by 17

      """
    let folder = FileManager.default.temporaryDirectory.appending(path: "sacct-\(UUID().uuidString).txt")
    try text.write(to: folder, atomically: true, encoding: .utf8)
    defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: folder) } }
    let trace = try Trace.read(folder.path)
    #expect(
      trace.jobs == [
        TraceJob(
          id: "11_3", owner: "speech", submit: Instant(seconds: 1_765_058_400), gpus: 3,
          duration: TimeSpan(seconds: 60),
          gpuType: ""),
        TraceJob(
          id: "12", owner: "vision", submit: Instant(seconds: 1_765_065_600), gpus: 8,
          duration: TimeSpan(seconds: 7200), gpuType: "h100"),
      ])
    #expect((trace.skippedWithoutGPUs, trace.skippedWithoutDuration) == (2, 1))
  }

  @Test(arguments: [
    (
      "1|x|2026-12-07T00:00:00|5|gres/gpu=1\n",
      "s.txt line 2, column 5 (Submit): \"2026-12-07T00:00:00\" is not a time: the zone is missing; export with SLURM_TIME_"
    ),
    ("1|x|5|soon|gres/gpu=1\n", "s.txt line 2, column 7 (ElapsedRaw): \"soon\" is no whole number from 0 to "),
    ("1||5|5|gres/gpu=1\n", "s.txt line 2, column 3 (Account): it is empty; "),
    ("1|x|5|5|cpu=1,gres/gpu=many\n", "s.txt line 2, column 9 (AllocTRES): \"gres/gpu=many\" is no number of GPUs; "),
    ("1|x|5|5|gres/gpu=1\n1|x|5|5|\n", "s.txt line 3, column 1 (JobIDRaw): job \"1\" has stood on line 2; "),
    ("1|x|5|5|gres/gpu=1|more\n", "s.txt line 2, column 1: the line has 6 fields where the header has 5; "),
  ])
  func refusesWithLineAndColumn(body: String, message: String) {
    #expect(Self.message(body).hasPrefix(message), "\(Self.message(body))")
  }

  @Test func linesMayEndAsOnWindows() throws {
    let text = Self.header + "1|x|5|60|gres/gpu=1\n2|y|6|60|gres/gpu=2\n"
    let plain = try Trace(sacct: Array(text.utf8), source: "s.txt")
    let windows = try Trace(sacct: Array(text.replacing("\n", with: "\r\n").utf8), source: "s.txt")
    #expect(plain.jobs.count == 2 && windows.jobs == plain.jobs)
    let header = Self.header.replacing("\n", with: "\r\n")
    let twice = Self.message("1|x|5|5|gres/gpu=1\r\n1|x|5|5|\r\n", header: header)
    #expect(twice.hasPrefix("s.txt line 3, column 1 (JobIDRaw): job \"1\" has stood on line 2; "), "\(twice)")
  }

  @Test func aMissingColumnSaysHowToExport() {
    let said = Self.message("", header: "JobID|Submit|ElapsedRaw|AllocTRES\n")
    #expect(
      said.hasPrefix("s.txt line 1, column 1: the column Account is missing; export with SLURM_TIME_FORMAT=%s sacct "))
  }
}
