import Postgres
import Testing

@Suite("Server address") struct ServerAddressTests {
  /// The connection string but for its limits of time (LivenessTests), nil for the private server.
  private func resolve(
    _ database: String?, _ environment: [String: String] = [:], allowPlaintext: Bool = false
  ) throws -> String? {
    let found = try ServerAddress.resolve(
      database: database, environment: environment, home: "/tmp/unused", allowPlaintext: allowPlaintext)
    switch found {
    case .named(let conninfo): return withoutLiveness(conninfo)
    case .privateServer: return nil
    }
  }

  @Test func nothingNamedIsThePrivateServer() throws {
    #expect(try resolve(nil) == nil)
    #expect(try resolve(nil, ["PGUSER": "x", "PGHOST": ""]) == nil)
    let home = ["GPUMARKET_HOME": "/tmp/elsewhere"]
    guard case .privateServer(let server) = try ServerAddress.resolve(database: nil, environment: home) else {
      Issue.record("expected the private server")
      return
    }
    #expect(server.home == "/tmp/elsewhere")
  }

  @Test func socketsNeedNoTLS() throws {
    #expect(try resolve("host=/run/postgresql dbname=m") == "dbname='m' host='/run/postgresql'")
    #expect(try resolve("dbname=m", ["PGHOST": "/run/postgresql"]) == "dbname='m'")
    #expect(try resolve("postgresql:///m") == "dbname='m'")
    #expect(try resolve(nil, ["PGDATABASE": "m"]) == "")
    #expect(try resolve("host=@abstract sslmode=disable") == "host='@abstract' sslmode='disable'")
  }

  private let verified = "channel_binding='require' dbname='m' gssencmode='disable' host='db.example'"

  @Test func remoteConnectionsVerifyTheServer() throws {
    #expect(try resolve("host=db.example dbname=m") == "\(verified) sslmode='verify-full'")
    #expect(try resolve("postgresql://db.example/m") == "\(verified) sslmode='verify-full'")
    let bare = "channel_binding='require' gssencmode='disable' sslmode='verify-full'"
    for environment in [
      ["PGHOST": "db.example"], ["PGHOSTADDR": "10.0.0.1"], ["PGHOST": "localhost"], ["PGHOST": "/run,db.example"],
      ["PGHOST": "db.example", "GPUMARKET_ALLOW_PLAINTEXT": "1"],
    ] {
      #expect(try resolve(nil, environment) == bare, "\(environment)")
    }
    #expect(try resolve("", ["PGHOST": "127.0.0.1"]) == bare)
  }

  @Test func whatTheUserStatesIsKept() throws {
    #expect(try resolve("host=a sslmode=require") == "host='a' sslmode='require'")
    #expect(try resolve("host=a", ["PGSSLMODE": "verify-ca"]) == "host='a'")
    #expect(
      try resolve("host=a channel_binding=prefer gssencmode=prefer")
        == "channel_binding='prefer' gssencmode='prefer' host='a' sslmode='verify-full'")
    #expect(
      try resolve("host=a", ["PGCHANNELBINDING": "disable"]) == "gssencmode='disable' host='a' sslmode='verify-full'")
  }

  @Test(arguments: ["disable", "allow", "prefer"]) func plainTextIsRefused(mode: String) throws {
    let error = try refused { try resolve("host=db.example sslmode=\(mode)") }
    #expect(error.kind == .configuration)
    #expect(error.message == "sslmode=\(mode) may send bids and passwords to db.example in plain text.")
    #expect(error.hint?.contains("GPUMARKET_ALLOW_PLAINTEXT=1") == true)
    #expect(try refused { try resolve(nil, ["PGHOST": "x", "PGSSLMODE": mode]) }.kind == .configuration)
    let allowed = "host='db.example' sslmode='\(mode)'"
    #expect(try resolve("host=db.example sslmode=\(mode)", allowPlaintext: true) == allowed)
    #expect(try resolve("host=db.example sslmode=\(mode)", ["GPUMARKET_ALLOW_PLAINTEXT": "1"]) == allowed)
  }

  @Test func libpqSaysWhatIsWrong() throws {
    #expect(
      try refused { try resolve("market") }.message == "missing \"=\" after \"market\" in connection info string")
    #expect(try refused { try resolve("hots=x") }.message == "invalid connection option \"hots\"")
    #expect(try refused { try resolve("service=nowhere") }.message == "definition of service \"nowhere\" not found")
  }

  @Test func valuesSurviveQuoting() throws {
    let password = "it's \\ \"new\u{301}\" '\u{301}"
    let escaped = String(
      decoding: password.utf8.flatMap { "\\'".utf8.contains($0) ? [UInt8(ascii: "\\"), $0] : [$0] }, as: UTF8.self)
    let once = try resolve("host=/tmp password='\(escaped)'") ?? ""
    #expect(Array(once.utf8) == Array("host='/tmp' password='\(escaped)'".utf8))
    #expect(try resolve(once) == once)
  }
}
