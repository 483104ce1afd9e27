import Glibc

/// A user of this machine.
struct Account: Equatable {
  let id: uid_t
  let group: gid_t
  let name: String
  let home: String

  static var current: Account? { Account(id: geteuid()) }

  init?(id: uid_t) {
    self.init { getpwuid_r(id, $0, $1, $2, $3) }
  }

  init?(name: String) {
    self.init { getpwnam_r(name, $0, $1, $2, $3) }
  }

  private init?(
    _ look: (
      UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
      UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
    ) -> Int32
  ) {
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: 16384)
    let size = buffer.count
    let read: Account? = buffer.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress, look(&entry, base, size, &found) == 0, let found else { return nil }
      return Account(
        id: found.pointee.pw_uid, group: found.pointee.pw_gid, name: String(cString: found.pointee.pw_name),
        home: String(cString: found.pointee.pw_dir))
    }
    guard let read else { return nil }
    self = read
  }

  private init(id: uid_t, group: gid_t, name: String, home: String) {
    self.id = id
    self.group = group
    self.name = name
    self.home = home
  }
}
