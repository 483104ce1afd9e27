import Glibc

/// Lines on standard error, one for each event: time in UTC, then words and `name=value`.
public struct DoorLog: Sendable {
  private let write: @Sendable (String) -> Void

  /// Standard error.
  public init() { write = { line in _ = line.withCString { Glibc.write(2, $0, strlen($0)) } } }

  /// Somewhere else, for tests.
  init(_ write: @escaping @Sendable (String) -> Void) { self.write = write }

  /// Writes a line. Control characters are replaced: what a stranger sends must not move a terminal's cursor.
  public func line(_ event: String, _ values: [(String, String)] = []) {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    var parts = tm()
    gmtime_r(&now.tv_sec, &parts)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let milliseconds = String(1000 + now.tv_nsec / 1_000_000).dropFirst()
    var text =
      "\(1900 + parts.tm_year)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T\(two(parts.tm_hour)):\(two(parts.tm_min))"
      + ":\(two(parts.tm_sec)).\(milliseconds)Z \(event)"
    for (name, value) in values { text += " \(name)=\(Self.shown(value))" }
    write(text + "\n")
  }

  static func shown(_ value: String) -> String {
    let plain = String(
      String.UnicodeScalarView(
        value.unicodeScalars.prefix(200).map { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) ? "?" : $0 }))
    return plain.contains(" ") || plain.isEmpty ? "\"\(plain.replacing("\"", with: "'"))\"" : plain
  }
}
