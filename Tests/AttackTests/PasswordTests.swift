import Files
import Foundation
import Market
import Postgres
import TestSupport
import Testing
import Units

/// A company's password is its own: it makes or changes it, and operator and server see a verifier.
@Suite("Passwords", .serialized)
struct PasswordTests {
  /// It asks companies for their passwords, and writes every statement into its log.
  static let server = Result { try prepared() }

  private static func prepared() throws -> TestServer {
    let server = try TestServer.durable()
    try "local all +market_company scram-sha-256\nlocal all all trust\n".write(
      toFile: server.server.home + "/data/pg_hba.conf", atomically: false, encoding: .utf8)
    var root = try Connection(conninfo: server.conninfo())
    try root.script("ALTER SYSTEM SET log_statement = 'all'")
    try root.script("SELECT pg_reload_conf()")
    // The server reads it a moment later, both files at once.
    for _ in 0..<500 {
      var fresh = try Connection(conninfo: server.conninfo())
      if try fresh.query("SHOW log_statement").one().get("log_statement", as: String.self) == "all" { break }
      usleep(20_000)
    }
    return server
  }

  let market: TestMarket
  let acme: Credential
  let tool: Tool

  init() throws {
    market = try TestMarket(on: Self.server.get())
    var asOperator = try market.asOperator()
    acme = try Companies.add(&asOperator, name: "acme", credit: Money(dollars: "5000"))
    tool = Tool(home: try TestFolder.make())
  }

  /// The connection string of a company's login.
  private func address(_ login: String, _ password: String?) -> String {
    let quoted = (password ?? "").replacing("\\", with: "\\\\").replacing("'", with: "\\'")
    return market.conninfo(login) + " password='\(quoted)'"
  }

  /// Which company a password lets in; nil where it is refused.
  private func company(_ login: String, _ password: String?) throws -> String? {
    do {
      var connection = try Connection(conninfo: address(login, password))
      let isAsked = connection.usedPassword
      #expect(isAsked)
      return try Companies.account(&connection).company
    } catch {
      guard error.message.contains("password authentication failed") else { throw error }
      return nil
    }
  }

  private func stored(_ login: String) throws -> String {
    var owner = try market.connect(nil)
    return try owner.query("SELECT rolpassword FROM pg_authid WHERE rolname = \(login)").one().get("rolpassword")
  }

  private func audited() throws -> [AuditLine] {
    var auditor = try market.asAuditor()
    return try AuditLine.read(since: nil, most: 1000, &auditor)
  }

  private func log() throws -> String {
    try String(contentsOfFile: Self.server.get().server.home + "/server.log", encoding: .utf8)
  }

  private func json(_ run: Tool.Run) throws -> JSONValue {
    #expect(run.status == 0, "\(run.output)\(run.error)")
    return try JSONReader.parse(Array(run.output.utf8), source: "output")
  }

  @Test func aCompanyChangesItsOwn() throws {
    #expect(try company(acme.login, acme.password) == "acme")
    var session = try Connection(conninfo: address(acme.login, acme.password))
    let said = try json(
      tool.run("company", "password", "--yes", "--json", "--database", address(acme.login, acme.password)))
    let password = try said.at("password").string()
    #expect(try said.at("login").string() == acme.login)
    #expect(try said.at("company").string() == "acme")

    #expect(throws: PostgresError.self) { _ = try Companies.account(&session) }
    #expect(try company(acme.login, acme.password) == nil)
    #expect(try company(acme.login, password) == "acme")
    let lines = try audited().filter { $0.act == "change password" }
    #expect(lines.map(\.actor) == [acme.login])
    #expect(lines.map(\.subject) == ["acme"] && lines.map(\.details) == ["{}"])
    // The log holds the statement and its parameter, which is not the password.
    let written = try log()
    #expect(written.contains("market.change_own_password($1)"))
    #expect(try written.contains(stored(acme.login)))
    #expect(!written.contains(password))
  }

  @Test func onesOwnIsReadFromStandardInput() throws {
    let own = "it's my own \\ pässword"
    func change(_ input: String) throws -> Tool.Run {
      try tool.run(
        ["company", "password", "--own", "--yes", "--database", address(acme.login, acme.password)], input: input)
    }
    for (input, words) in [
      ("fourteen chars\n", "a password of 14 characters is not taken"), ("", "standard input holds no password"),
      ("a tab\tis no character\n", "holds a control character"),
    ] {
      let run = try change(input)
      #expect([2, 64].contains(run.status) && run.error.contains(words), "\(run.error)")
    }
    #expect(try company(acme.login, acme.password) == "acme")
    let run = try change(own + "\n")
    #expect(run.status == 0 && run.output.contains("changed the password of acme"), "\(run.error)")
    #expect(!(run.output + run.error).contains(own))
    #expect(try company(acme.login, acme.password) == nil)
    #expect(try company(acme.login, own) == "acme")
  }

