import Files
import Foundation
import Units

/// Data goes to standard output, all else to standard error.
func printError(_ text: String) {
  FileHandle.standardError.write(Data((text + "\n").utf8))
}

func printJSON(_ value: JSONText) { print(value.text(pretty: true)) }

/// Whether a person reads standard error.
var errorIsTerminal: Bool { isatty(2) == 1 }

/// Overwrites one line of a terminal; silent elsewhere.
func showProgress(_ text: String) {
  guard errorIsTerminal else { return }
  FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
}

func endProgress() { if errorIsTerminal { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) } }

/// Asks on the terminal; without one the answer must be given as `--yes`.
func confirm(_ question: String, yes: Bool) throws {
  if yes { return }
  guard isatty(0) == 1, errorIsTerminal else {
    throw Failure(.usage, "this needs a confirmation and there is no terminal to ask on", advice: "add --yes")
  }
  FileHandle.standardError.write(Data("\(question) [y/N] ".utf8))
  guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
    throw Failure(.refused, "not confirmed; nothing was done")
  }
}

/// A plain table: text to the left, numbers to the right, a header that carries the units.
struct Table {
  enum Alignment { case left, right }

  private let columns: [(title: String, alignment: Alignment)]
  private var rows: [[String]] = []

  init(_ columns: (String, Alignment)...) { self.columns = columns.map { ($0.0, $0.1) } }

  mutating func add(_ cells: String...) {
    precondition(cells.count == columns.count)
    rows.append(cells)
  }

  var isEmpty: Bool { rows.isEmpty }

  func text(indent: Int = 0) -> String {
    let widths = columns.indices.map { at in max(columns[at].title.count, rows.map { $0[at].count }.max() ?? 0) }
    func line(_ cells: [String]) -> String {
      let padded = columns.indices.map { at in
        let space = String(repeating: " ", count: widths[at] - cells[at].count)
        return columns[at].alignment == .left ? cells[at] + space : space + cells[at]
      }
      var text = String(repeating: " ", count: indent) + padded.joined(separator: "  ")
      while text.last == " " { text.removeLast() }
      return text
    }
    return ([line(columns.map(\.title))] + rows.map(line)).joined(separator: "\n")
  }
}

/// A share as a percentage with one decimal, cut, not rounded up: 99.96 % is not 100 %.
func percent(_ part: Int64, of whole: Int64) -> String {
  guard whole > 0 else { return "–" }
  let thousandths = part * 1000 / whole
  return "\(thousandths / 10).\(thousandths % 10) %"
}

/// A certified gap as people read it, `0.21 %`; rounded up, so that what is shown is certified too.
func percentUp(_ fraction: Double) -> String {
  guard fraction > 0 else { return "0.00 %" }
  let scale = fraction < 0.001 ? 1e6 : 1e4
  return String(format: fraction < 0.001 ? "%.4f %%" : "%.2f %%", (fraction * scale).rounded(.up) / scale * 100)
}

/// How open payments are.
func widthText(exact: Int, of count: Int, mean: Double) -> String {
  "\(exact) of \(count) exact; on average \(percentUp(mean)) of the company's bid wide"
}

/// Dollars per GPU-hour with four decimals, rounded up: a limit at or above it meets the price.
/// - Parameter microdollars: for all the GPU-slots together.
func dollarsPerGPUHour(_ microdollars: Int64, gpuSlots: Int64, _ length: SlotLength) -> String {
  guard gpuSlots > 0 else { return "–" }
  let quantity = Int128(gpuSlots) * Int128(length.minutes) * 100
  let ticks = (Int128(microdollars) * 60 + quantity - 1) / quantity
  return "\(ticks / 10_000).\(String(Int64(ticks % 10_000) + 10_000).dropFirst())"
}
