import ArgumentParser
import Files
import Market
import Units

struct PoolCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pool", abstract: "Pools of interchangeable GPUs: add, list, outage.",
    subcommands: [Add.self, List.self, RecordOutage.self])

  struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Add a pool (operator).",
      discussion: "EXAMPLE\n  gpumarket pool add h100-us --gpus 256 --lot 8 --reserve 1.10")
    @Argument(help: "Its name, such as h100-us.") var name: String
    @Option(help: "Its GPUs in every slot.") var gpus: Int
    @Option(help: "GPUs trade in multiples of this; so does --gpus.") var lot = 1
    @Option(
      help: ArgumentHelp("Reserve price in US dollars per GPU-hour: nothing is awarded below it.", valueName: "usd"))
    var reserve: String
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      try checked(gpus, in: 1...mostGPUs, "--gpus")
      try checked(lot, in: 1...mostGPUs, "--lot")
      let price = try Price(dollarsPerGPUHour: reserve)
      var connection = try options.connect(as: .operator)
      try Pools.add(&connection, name: name, capacityGPUs: gpus, lotGPUs: lot, reserve: price)
      if options.json {
        printJSON([
          "pool": .string(name), "gpus": .integer(Int64(gpus)), "lot": .integer(Int64(lot)),
          "reserve_usd_per_gpu_hour": .usd(price),
        ])
      } else {
        print("added pool \(name): \(gpus) GPUs in lots of \(lot), reserve price \(price)")
      }
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the pools.", discussion: "EXAMPLE\n  gpumarket pool list --json")
    @OptionGroup var acting: ActingCompany
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      var connection = try options.connect(as: acting.company == nil ? .operator : .company(acting.company))
      let pools = try Pools.list(&connection)
      let outages = try Pools.outages(&connection, pool: nil)
      if options.json {
        printJSON(
          .array(
            pools.map { pool in
              [
                "pool": .string(pool.name), "gpus": .integer(Int64(pool.capacityGPUs)),
                "lot": .integer(Int64(pool.lotGPUs)),
                "reserve_usd_per_gpu_hour": .usd(pool.reserve),
                "outages": .array(
                  outages.filter { $0.pool == pool.name }.map { outage in
                    [
                      "outage": .string(outage.id), "gpus": .integer(Int64(outage.gpus)),
                      "start": .string(outage.period.start.iso8601), "end": .string(outage.period.end.iso8601),
                      "reason": .string(outage.reason),
                    ]
                  }),
              ]
            }))
        return
      }
      var table = Table(("pool", .left), ("GPUs", .right), ("lot", .right), ("reserve USD/GPU-hour", .right))
      for pool in pools {
        table.add(pool.name, "\(pool.capacityGPUs)", "\(pool.lotGPUs)", pool.reserve.cell)
      }
      print(pools.isEmpty ? "no pools yet; gpumarket pool add makes one" : table.text())
      for outage in outages {
        print("outage \(outage.id): \(outage.gpus) GPUs of \(outage.pool) in \(outage.period): \(outage.reason)")
      }
    }
  }

  struct RecordOutage: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "outage", abstract: "Record that GPUs of a pool are missing for a while (operator).",
      discussion: """
        Open rounds and later ones offer that many GPUs less.

        EXAMPLE
          gpumarket pool outage h100-us --gpus 16 --window 2026-12-08T00:00Z/PT12H --reason 'switch replacement'
        """)
    @Argument(help: "The pool.") var pool: String
    @Option(help: "GPUs that are missing.") var gpus: Int
    @Option(help: ArgumentHelp("When: START/END or START/DURATION, with a time zone.", valueName: "window"))
    var window: String
    @Option(help: "The reason; companies that hold GPUs there read it.") var reason: String
    @OptionGroup var options: DatabaseOptions

    func run() throws {
      try checked(gpus, in: 1...mostGPUs, "--gpus")
      let period = try TimeRange(iso8601: window)
      var connection = try options.connect(as: .operator)
      let id = try Pools.addOutage(&connection, pool: pool, gpus: gpus, period: period, reason: reason)
      if options.json {
        printJSON(["outage": .string(id)])
      } else {
        print("recorded outage \(id): \(gpus) GPUs of \(pool) in \(period)")
      }
    }
  }
}
