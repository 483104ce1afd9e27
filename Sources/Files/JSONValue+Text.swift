extension JSONValue {
  /// The value as a text to write. Numbers keep their digits.
  public var text: JSONText {
    do {
      switch kind {
      case .null: return .null
      case .bool: return .bool(try bool())
      case .number: return .number(try numberText())
      case .string: return .string(try string())
      case .array: return .array(try elements().map(\.text))
      case .object: return .object(try members().map { .init($0.key, $0.value.text) })
      }
    } catch { return .null }
  }
}
