import ArgumentParser

struct SettleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "settle", abstract: "The books: exports, statements, invoices, payments, deposits, corrections.",
    subcommands: [
      SettleExport.self, SettleStatement.self, SettleInvoice.self, SettlePayment.self, SettleDeposit.self,
      SettlePeriod.self, SettleBalances.self, SettleCheck.self, SettleAccounts.self, SettleTerms.self,
      SettleRelease.self, SettleAdjust.self,
    ])
}
