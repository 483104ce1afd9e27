import Postgres
import TestSupport
import Testing

@Suite("Connection") struct ConnectionTests {
  @Test func connects() throws {
    let server = try TestServer.shared()
    var connection = try Connection(conninfo: server.conninfo(database: server.makeDatabase()))
    #expect(try connection.query("SELECT \(1)::int + 1 AS two").one().get("two", as: Int.self) == 2)
    #expect(try connection.query("SHOW market.throwaway").one().get("market.throwaway", as: String.self) == "on")
  }
}
