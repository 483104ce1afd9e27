import Files
import Foundation
import Postgres
import TestSupport
import Testing

/// The market on a server as finance would run it: TCP, TLS, passwords by SCRAM.
@Suite("Remote server")
struct RemoteServerTests {
  @Test func companiesBidOverVerifiedTLS() throws {
    let server = try TLSServer()
    var root = try Connection(conninfo: server.localConninfo())
    for (role, password) in [("admin_person", "pw-a"), ("operator_person", "pw-o"), ("clearing_host", "pw-c")] {
      try root.script("CREATE ROLE \(role) LOGIN \(role == "admin_person" ? "SUPERUSER" : "") PASSWORD '\(password)'")
    }
    let folder = try TestFolder()
    let tool = Tool(home: folder.path + "/home", environment: ["PGSSLROOTCERT": server.authority])
    func address(_ user: String, _ password: String) -> String { "\(server.address) user=\(user) password=\(password)" }

    let admin = address("admin_person", "pw-a")
    #expect(try tool.run("migrate", "--database", admin).status == 0)
    try root.script("GRANT market_operator TO operator_person; GRANT market_clearing TO clearing_host")
    let asOperator = address("operator_person", "pw-o")
    #expect(try tool.run("pool", "add", "h100", "--gpus", "64", "--reserve", "1", "--database", asOperator).status == 0)
    let added = try tool.run("company", "add", "acme", "--credit", "5000", "--json", "--database", asOperator)
    let credential = try JSONReader.parse(Array(added.output.utf8), source: "credential")
    let opened = try tool.run(
      "round", "open", "--name", "w", "--delivery", "2036-12-08T00:00Z/P1D", "--gate", "2036-12-07T12:00Z",
      "--pricing", "pay-as-bid", "--database", asOperator)
    #expect(opened.status == 0, "\(opened.error)")

    let company = address(try credential.at("login").string(), try credential.at("password").string())
    let bid = [
      "bid", "block", "--round", "w", "--pool", "h100", "--gpus", "8", "--hours", "2", "--limit", "2", "--window",
      "2036-12-08T00:00Z/P1D", "--yes", "--database",
    ]
    let placed = try tool.run(bid + [company])
    #expect(placed.status == 0, "\(placed.error)")
    let wrong = try tool.run(bid + [address(try credential.at("login").string(), "guess")])
    #expect(wrong.status == 2)
    #expect(wrong.error.contains("password authentication failed"))
    let plain = try tool.run(bid + [company + " sslmode=disable"])
    #expect(plain.status == 64)
    #expect(
      try tool.run("company", "cap", "acme", "--pool", "h100", "--gpus", "32", "--database", asOperator).status == 0)
    let account = try tool.run("company", "list", "--mine", "--database", company)
    #expect(account.output.contains("credit 5000.00 USD, exposure 32.00 USD"), "\(account.error)")
    #expect(account.output.contains("at most 32 GPUs of h100"), "\(account.error)")
    let elsewhere = try tool.run("pool", "list", "--database", company + " dbname=nodb")
    #expect(elsewhere.status == 2 && elsewhere.error.contains("does not exist"), "\(elsewhere.error)")
    // Each role does its own work and no other's.
    #expect(try tool.run("round", "close", "w", "--yes", "--database", company).status == 2)
    #expect(try tool.run("round", "close", "w", "--yes", "--database", asOperator).status == 0)
    #expect(try tool.run("clear", "--due", "--database", asOperator).status == 2)
    let cleared = try tool.run("clear", "--due", "--database", address("clearing_host", "pw-c"))
    #expect(cleared.status == 0, "\(cleared.error)")
    let awards = try tool.run("award", "list", "--mine", "--json", "--database", company)
    #expect(awards.output.contains("\"payment_usd\": \"32.00\""))
    // Everyone may read the round; what each company pays is not a company's to see.
    let seen = try tool.run("round", "show", "w", "--database", company)
    #expect(seen.status == 0 && seen.output.contains("utilisation") && !seen.output.contains("acme"), "\(seen.error)")
    #expect(try tool.run("round", "show", "w", "--database", asOperator).output.contains("acme"))
  }
}
