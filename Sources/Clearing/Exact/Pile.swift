/// A growing list of numbers in one piece of memory, cut back as cheaply as it grows.
final class Pile<Element: BitwiseCopyable> {
  private(set) var base: UnsafeMutablePointer<Element>
  private(set) var count = 0
  private var room: Int

  init(room: Int = 64) {
    self.room = max(1, room)
    base = .allocate(capacity: self.room)
  }

  deinit { base.deallocate() }

  @inline(__always) func append(_ element: Element) {
    if count == room { grow() }
    base[count] = element
    count += 1
  }

  @inline(__always) subscript(_ index: Int) -> Element {
    get {
      assert(index >= 0 && index < count)
      return base[index]
    }
    set {
      assert(index >= 0 && index < count)
      base[index] = newValue
    }
  }

  func cut(to count: Int) { self.count = count }

  private func grow() {
    let wider = UnsafeMutablePointer<Element>.allocate(capacity: 2 * room)
    wider.update(from: base, count: count)
    base.deallocate()
    base = wider
    room *= 2
  }
}
