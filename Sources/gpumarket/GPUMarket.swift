import ArgumentParser
@preconcurrency import Glibc

/// The tool's root: one group of commands a file under `Commands/`.
@main
struct GPUMarket: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gpumarket",
    abstract: "A market for GPU-hours: sealed bids, cleared by auction, settled to the cent.",
    discussion: """
      By default commands use a private PostgreSQL server of your own and start it when needed. To use another \
      server, give --database, PG* variables or a service file.

      EXAMPLE: a market from nothing
        gpumarket migrate
        gpumarket pool add h100-us --gpus 256 --lot 8 --reserve 1.10
        gpumarket company add acme --credit 500000
        gpumarket round open --delivery 2026-12-07T00:00Z/P7D \\
          --gate 2026-12-06T12:00Z --pricing vcg
        gpumarket bid block --round 2026-12-07 --pool h100-us --gpus 64 --hours 24 \\
          --window 2026-12-07T00:00Z/2026-12-10T00:00Z --limit 2.40 --as acme
        gpumarket clear --due

      EXIT CODES
        0   done
        1   internal error, failed check, or output that could not be written
        2   refused by a rule
        3   conflict with what is stored, such as a closed gate
        4   database unavailable: try again
        64  wrong usage
      """,
    version: "0.1.0",
    subcommands: [
      ServerCommand.self, MigrateCommand.self, PoolCommand.self, CompanyCommand.self, RoundCommand.self,
      BidCommand.self, ClearCommand.self, AwardCommand.self, VerifyCommand.self, AuditCommand.self, SettleCommand.self,
      SolveCommand.self, ServeCommand.self, DoorCommand.self,
      ReplayCommand.self,
    ])

  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
      try finishOutput()
    } catch {
      report(error)
    }
  }

  /// Sees to it that what was printed has arrived: a full disk is no success.
  private static func finishOutput() throws(Failure) {
    guard let reason = outputProblem() else { return }
    throw Failure(
      .failed, "standard output could not be written: \(reason); the command itself was done",
      advice: "do not repeat it unless it only shows something; then send its output elsewhere")
  }

  /// Writes what was printed so far to where it goes; says why it did not arrive there.
  ///
  /// - Parameter readerMayLeave: who reads no further, as `head` does, misses nothing.
  static func outputProblem(readerMayLeave: Bool = true) -> String? {
    let flushed = fflush(stdout)
    let code = errno
    guard flushed != 0 || ferror(stdout) != 0 else { return nil }
    var reader = pollfd(fd: 1, events: 0, revents: 0)
    let hasLeft = poll(&reader, 1, 0) >= 1 && Int32(reader.revents) & (POLLERR | POLLHUP) != 0
    guard !hasLeft || !readerMayLeave else { return nil }
    return flushed != 0 ? String(cString: strerror(code)) : "a part of it was refused"
  }
}
