import Files
import Units

/// One job of a history: what was asked for, when, and how long it ran.
public struct TraceJob: Hashable, Sendable {
  /// Unique in its history.
  public let id: String
  /// The group that pays; becomes a company.
  public let owner: String
  /// When it entered the queue.
  public let submit: Instant
  /// GPUs held while it ran, at least 1.
  public let gpus: Int
  /// Run time without queueing, at least a second.
  public let duration: TimeSpan
  /// Kind of GPU asked for, such as `h100`; empty where the history does not say.
  public let gpuType: String

  /// A job; the reader of histories checks the ranges.
  public init(id: String, owner: String, submit: Instant, gpus: Int, duration: TimeSpan, gpuType: String) {
    self.id = id
    self.owner = owner
    self.submit = submit
    self.gpus = gpus
    self.duration = duration
    self.gpuType = gpuType
  }
}

/// A job history, in order of submission; equal times keep the file's order.
///
/// Either what Slurm's `sacct --parsable2` prints (see `init(sacct:source:)`), or CSV, plain or gzip, with the columns `job_id,owner,submit_unix,gpus,duration_s` and, if wanted,
/// `gpu_type`. Jobs without GPUs and jobs that never ran (0 seconds) are what any scheduler's accounting
/// contains: they are skipped and counted. Negative numbers and a job number that appears twice are
/// errors with their line and column.
public struct Trace: Sendable {
  /// Those that held GPUs for some time, in order of submission.
  public let jobs: [TraceJob]
  /// Jobs that held no GPU, not in `jobs`.
  public let skippedWithoutGPUs: Int
  /// Jobs that held GPUs for no time, not in `jobs`.
  public let skippedWithoutDuration: Int

  /// Reads a history from a file; "-" is standard input.
  public static func read(_ path: String) throws(TraceProblem) -> Trace {
    let bytes: [UInt8]
    do { bytes = try readFile(path) } catch { throw .file(error) }
    do {
      return isSacct(bytes) ? try Trace(sacct: bytes, source: path) : try Trace(csv: bytes, source: path)
    } catch { throw .content(error) }
  }

  /// Reads a history from CSV text.
  /// - Parameter source: how errors name the file.
  public init(csv bytes: [UInt8], source: String) throws(CSVError) {
    var reader = try CSVReader(bytes, source: source)
    try reader.require(
      columns: ["job_id", "owner", "submit_unix", "gpus", "duration_s"], optional: ["gpu_type"])
    let columns = Columns(reader)
    var collector = JobCollector()
    while let record = try reader.next() {
      let job = try columns.job(record)
      if let line = collector.add(job, line: record.line) {
        throw record.refuse(
          columns.id, "job \"\(job.id)\" has stood on line \(line)", "give each job a number of its own")
      }
    }
    self.init(collector)
  }

  init(_ collector: JobCollector) {
    // The standard sort is stable in fact but not by promise, so the position decides ties.
    jobs = collector.jobs.enumerated().sorted { ($0.element.submit, $0.offset) < ($1.element.submit, $1.offset) }
      .map(\.element)
    skippedWithoutGPUs = collector.withoutGPUs
    skippedWithoutDuration = collector.withoutDuration
  }

  /// The jobs submitted from an instant on, for a number of days of 24 hours.
  public func select(from start: Instant, days: Int) -> [TraceJob] {
    let end = start + TimeSpan(hours: Int64(days) * 24)
    return jobs.filter { start <= $0.submit && $0.submit < end }
  }
}

/// Gathers the jobs of a history, whatever its form.
struct JobCollector {
  private(set) var jobs: [TraceJob] = []
  private(set) var withoutGPUs = 0
  private(set) var withoutDuration = 0
  private var lines: [String: Int] = [:]

  /// Takes a job, or says on which line one of its number has stood.
  mutating func add(_ job: TraceJob, line: Int) -> Int? {
    if let earlier = lines.updateValue(line, forKey: job.id) { return earlier }
    if job.gpus == 0 {
      withoutGPUs += 1
    } else if job.duration.seconds == 0 {
      withoutDuration += 1
    } else {
      jobs.append(job)
    }
    return nil
  }
}

/// Why a history could not be read.
public enum TraceProblem: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file cannot be read.
  case file(FileProblem)
  /// A line is not of the form, or says what no history can.
  case content(CSVError)

  /// The problem's own sentence, with its place and the next step.
  public var description: String {
    switch self {
    case .file(let problem): problem.description
    case .content(let error): error.description
    }
  }
}

/// What a history may hold: seconds until the end of the year 9999, ten years of run time, a million GPUs.
enum TraceLimits {
  static let lastSecond: Int64 = 253_402_300_799
  static let longest: Int64 = 3653 * 86_400
  static let mostGPUs: Int64 = 1_000_000
}

/// Where a history's columns stand.
private struct Columns {
  var id = 0
  var owner = 0
  var submit = 0
  var gpus = 0
  var duration = 0
  var type: Int?

  init(_ reader: CSVReader) {
    id = reader.index(of: "job_id") ?? 0
    owner = reader.index(of: "owner") ?? 0
    submit = reader.index(of: "submit_unix") ?? 0
    gpus = reader.index(of: "gpus") ?? 0
    duration = reader.index(of: "duration_s") ?? 0
    type = reader.index(of: "gpu_type")
  }

  func job(_ record: CSVRecord) throws(CSVError) -> TraceJob {
    for column in [id, owner] where record[column].isEmpty {
      throw record.refuse(column, "it is empty", "fill it in, or leave the job out")
    }
    return TraceJob(
      id: record[id], owner: record[owner],
      submit: Instant(seconds: try record.integer(submit, in: 0...TraceLimits.lastSecond)),
      gpus: Int(try record.integer(gpus, in: 0...TraceLimits.mostGPUs)),
      duration: TimeSpan(seconds: try record.integer(duration, in: 0...TraceLimits.longest)),
      gpuType: type.map { record[$0] } ?? "")
  }
}
