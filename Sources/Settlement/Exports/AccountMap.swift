import Files

/// From our accounts to the finance team's own codes and names: one CSV file that every export follows.
///
///     account,code,name
///     Assets:Receivable:*,1200,Assets:Trade-Receivables
///     Revenues:GPU-Hours:H100-us,4010,
///     @subsidiary,,Fund Operations LLC
///
/// The first line that fits an account counts; `*` at the end fits any rest. A line with an empty name keeps ours.
/// `@subsidiary` and `@tax-rate` set the columns of that name in NetSuite and Xero files.
public struct AccountMap: Sendable {
  struct Rule: Sendable {
    let pattern: String
    let code: String
    let name: String
    /// In the mapping file.
    var line = 0

    func fits(_ account: String) -> Bool {
      pattern.hasSuffix("*") ? account.hasPrefix(pattern.dropLast()) : account == pattern
    }
  }

  let rules: [Rule]
  let subsidiary: String
  let taxRate: String
  /// What an export's control totals say of it: `built in`, or the file's SHA-256.
  public let origin: String
  /// The mapping file as it was named, for errors.
  private let source: String

  /// The chart that stands when no file is given.
  public static let builtIn = AccountMap(
    rules: [
      Rule(pattern: "Assets:Bank", code: "1000", name: ""),
      Rule(pattern: "Assets:Receivable:*", code: "1200", name: ""),
      Rule(pattern: "Liabilities:Deposit:*", code: "2100", name: ""),
      Rule(pattern: "Liabilities:Tax", code: "2200", name: ""),
      Rule(pattern: "Revenues:GPU-Hours:*", code: "4000", name: ""),
      Rule(pattern: "Revenues:Credits:*", code: "4900", name: ""),
    ], subsidiary: "Parent Company", taxRate: "Tax Exempt", origin: "built in", source: "")

  private init(rules: [Rule], subsidiary: String, taxRate: String, origin: String, source: String) {
    self.rules = rules
    self.subsidiary = subsidiary
    self.taxRate = taxRate
    self.origin = origin
    self.source = source
  }

  /// The built-in chart as a file to start from.
  public static var template: String {
    "account,code,name\n" + builtIn.rules.map { "\($0.pattern),\($0.code),\n" }.joined()
      + "@subsidiary,,\(builtIn.subsidiary)\n@tax-rate,,\(builtIn.taxRate)\n"
  }

  /// The same for programs.
  public static var templateJSON: JSONText {
    [
      "accounts": .array(
        builtIn.rules.map { ["account": .string($0.pattern), "code": .string($0.code), "name": .string($0.name)] }),
      "subsidiary": .string(builtIn.subsidiary), "tax_rate": .string(builtIn.taxRate),
    ]
  }

  /// Reads a mapping file.
  /// - Throws: `FileProblem`, `CSVError` with line and column, or `SettlementError` for a line that cannot stand.
  public init(path: String) throws {
    let bytes = try readFile(path, limit: 1 << 22)
    var reader = try CSVReader(bytes, source: path)
    try reader.require(columns: ["account", "code", "name"])
    var rules: [Rule] = []
    var subsidiary = Self.builtIn.subsidiary
    var taxRate = Self.builtIn.taxRate
    while let record = try reader.next() {
      let account = record["account"] ?? ""
      let name = record["name"] ?? ""
      let code = record["code"] ?? ""
      guard !account.isEmpty, (name + code).unicodeScalars.allSatisfy({ $0.value >= 32 && $0 != ";" }) else {
        throw SettlementError(
          "\(path) line \(record.line): an account is missing, or a name has a character that journals refuse",
          advice: "write account,code,name without semicolons and line ends")
      }
      switch account {
      case "@subsidiary": subsidiary = name
      case "@tax-rate": taxRate = name
      default:
        guard !account.hasPrefix("@"), !account.dropLast().contains("*") else {
          throw SettlementError(
            "\(path) line \(record.line): \"\(account)\" is no account",
            advice: "name an account as settle balances prints it, or end it with * for all that begin so")
        }
        rules.append(Rule(pattern: account, code: code, name: name, line: record.line))
      }
    }
    self.init(rules: rules, subsidiary: subsidiary, taxRate: taxRate, origin: SHA256.hex(bytes), source: path)
  }

  /// The finance team's code for an account.
  func code(_ account: String) throws(SettlementError) -> String {
    guard let code = rules.first(where: { $0.fits(account) })?.code, !code.isEmpty else {
      throw SettlementError(
        "the account \(account) has no code in the mapping file",
        advice: "add a line \"\(account),CODE,\", or one that ends with *")
    }
    return code
  }

  /// Its code where there is one.
  func codeIfAny(_ account: String) -> String? {
    rules.first { $0.fits(account) }.flatMap { $0.code.isEmpty ? nil : $0.code }
  }

  /// The name that exports print.
  func name(_ account: String) -> String {
    guard let name = rules.first(where: { $0.fits(account) })?.name, !name.isEmpty else { return account }
    return name
  }

  /// The same for hledger, ledger and beancount, which take fewer names than import pages do.
  func journalName(_ account: String) throws(SettlementError) -> String {
    guard let rule = rules.first(where: { $0.fits(account) }), !rule.name.isEmpty else { return account }
    guard Self.isJournalName(rule.name) else {
      throw SettlementError(
        "\(source) line \(rule.line): the journal programs do not take \"\(rule.name)\" as the name of \(account)",
        advice: "begin it with Assets:, Liabilities:, Equity:, Revenues: or Expenses:, "
          + "each part a capital or digit, then letters, digits and dashes")
    }
    return rule.name
  }

  /// What beancount takes, and the other two as well.
  static func isJournalName(_ name: String) -> Bool {
    let parts = name.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count >= 2, ["Assets", "Liabilities", "Equity", "Revenues", "Expenses"].contains(parts[0]) else {
      return false
    }
    return parts.allSatisfy { part in
      guard let first = part.utf8.first, (65...90).contains(first) || (48...57).contains(first) else { return false }
      return part.utf8.allSatisfy {
        (65...90).contains($0) || (97...122).contains($0) || (48...57).contains($0) || $0 == 45
      }
    }
  }
}