  /// What PostgreSQL could not read as a verifier it would take for a password.
  @Test func onlyAVerifierIsStored() throws {
    let sound = try NewPassword().verifier
    var connection = try Connection(conninfo: address(acme.login, acme.password))
    let before = try stored(acme.login)
    let others: [String?] = [
      nil, "", "hunter2", "a plain password of some length", "md50123456789abcdef0123456789abcdef",
      String(sound.dropLast()), "\(sound)\n", " \(sound)", "\(sound)\(sound)", sound.lowercased(),
      sound.replacing("4096", with: "0000"), sound.replacing("4096", with: "409"), sound.replacing("$4096", with: ""),
      sound.replacing("==$", with: "$"), sound.replacing("==$", with: "=$"), sound.replacing("==$", with: "===$"),
      sound.replacing("SHA-256", with: "SHA-1"), sound.replacing("=:", with: ":"),
    ]
    for bad in others {
      let error = refusal { try connection.query("SELECT market.change_own_password(\(bad))") }
      #expect(error?.sqlState == "GM400", "\(bad ?? "NULL") gave \(String(describing: error))")
      #expect(error?.hint == "gpumarket company verifier makes one")
    }
    #expect(try stored(acme.login) == before)
    #expect(try !audited().contains { $0.act == "change password" })
    try connection.query("SELECT market.change_own_password(\(sound))")
    #expect(try stored(acme.login) == sound)
  }

  @Test func nobodyChangesItInItsPlace() throws {
    let verifier = try NewPassword().verifier
    let before = try stored(acme.login)
    for role in ["market_operator", "market_clearing", "market_finance", "market_auditor"] {
      var other = try market.connect(role)
      for call in ["change_own_password('\(verifier)')", "end_own_sessions()"] {
        let error = refusal { try other.query(SQL(unsafeRaw: "SELECT market.\(call)")) }
        #expect(error?.sqlState == "42501", "\(role): \(String(describing: error))")
      }
    }
    // The identity is the login, not the role that is set.
    var superuser = try market.connect(nil)
    try superuser.execute("SET ROLE \(identifier: acme.login)")
    let error = refusal { try superuser.query("SELECT market.change_own_password(\(verifier))") }
    #expect(error?.sqlState == "GM403")
    #expect(try stored(acme.login) == before)
    // One that has left has no password to change.
    var session = try Connection(conninfo: address(acme.login, acme.password))
    try superuser.script("RESET ROLE; UPDATE market.company SET revoked_at = clock_timestamp()")
    #expect(refusal { try session.query("SELECT market.change_own_password(\(verifier))") }?.sqlState == "GM403")
  }

  /// Else a company could fill the audit log with lines of its own.
  @Test func itIsChangedTwentyTimesADay() throws {
    var connection = try Connection(conninfo: address(acme.login, acme.password))
    var last = try NewPassword()
    for _ in 0..<20 {
      last = try NewPassword()
      try Companies.changeOwnPassword(&connection, to: last)
    }
    let run = try tool.run("company", "password", "--yes", "--database", address(acme.login, last.text))
    #expect(run.status == 3 && run.error.contains("twenty times within a day; the old password still holds"))
    #expect(try company(acme.login, last.text) == "acme")
    #expect(try audited().filter { $0.act == "change password" }.count == 20)
    // The operator's is another matter.
    var asOperator = try market.asOperator()
    let fresh = try Companies.rotate(&asOperator, company: "acme")
    #expect(try company(acme.login, fresh.password) == "acme")
  }

  @Test func whatCannotBeShownIsNotSet() throws {
    let said = tool.environment["GPUMARKET_HOME", default: "/tmp"] + "/error"
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = [
      "-c", "exec \"$0\" company password --yes --database \"$1\" >/dev/full 2>\"$2\"", Tool.path,
      address(acme.login, acme.password), said,
    ]
    process.environment = tool.environment
    try process.run()
    process.waitUntilExit()
    let error = try String(contentsOfFile: said, encoding: .utf8)
    #expect(process.terminationStatus == 1 && error.contains("the old password still holds"), "\(error)")
    #expect(try company(acme.login, acme.password) == "acme")
  }

  /// Whichever message is lost, the command finds out which password holds.
  @Test(arguments: [[.reply], [.request], [.request, .reply]] as [[LosingProxy.Loss]])
  func aLostMessageLocksNobodyOut(_ losses: [LosingProxy.Loss]) throws {
    let proxy = try LosingProxy(
      to: FaultMarket.serverSocket(market.conninfo(nil)), marker: "change_own_password", losses: losses)
    let run = try tool.run(
      "company", "password", "--yes", "--json", "--database",
      "host=\(proxy.folder) port=5432 user=\(acme.login) dbname=\(market.database) password=\(acme.password ?? "")")
    let password = try json(run).at("password").string()
    #expect(proxy.count == losses.count && run.error.contains("looking which password holds"), "\(run.error)")
    #expect(try company(acme.login, acme.password) == nil)
    #expect(try company(acme.login, password) == "acme")
  }

