import Foundation
import TestSupport
import Testing

/// What a company and the auditor are told where the statement is not what the database says now.
@Suite("Verify command", .serialized)
struct VerifyCommandTests {
  let market: ToolMarket

  init() throws { market = try ToolMarket() }

  @Test func aKeyThatIsMadeIsSaidToBeNew() throws {
    let file = market.folder.path + "/new.key"
    try market.expect(0, "verify", "key", "--key", file, saying: "there was no key here")
    let again = try market.expect(0, "verify", "key", "--key", file)
    #expect(again.error.isEmpty, "\(again.error)")
  }

  @Test func editedTermsAreNamed() throws {
    let receipt = market.folder.path + "/receipt.json"
    _ = try market.place(market.block("8", limit: "2.00", "--receipt", receipt))
    try market.expect(0, "round", "close", "w", "--yes")
    try market.expect(0, "clear", "--due")
    let statement = ["--statement", market.folder.path + "/home/statements/w.json"]
    let own = ["verify", "--receipt", receipt, "--as", "acme"] + statement
    let all = ["verify", "--round", "w"] + statement
    try market.expect(0, own, saying: "the entry is in the sealed book, unchanged")
    try market.expect(0, all, saying: "pass  the signed closing statement\n")
    let edit = "SET session_replication_role = replica; UPDATE market.round_pool SET reserve_price = reserve_price"
    try market.administer(edit + " + 100000")
    try market.expect(1, own, saying: "what the round offers, or how it is priced, is not what was signed")
    try market.expect(1, all, saying: "what the round offers, or how it is priced, is not what was signed")
    try market.administer(edit + " - 100000")
    // Whoever names no key is told that he takes the file's word for it.
    let shown = try market.expect(0, "verify", "key")
    #expect(shown.error.isEmpty, "\(shown.error)")
    let key = shown.output.trimmingCharacters(in: .newlines)
    for check in [own, all] {
      try market.expect(0, check, saying: "signed by \(key): give --clearing-key")
      let pinned = try market.expect(0, check + ["--clearing-key", key])
      #expect(!pinned.error.contains("--clearing-key"), "\(pinned.error)")
    }
  }
}
