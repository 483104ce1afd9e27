import Clearing
import Instances

/// What `gpumarket solve FILE --pricing RULE --effort EFFORT --json` prints, but for the seconds, by whatever flags this was
/// compiled with.
@main
struct Answer {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 4, let rule = PricingRule(rawValue: arguments[2]), let effort = Effort(text: arguments[3])
    else { fatalError("usage: answer FILE RULE EFFORT") }
    let instance = try readInstance(path: arguments[1])
    print(answerJSON(clear(instance, pricing: rule, effort: effort), of: instance, seconds: 0), terminator: "")
  }
}
