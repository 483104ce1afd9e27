import Foundation

/// Where the tests find histories.
enum Places {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  static let bundled = root.appending(path: "data/history.csv").path
  /// A real history, nil where the folder beside the repository is missing.
  static let philly: String? = {
    let path = root.deletingLastPathComponent().appending(path: "shared/data/traces/philly.csv.gz").path
    return FileManager.default.fileExists(atPath: path) ? path : nil
  }()
}
