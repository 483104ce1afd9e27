import ArgumentParser

struct SettleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "settle", abstract: "What awards cause in the books: exports, invoices, payments, statements.",
    subcommands: [SettleExport.self])
}
