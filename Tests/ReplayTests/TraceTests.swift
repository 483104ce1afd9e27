import Files
import Foundation
import Replay
import Testing
import Units

@Suite("Job histories") struct TraceTests {
  static let header = "job_id,owner,submit_unix,gpus,duration_s,gpu_type\n"

  static func message(_ body: String, header: String = header) -> String {
    do {
      _ = try Trace(csv: Array((header + body).utf8), source: "h.csv")
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test func sortsBySubmissionAndKeepsTheOrderOfEqualTimes() throws {
    let text = Self.header + "c,x,200,1,10,\nb,x,100,2,20,h100\na,y,100,4,30,\n"
    let trace = try Trace(csv: Array(text.utf8), source: "h.csv")
    #expect(trace.jobs.map(\.id) == ["b", "a", "c"])
    #expect(
      trace.jobs[0]
        == TraceJob(
          id: "b", owner: "x", submit: Instant(seconds: 100), gpus: 2, duration: TimeSpan(seconds: 20),
          gpuType: "h100"))
  }

  @Test func skipsAndCountsWhatUsedNothing() throws {
    let text = "owner,job_id,gpus,submit_unix,duration_s\nx,a,0,1,10\nx,b,1,1,0\nx,c,0,1,0\nx,d,1,1,1\n"
    let trace = try Trace(csv: Array(text.utf8), source: "h.csv")
    #expect(trace.jobs.map(\.id) == ["d"])
    #expect(trace.jobs[0].gpuType.isEmpty)
    #expect((trace.skippedWithoutGPUs, trace.skippedWithoutDuration) == (2, 1))
  }

  @Test(arguments: [
    ("a,x,1,-1,1,\n", "h.csv line 2, column 7 (gpus): -1 is below 0; give a number from 0 to 1000000"),
    ("a,x,1,1,1,\nb,x,1,1,-5,\n", "h.csv line 3, column 9 (duration_s): -5 is below 0; "),
    ("a,x,soon,1,1,\n", "h.csv line 2, column 5 (submit_unix): \"soon\" is not a whole number; "),
    ("a,x,1,1.5,1,\n", "h.csv line 2, column 7 (gpus): \"1.5\" is not a whole number; "),
    ("a,,1,1,1,\n", "h.csv line 2, column 3 (owner): it is empty; fill it in, or leave the job out"),
    ("a,x,1,1,1,\n\na,x,1,1,1,\n", "h.csv line 4, column 1 (job_id): job \"a\" has stood on line 2; "),
    ("a,x,1,1\n", "h.csv line 2, column 7: the record has 4 fields where the header has 6; "),
  ])
  func refusesWithLineAndColumn(body: String, message: String) {
    #expect(Self.message(body).hasPrefix(message), "\(Self.message(body))")
  }

  @Test func headerMustBeKnown() {
    #expect(
      Self.message("", header: "job_id,owner,submit_unix,gpus,seconds\n")
        == "h.csv line 1, column 1: the column \"duration_s\" is missing; "
        + "the header needs job_id,owner,submit_unix,gpus,duration_s and may have gpu_type")
  }

  @Test func aMissingFileSaysSo() {
    #expect {
      try Trace.read("/nowhere/h.csv.gz")
    } throws: {
      "\($0)".hasPrefix("/nowhere/h.csv.gz: cannot open it: No such file or directory; ")
    }
  }

  @Test func selectionIsHalfOpen() throws {
    let day: Int64 = 86_400
    let text = Self.header + [0, day - 1, day, 2 * day - 1, 2 * day].map { "j\($0),x,\($0),1,1,\n" }.joined()
    let trace = try Trace(csv: Array(text.utf8), source: "h.csv")
    #expect(trace.select(from: Instant(seconds: day), days: 1).map(\.id) == ["j86400", "j172799"])
  }

  @Test(
    .enabled(if: Places.philly != nil, "real histories are not here"),
    arguments: [
      ("2017-09-25T00:00Z", 4909, 12), ("2017-10-02T00:00Z", 11_386, 11),
    ])
  func phillyWeeksAreWhole(from: String, jobs: Int, owners: Int) throws {
    let trace = try Trace.read(try #require(Places.philly))
    #expect(trace.jobs.count == 82_247)
    let week = trace.select(from: try Instant(iso8601: from), days: 7)
    #expect(week.count == jobs)
    #expect(Set(week.map(\.owner)).count == owners)
  }

  @Test func bundledHistoryIsWhatItsGeneratorWrites() throws {
    let generator = Process()
    generator.executableURL = URL(filePath: "/usr/bin/env")
    generator.arguments = ["python3", Places.root.appending(path: "tools/generate_history.py").path]
    let output = Pipe()
    generator.standardOutput = output
    try generator.run()
    let written = try #require(try output.fileHandleForReading.readToEnd())
    generator.waitUntilExit()
    #expect(generator.terminationStatus == 0)
    #expect(try readFile(Places.bundled) == Array(written))
  }

  @Test func bundledHistoryIsAWeekOfTenCompanies() throws {
    let trace = try Trace.read(Places.bundled)
    let week = trace.select(from: try Instant(iso8601: "2026-12-07T00:00Z"), days: 7)
    #expect(week.count == 780)
    #expect(trace.jobs.count == week.count)
    #expect(Set(week.map(\.owner)).count == 10)
    #expect(Set(week.map(\.gpus)) == [1, 2, 4, 8, 16, 32, 64])
    #expect(Set(week.map(\.gpuType)) == ["h100", "a100", ""])
  }
}
