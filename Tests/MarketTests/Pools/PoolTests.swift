import Market
import Postgres
import TestSupport
import Testing

@Suite("Pools")
struct PoolTests {
  /// GPUs beyond the last whole lot could never be sold.
  @Test(arguments: [
    (gpus: 100, lot: 8, advice: "give 96 or 104 GPUs, or another lot"),
    (gpus: 7, lot: 5, advice: "give 5 or 10 GPUs, or another lot"),
    (gpus: 10_000_000, lot: 99_999, advice: "give 9999900 GPUs, or another lot"),
    (gpus: 64, lot: 65, advice: "give a lot from 1 to 64 GPUs"),
    (gpus: 1_000_000, lot: 200_000, advice: "give a lot from 1 to 100000 GPUs"),
    (gpus: 64, lot: 0, advice: "give a lot from 1 to 64 GPUs"),
  ])
  func aPoolIsWholeLots(_ wrong: (gpus: Int, lot: Int, advice: String)) throws {
    let market = try TestMarket()
    let error = refusal { try market.addPool(gpus: wrong.gpus, lot: wrong.lot) }
    #expect(error?.sqlState == "GM422" && error?.hint == wrong.advice, "\(String(describing: error))")
    var connection = try market.asOperator()
    #expect(try Pools.list(&connection).isEmpty)
    try market.addPool(gpus: 104, lot: 8)
  }
}
