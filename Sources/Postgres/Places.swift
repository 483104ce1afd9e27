import Foundation
import Glibc

/// The text of a file, nil where it cannot be read.
func contents(_ path: String) -> String? {
  FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
}

/// Makes a folder and those above it that are missing; false, and `errno` says why, where it cannot.
func makeFolders(_ path: String, mode: mode_t) -> Bool {
  if mkdir(path, mode) == 0 || errno == EEXIST { return true }
  guard errno == ENOENT, let cut = path.lastIndex(of: "/"), cut != path.startIndex else { return false }
  return makeFolders(String(path[..<cut]), mode: mode) && (mkdir(path, mode) == 0 || errno == EEXIST)
}

/// An absolute path without symbolic links, also of a folder that does not exist yet.
func canonicalPath(_ path: String) -> String {
  let absolute = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
  var known = absolute.split(separator: "/").filter { $0 != "." }
  var missing: [Substring] = []
  while !known.isEmpty {
    if let real = realpath("/" + known.joined(separator: "/"), nil) {
      defer { free(real) }
      return ([Substring(String(cString: real))] + missing.reversed()).joined(separator: "/")
    }
    missing.append(known.removeLast())
  }
  return "/" + missing.reversed().joined(separator: "/")
}
