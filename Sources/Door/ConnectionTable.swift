import NIOCore
import Synchronization

/// The open connections: how many there are of each address, and which of them rest.
final class ConnectionTable: Sendable {
  private struct Entry {
    let address: String
    let channel: any Channel
    var restsSince: Int64?
  }

  private struct State {
    var entries: [ObjectIdentifier: Entry] = [:]
    var perAddress: [String: Int] = [:]
    var isClosing = false
  }

  private let state = Mutex(State())
  private let limits: DoorLimits

  init(_ limits: DoorLimits) { self.limits = limits }

  /// Takes a connection in; false where its address has too many, or the door is closing. Where there are too many in all,
  /// the one that has rested longest makes room: silence is no way to keep others out.
  func admit(_ channel: any Channel, address: String) -> Bool {
    let (isIn, evicted): (Bool, (any Channel)?) = state.withLock { state in
      guard !state.isClosing, state.perAddress[address, default: 0] < limits.connectionsPerAddress else {
        return (false, nil)
      }
      var evicted: (any Channel)?
      if state.entries.count >= limits.connections {
        let longest = state.entries.filter { $0.value.restsSince != nil }
          .min { ($0.value.restsSince ?? 0) < ($1.value.restsSince ?? 0) }
        guard let longest else { return (false, nil) }
        evicted = longest.value.channel
        Self.remove(longest.key, &state)
      }
      state.entries[ObjectIdentifier(channel)] = Entry(
        address: address, channel: channel, restsSince: monotonicNanoseconds())
      state.perAddress[address, default: 0] += 1
      return (true, evicted)
    }
    evicted?.close(mode: .all, promise: nil)
    return isIn
  }

  /// Says that a connection works on a request, or rests.
  func set(_ channel: any Channel, isBusy: Bool) {
    state.withLock { $0.entries[ObjectIdentifier(channel)]?.restsSince = isBusy ? nil : monotonicNanoseconds() }
  }

  /// Forgets a connection that has ended.
  func remove(_ channel: any Channel) {
    state.withLock { Self.remove(ObjectIdentifier(channel), &$0) }
  }

  private static func remove(_ id: ObjectIdentifier, _ state: inout State) {
    guard let entry = state.entries.removeValue(forKey: id) else { return }
    let left = (state.perAddress[entry.address] ?? 1) - 1
    state.perAddress[entry.address] = left > 0 ? left : nil
  }

  /// Whether no more are taken in: answers then end their connections.
  var isClosing: Bool { state.withLock { $0.isClosing } }

  /// Takes no more in and ends those that rest.
  func startClosing() {
    let resting = state.withLock { state in
      state.isClosing = true
      return state.entries.values.filter { $0.restsSince != nil }.map(\.channel)
    }
    for channel in resting { channel.close(mode: .all, promise: nil) }
  }

  /// How many are open.
  var count: Int { state.withLock { $0.entries.count } }
}
