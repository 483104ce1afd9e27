import Clearing
import Instances
import Testing

@Suite("Instance files")
struct InstanceFileTests {
  static let small = """
    {"name": "two", "slot_minutes": 60, "pools": [{"name": "h100", "capacity": [4, 4], "reserve": 100}],
     "caps": [{"company": "a", "pool": 0, "gpus": 3}],
     "bids": [
      {"id": "b0", "company": "a", "placements": [{"value": 4000, "uses": [[0, 0, 2, 2]], "min_gpus": 1}]},
      {"id": "b1", "company": "a", "parent": "b0",
       "curve": [{"pool": 0, "slot": 1, "steps": [[2, 900], [1, 300]]}]}]}
    """

  func read(_ text: String) throws -> Instance { try readInstance(bytes: Array(text.utf8), source: "round.json") }

  func message(_ text: String) -> String {
    do {
      _ = try read(text)
      return "accepted"
    } catch { return "\(error)" }
  }

  @Test func readsEveryFeature() throws {
    let instance = try read(Self.small)
    #expect(instance.name == "two")
    #expect(instance.slotCount == 2)
    #expect(instance.capacity(pool: 0, slot: 1) == 4)
    #expect(instance.reserve(pool: 0) == 100)
    #expect(instance.placement(0, ofBid: 0).minimumGPUs == 1)
    #expect(
      instance.curve(ofBid: 1) == [
        CurvePoint(pool: 0, slot: 1, steps: [CurveStep(gpus: 2, price: 900), CurveStep(gpus: 1, price: 300)])
      ])
    #expect(instance.parent(ofBid: 1) == 0)
    #expect(instance.companyCaps.map(\.gpus) == [3])
  }

  @Test func errorsNameThePlace() {
    #expect(
      message(
        "{\"name\": \"x\", \"slot_minutes\": 60, \"pools\": [{\"name\": \"p\", \"capacity\": [1.5]}], \"bids\": []}")
        == "round.json line 1, column 72 (pools[0].capacity[0]): 1.5 is not a whole number; write digits only,"
        + " without point or exponent")
    #expect(
      message(Self.small.replacing("\"parent\": \"b0\"", with: "\"parent\": \"b9\""))
        == "round.json: bid b1 names parent b9, which is not in the book; add it or drop the link")
    #expect(message("[1]").contains("no instance"))
  }

  @Test func bidsOfOneNumberAreRefusedInCATS() throws {
    let refused = #expect(throws: InstanceFileError.self) {
      try read("goods 2\nbids 2\n0 5 0 #\n0 6 1 #\n")
    }
    #expect("\(try #require(refused))".contains("bid 0 stands twice"))
  }

  @Test func readsCATS() throws {
    let text = "% made here\n\ngoods 3\nbids 3\ndummy 1\n\n0\t10\t0\t1\t3\t#\n1\t12\t2\t3\t#\n2\t7\t1\t#\n"
    let instance = try read(text)
    #expect(instance.poolCount == 3)
    #expect(instance.bidCount == 2)
    #expect(instance.placementCount(ofBid: 0) == 2)
    let clearing = clear(instance, pricing: .none, effort: .quick)
    #expect(clearing.welfare == 19)
  }

  /// As JSON without a pool is; found by `make fuzz`.
  @Test func refusesAnAuctionOfNothing() {
    #expect(
      message("goods 0\nbids 0\n")
        == "round.json line 3: the file names no goods; give \"goods\" and a number from 1")
  }

  @Test func readsMMKP() throws {
    let text = "2 2 1\n5\n1\n3 2\n9.5 4\n2\n4 1\n8 5\nany text 7\n"
    let problem = try readMMKP(Array(text.utf8), source: "small")
    let clearing = clear(problem.instance, pricing: .none, effort: .quick)
    #expect(problem.tenfoldValue(clearing.welfare) == 135)
  }

  @Test func answersAreTheSameBytes() throws {
    let instance = try read(Self.small)
    let clearing = clear(instance, pricing: .vcg, effort: .quick)
    let text = answerJSON(clearing, of: instance, seconds: 1)
    #expect(text == answerJSON(clear(instance, pricing: .vcg, effort: .quick), of: instance, seconds: 1))
    #expect(text.contains("\"welfare\": "))
    #expect(text.contains("\"mean_width\": 0.0"))
    let unpriced = answerJSON(clear(instance, pricing: .none, effort: .quick), of: instance, seconds: 1)
    #expect(unpriced.contains("\"mean_width\": null"))
  }
}

@Suite("Damaged instance files")
struct DamagedFileTests {
  static let cats = "% made here\ngoods 3\nbids 3\ndummy 1\n0\t10\t0\t1\t3\t#\n1\t12\t2\t3\t#\n2\t7\t1\t#\n"
  static let mmkp = "2 2 1\n5\n1\n3 2\n9.5 4\n2\n4 1\n8 5\n"

  /// Whatever is cut, doubled or overwritten, a reader answers with an instance or an error that has a next step.
  @Test(arguments: [InstanceFileTests.small, cats, mmkp])
  func areRefusedOrRead(text: String) {
    var state: UInt64 = 42
    func next(_ limit: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % limit
    }
    let whole = Array(text.utf8)
    let pieces = ["\"", "[", "]", "{", "}", "-1", "99999999999999999999", "0", "1e9", "null", ",", "\n", " ", "\u{7f}"]
    for _ in 0..<3000 {
      var bytes = whole
      for _ in 0...next(3) where !bytes.isEmpty {
        let at = next(bytes.count)
        switch next(4) {
        case 0: bytes.removeSubrange(at..<min(bytes.count, at + 1 + next(5)))
        case 1: bytes.insert(contentsOf: pieces[next(pieces.count)].utf8, at: at)
        case 2: bytes[at] = UInt8(next(256))
        default: bytes.removeLast(next(bytes.count))
        }
      }
      do {
        let instance = try readInstance(bytes: bytes, source: "damaged")
        #expect(instance.slotCount >= 1)
      } catch {
        let message = "\(error)"
        #expect(message.contains("damaged"))
        #expect(message.contains(";"), "no next step: \(message)")
      }
    }
  }
}
