import ArgumentParser
import Clearing
import Files
import Instances
import Units

struct SolveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "solve", abstract: "Clear an instance file, without a database.",
    discussion: """
      The file is JSON, CATS text or MMKP text, and may be gzipped. The answer gives money in whole micro-dollars. Except for \
      the seconds it is the same, byte for byte, on every run and machine. --json adds the awards.

      EXAMPLE
        gpumarket solve instance.json --pricing vcg --json
      """)

  @Argument(help: "The instance file; - is standard input.") var instance: String
  @Option(help: "How winners pay: \(choice(of: PricingRule.allCases)).") var pricing = "none"
  @Option(help: "How hard to look: quick, standard, thorough or a number of work units.") var effort = "standard"
  @Flag(help: "Print each better allocation or bound as a JSON line on standard error.") var improvements = false
  @Flag(help: "Print JSON.") var json = false

  func run() throws {
    let rule = try readPricing(pricing, among: PricingRule.allCases)
    let effort = try readEffort(effort)
    let instance = try readInstance(path: instance)
    var control = ClearingControl()
    let start = ContinuousClock.now
    let lines = improvements
    control.onImprovement = { improvement in
      if lines {
        printError(improvement.json(seconds: start.duration(to: .now)).text())
      } else {
        showProgress("welfare \(improvement.welfare), gap \(percentUp(improvement.gap))")
      }
    }
    let clearing = clear(instance, pricing: rule, effort: effort, control: control)
    let elapsed = start.duration(to: .now).components
    let seconds = Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18
    endProgress()
    let problems = Verifier.problems(of: clearing, in: instance, pricing: rule)
    guard problems.isEmpty else {
      throw Failure(
        .failed, "the clearing fails its own audit: \(problems.joined(separator: "; "))", advice: "report this instance"
      )
    }
    if json {
      print(answerJSON(clearing, of: instance, seconds: seconds), terminator: "")
      return
    }
    print(
      "instance  \(instance.name): \(grouped(instance.bidCount)) bids, \(instance.poolCount) pools, \(instance.slotCount) slots"
    )
    print("welfare   \(grouped(clearing.welfare)) micro-dollars, \(grouped(clearing.awards.count)) awards")
    print(
      clearing.proven
        ? "proven    no allocation is worth more"
        : "bound     \(grouped(clearing.bound)) micro-dollars, gap \(percentUp(clearing.gap))")
    print("ties      \(clearing.ties.rawValue)")
    if let said = fallbackText(from: rule.rawValue, to: clearing.rule.rawValue) { print("payments  \(said)") }
    if !clearing.payments.isEmpty {
      var table = Table(
        ("company", .left), ("pays micro-dollars", .right), ("low", .right), ("high", .right), ("", .left))
      for payment in clearing.payments {
        table.add(
          payment.company, grouped(payment.payment), grouped(payment.low), grouped(payment.high),
          payment.exact ? "exact" : "interval")
      }
      print(table.text())
      let exact = clearing.payments.count(where: \.exact)
      if exact < clearing.payments.count {
        let width = clearing.meanIntervalWidth(of: instance)
        print("intervals \(widthText(exact: exact, of: clearing.payments.count, mean: width))")
      }
    }
    print("took \(rounded(seconds)) s; --json prints the awards")
  }

  private func rounded(_ seconds: Double) -> String { "\((seconds * 1000).rounded() / 1000)" }
}
