import Postgres
import Testing

/// A server that is gone is found out about, and whoever waits for it goes on.
@Suite("Liveness") struct LivenessTests {
  private func resolve(_ database: String?, _ environment: [String: String] = [:]) throws -> String {
    try ServerAddress.resolve(database: database, environment: environment).reachableConninfo()
  }

  private static let usual = [
    "connect_timeout='10'", "keepalives_count='3'", "keepalives_idle='30'", "keepalives_interval='10'",
    "tcp_user_timeout='60000'",
  ]

  @Test func everyTCPConnectionHasLimitsOfTime() throws {
    for found in [
      try resolve("host=db.example dbname=m"), try resolve("postgresql://db.example/m"),
      try resolve(nil, ["PGHOST": "db.example"]), try resolve("hostaddr=10.0.0.1"),
      try resolve("host=db.example sslmode=verify-full"),
      try resolve("host=db.example sslmode=disable", ["GPUMARKET_ALLOW_PLAINTEXT": "1"]),
    ] {
      for option in Self.usual { #expect(found.contains(option), "\(found)") }
    }
  }

  @Test func aSocketNeedsNone() throws {
    for found in [try resolve("host=/run/postgresql dbname=m"), try resolve(nil, ["PGDATABASE": "m"])] {
      #expect(withoutLiveness(found) == found)
    }
  }

  @Test func whatTheUserSetsIsKept() throws {
    let own = try resolve("host=a connect_timeout=2 keepalives_idle=600 tcp_user_timeout=0")
    for option in ["connect_timeout='2'", "keepalives_idle='600'", "tcp_user_timeout='0'", "keepalives_count='3'"] {
      #expect(own.contains(option), "\(own)")
    }
    let environment = try resolve("host=a", ["PGCONNECT_TIMEOUT": "7"])
    #expect(!environment.contains("connect_timeout") && environment.contains("keepalives_idle='30'"))
  }
}
