/// Numbers in one fixed piece of memory, freed with the object that owns it.
///
/// The linear program changes its arrays element by element from many places; as arrays each access would check
/// for uniqueness and overlap. Bounds are asserted in debug builds.
final class Buffer<Element: BitwiseCopyable> {
  let base: UnsafeMutablePointer<Element>
  let count: Int

  init(_ count: Int, _ value: Element) {
    self.count = count
    // At a cache line, so that vectors of any width may be read from the start.
    let bytes = UnsafeMutableRawPointer.allocate(byteCount: max(1, count) * MemoryLayout<Element>.stride, alignment: 64)
    base = bytes.bindMemory(to: Element.self, capacity: max(1, count))
    base.initialize(repeating: value, count: max(1, count))
  }

  deinit { base.deallocate() }

  @inline(__always)
  subscript(_ index: Int) -> Element {
    get {
      assert(index >= 0 && index < count)
      return base[index]
    }
    set {
      assert(index >= 0 && index < count)
      base[index] = newValue
    }
  }

  func fill(_ value: Element) { base.update(repeating: value, count: count) }

  func copy(from other: Buffer<Element>) {
    assert(count == other.count)
    base.update(from: other.base, count: count)
  }

  func copy(from array: [Element]) {
    assert(count == array.count)
    for index in 0..<count { base[index] = array[index] }
  }

  var array: [Element] { Array(UnsafeBufferPointer(start: base, count: count)) }
}
