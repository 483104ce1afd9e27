import Files
import Units

// Slurm's accounting as its own tool prints it: a line a job, fields apart by |, never quoted.
extension Trace {
  /// The command whose output is read; Slurm's own times carry no zone, so they are asked for in seconds.
  public static let sacctCommand =
    "SLURM_TIME_FORMAT=%s sacct --allusers --allocations --parsable2 "
    + "--format=JobIDRaw,Account,Submit,ElapsedRaw,AllocTRES --starttime=2026-12-07 --endtime=2026-12-14"

  /// Whether a text begins as `sacct --parsable2` does.
  static func isSacct(_ bytes: [UInt8]) -> Bool {
    let header = bytes.prefix { $0 != UInt8(ascii: "\n") }
    return header.contains(UInt8(ascii: "|")) && String(decoding: header, as: UTF8.self).contains("JobID")
  }

  /// Reads what `sacctCommand` prints. Columns may stand in any order and others between them; steps of a job
  /// (`17.batch`) are part of it and left out; GPUs and their kind come from `gres/gpu` in AllocTRES.
  ///
  /// - Parameter source: how errors name the file.
  public init(sacct bytes: [UInt8], source: String) throws(CSVError) {
    // By bytes: to a String, the two that end a line on Windows are one character.
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
      String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
    }
    let columns = try SacctColumns(lines[0], source)
    var collector = JobCollector()
    for (index, line) in lines.enumerated().dropFirst() where !line.isEmpty {
      let row = SacctRow(line, line: index + 1, source: source, names: columns.names)
      try row.checkWidth()
      guard !row[columns.id].contains(".") else { continue }
      let job = try columns.job(row)
      if let earlier = collector.add(job, line: index + 1) {
        throw row.refuse(columns.id, "job \"\(job.id)\" has stood on line \(earlier)", "export without --duplicates")
      }
    }
    self.init(collector)
  }
}

/// One line, with the place of each field for refusals.
private struct SacctRow {
  let fields: [String]
  let line: Int
  let source: String
  let names: [String]

  init(_ text: String, line: Int, source: String, names: [String]) {
    fields = text.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
    self.line = line
    self.source = source == "-" ? "standard input" : source
    self.names = names
  }

  subscript(index: Int) -> String { fields[index] }

  func checkWidth() throws(CSVError) {
    guard fields.count == names.count else {
      throw CSVError(
        source: source, line: line, column: 1, field: nil,
        problem: "the line has \(fields.count) fields where the header has \(names.count)",
        advice: "export with --parsable2 and without fields that may hold a |, such as JobName")
    }
  }

  func refuse(_ index: Int, _ problem: String, _ advice: String) -> CSVError {
    CSVError(
      source: source, line: line, column: fields[..<index].reduce(1) { $0 + $1.count + 1 }, field: names[index],
      problem: problem, advice: advice)
  }

  func integer(_ index: Int, upTo most: Int64) throws(CSVError) -> Int64 {
    guard let value = Int64(fields[index]), (0...most).contains(value) else {
      throw refuse(index, "\"\(fields[index])\" is no whole number from 0 to \(most)", "export it as sacct prints it")
    }
    return value
  }
}

/// Where the fields stand that make a job.
private struct SacctColumns {
  let names: [String]
  let id, owner, submit, duration, resources: Int

  init(_ header: String, _ source: String) throws(CSVError) {
    let names = header.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
    func index(_ wanted: String...) throws(CSVError) -> Int {
      for name in wanted { if let found = names.firstIndex(of: name) { return found } }
      throw CSVError(
        source: source == "-" ? "standard input" : source, line: 1, column: 1, field: nil,
        problem: "the column \(wanted[0]) is missing", advice: "export with \(Trace.sacctCommand)")
    }
    self.names = names
    id = try index("JobIDRaw", "JobID")
    owner = try index("Account")
    submit = try index("Submit")
    duration = try index("ElapsedRaw")
    resources = try index("AllocTRES")
  }

  func job(_ row: SacctRow) throws(CSVError) -> TraceJob {
    guard !row[owner].isEmpty else { throw row.refuse(owner, "it is empty", "leave the job out, or name who pays") }
    let held = try gpus(row)
    return TraceJob(
      id: row[id], owner: row[owner], submit: try instant(row), gpus: held.count,
      duration: TimeSpan(seconds: try row.integer(duration, upTo: TraceLimits.longest)), gpuType: held.type)
  }

  private func instant(_ row: SacctRow) throws(CSVError) -> Instant {
    let text = row[submit]
    if let seconds = Int64(text), (0...TraceLimits.lastSecond).contains(seconds) { return Instant(seconds: seconds) }
    do {
      return try Instant(iso8601: text)
    } catch {
      throw row.refuse(submit, error.problem, "export with SLURM_TIME_FORMAT=%s, which gives seconds since 1970 UTC")
    }
  }

  /// `billing=8,cpu=64,gres/gpu=8,gres/gpu:h100=8,mem=1T`: eight, of kind h100. Two kinds in one job are no kind.
  private func gpus(_ row: SacctRow) throws(CSVError) -> (count: Int, type: String) {
    var total: Int?
    var kinds: [(name: String, count: Int)] = []
    for item in row[resources].split(separator: ",") {
      let pair = item.split(separator: "=", maxSplits: 1)
      guard pair.count == 2, pair[0] == "gres/gpu" || pair[0].hasPrefix("gres/gpu:") else { continue }
      guard let count = Int(pair[1]), (0...Int(TraceLimits.mostGPUs)).contains(count) else {
        throw row.refuse(resources, "\"\(item)\" is no number of GPUs", "export it as sacct prints it")
      }
      if pair[0] == "gres/gpu" { total = count } else { kinds.append((String(pair[0].dropFirst(9)), count)) }
    }
    return (total ?? kinds.reduce(0) { $0 + $1.count }, kinds.count == 1 ? kinds[0].name : "")
  }
}
