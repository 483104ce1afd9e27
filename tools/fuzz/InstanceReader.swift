import Clearing
import Files
import Foundation
import Instances

/// libFuzzer's door: whatever the bytes, the reader returns an instance or throws an error that names the file and has a next
/// step. An input that begins with gzip's magic number is unpacked first, as `readFile` does, up to 1 MiB.
@_cdecl("LLVMFuzzerTestOneInput")
public func readOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = [UInt8](UnsafeBufferPointer(start: start, count: count))
  do {
    let plain = isGzip(bytes) ? try gunzip(bytes, path: "fuzzed", limit: 1 << 20) : bytes
    let instance = try readInstance(bytes: plain, source: "fuzzed")
    precondition(instance.slotCount >= 1 && instance.poolCount >= 1, "an instance without slots or pools")
    for bid in 0..<instance.bidCount {
      for placement in 0..<instance.placementCount(ofBid: bid) { _ = instance.placement(placement, ofBid: bid) }
      _ = (instance.bidID(bid), instance.parent(ofBid: bid), instance.curve(ofBid: bid))
    }
  } catch {
    let message = "\(error)"
    precondition(message.contains("fuzzed") && message.contains(";"), "no file or no next step: \(message)")
  }
  return 0
}
