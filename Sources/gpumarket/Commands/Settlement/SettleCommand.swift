import ArgumentParser

struct SettleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "settle", abstract: "What awards cause in the books: exports, invoices, payments, statements.",
    subcommands: [
      SettleExport.self, SettleStatement.self, SettleInvoice.self, SettlePayment.self, SettleDeposit.self,
      SettlePeriod.self, SettleBalances.self, SettleCheck.self, SettleAccounts.self, SettleTerms.self,
      SettleRelease.self, SettleAdjust.self,
    ])
}
