import Replay
import Testing

/// A damaged history is read or refused by name and place, and never ends the program.
@Suite("Damaged job histories") struct TraceFuzzTests {
  static let sound = """
    job_id,owner,submit_unix,gpus,duration_s,gpu_type
    j1,acme,1506297600,8,3600,V100
    j2,"beta, inc",1506297601,1,59,
    j3,acme,1506300000,16,86400,P100

    """

  @Test(arguments: [1, 2, 3] as [UInt64])
  func areReadOrRefused(_ seed: UInt64) {
    var state = seed
    func next(_ limit: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % limit
    }
    let pieces = [
      "\"", ",", "\n", "\r\n", "-1", "99999999999999999999", "1e9", "NaN", "\u{0}", "\u{FEFF}", "é",
      "9223372036854775807",
    ]
    var refused = 0
    for _ in 0..<2000 {
      var bytes = Array(Self.sound.utf8)
      for _ in 0...next(3) where !bytes.isEmpty {
        let at = next(bytes.count)
        switch next(4) {
        case 0: bytes.removeSubrange(at..<min(bytes.count, at + 1 + next(6)))
        case 1: bytes.insert(contentsOf: pieces[next(pieces.count)].utf8, at: at)
        case 2: bytes[at] = UInt8(next(256))
        default: bytes.removeLast(next(bytes.count))
        }
      }
      do {
        let trace = try Trace(csv: bytes, source: "damaged")
        #expect(trace.jobs.allSatisfy { $0.gpus > 0 })
      } catch {
        refused += 1
        #expect("\(error)".contains("damaged"), "\(error)")
      }
    }
    #expect(refused > 100 && refused < 2000)
  }
}