  /// The change is committed before the sessions end.
  @Test func whichPasswordHoldsIsSaidWhereSessionsDoNotEnd() throws {
    var owner = try market.connect(nil)
    try owner.script("REVOKE EXECUTE ON FUNCTION market.end_own_sessions() FROM market_company")
    let run = try tool.run("company", "password", "--yes", "--database", address(acme.login, acme.password))
    #expect(
      run.status == 2 && run.error.contains("the new password holds, but the login's other sessions were not ended"),
      "\(run.error)")
    #expect(!run.error.contains("old password"), "\(run.error)")
    let shown = run.output.firstMatch(of: /password  (\S+)/).map { String($0.1) }
    #expect(try company(acme.login, acme.password) == nil)
    #expect(try company(acme.login, shown) == "acme")
  }

  /// Somebody else changes it while the command looks which one holds.
  @Test func neitherPasswordMayHold() throws {
    let proxy = try LosingProxy(
      to: FaultMarket.serverSocket(market.conninfo(nil)), marker: "change_own_password", losses: [.request, .request])
    let run = try tool.start([
      "company", "password", "--yes", "--database",
      "host=\(proxy.folder) port=5432 user=\(acme.login) dbname=\(market.database) password=\(acme.password ?? "")",
    ])
    // Then it waits a second, and should that not be enough, two more.
    while proxy.count == 0, run.process.isRunning { usleep(5000) }
    var asOperator = try market.asOperator()
    let fresh = try Companies.rotate(&asOperator, company: "acme")
    let ended = try run.finish()
    #expect(
      ended.status == 2 && ended.error.contains("the server takes neither the old password nor the new one"),
      "\(ended.error)")
    #expect(try company(acme.login, fresh.password) == "acme")
  }

  @Test func whatStaysUnknownIsSaid() throws {
    let proxy = try LosingProxy(
      to: FaultMarket.serverSocket(market.conninfo(nil)), marker: "change_own_password",
      losses: [.request, .request, .request])
    let run = try tool.run(
      "company", "password", "--yes", "--database",
      "host=\(proxy.folder) port=5432 user=\(acme.login) dbname=\(market.database) password=\(acme.password ?? "")")
    #expect(run.status == 4 && run.error.contains("it is not known which password holds"), "\(run.error)")
    #expect(run.output.contains("password  "), "the new one is shown before it is sent for")
    #expect(try company(acme.login, acme.password) == "acme")
  }

  /// A server that asks for no password cannot be asked which one holds: there the change is sent again.
  @Test func aLostReplyIsMadeGoodWhereNoPasswordIsAsked() throws {
    let (market, login, _) = try TestMarket.withOneBidder(credit: "5000")
    let proxy = try LosingProxy(
      to: FaultMarket.serverSocket(market.conninfo(nil)), marker: "change_own_password", losses: [.reply])
    let run = try tool.run(
      "company", "password", "--yes", "--database",
      "host=\(proxy.folder) port=5432 user=\(login) dbname=\(market.database)")
    #expect(run.status == 0 && proxy.count == 1, "\(run.error)")
    var auditor = try market.asAuditor()
    let acts = try AuditLine.read(since: nil, most: 1000, &auditor).map(\.act)
    #expect(acts.filter { $0 == "change password" }.count == 2)
  }

  @Test func aCompanyJoinsByAVerifierOfItsOwn() throws {
    func made() throws -> (password: String, verifier: String) {
      let said = try json(tool.run("company", "verifier", "--json"))
      return (try said.at("password").string(), try said.at("verifier").string())
    }
    let asOperator = ["--database", market.conninfo("market_operator")]
    let (password, verifier) = try made()
    let added = try json(
      tool.run(["company", "add", "zephyr", "--credit", "5000", "--verifier", verifier, "--json"] + asOperator))
    #expect(try added.at("password").isNull)
    let login = try added.at("login").string()
    #expect(try stored(login) == verifier)
    #expect(try company(login, password) == "zephyr")

    // What is none is refused, and a password given by mistake does not even reach the server.
    let before = try audited().count
    for (bad, status) in [("pasted by mistake", 64), ("SCRAM-SHA-256$4096:abc", 2)] as [(String, Int32)] {
      for command in [["add", "mole", "--credit", "1"], ["rotate", "zephyr", "--yes"]] {
        let run = try tool.run(["company"] + command + ["--verifier", bad] + asOperator)
        #expect(run.status == status && run.error.contains("gpumarket company verifier"), "\(run.error)")
      }
    }
    #expect(try audited().count == before)
    #expect(try company(login, password) == "zephyr")
    #expect(try !log().contains("pasted by mistake"))

    let second = try made()
    #expect(second.password != password && second.verifier != verifier)
    let rotated = try tool.run(["company", "rotate", "zephyr", "--yes", "--verifier", second.verifier] + asOperator)
    #expect(rotated.status == 0 && rotated.output.contains("the company's own, which nobody else has"), "\(rotated)")
    #expect(try company(login, password) == nil)
    #expect(try company(login, second.password) == "zephyr")
    let written = try log()
    #expect(!written.contains(password) && !written.contains(second.password))
  }
}
