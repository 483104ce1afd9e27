import CLibPQ

/// libpq's connection options, read and written as libpq itself understands them.
struct Conninfo: Equatable {
  /// Keyword and value, of those that were given.
  var options: [String: String] = [:]

  init(_ options: [String: String] = [:]) { self.options = options }

  /// Reads a keyword string or a URI.
  ///
  /// - Throws: `configuration` with libpq's own words where it refuses the text.
  init(parsing text: String) throws(PostgresError) {
    var refusal: UnsafeMutablePointer<CChar>?
    guard let parsed = PQconninfoParse(text, &refusal) else {
      let message = refusal.map { trimmed(String(cString: $0)) } ?? "libpq has no memory to read the address"
      PQfreemem(refusal)
      throw PostgresError(
        .configuration, message, hint: "write it as \"host=… dbname=… user=…\" or as postgresql://user@host/database")
    }
    defer { PQconninfoFree(parsed) }
    options = Self.values(parsed)
  }

  /// What libpq would use for these options once it has read the service file they name.
  ///
  /// - Throws: `configuration` where the service is unknown.
  func expandingService() throws(PostgresError) -> Conninfo {
    // Only an attempt to connect makes libpq read the service file. A value it must refuse stops that attempt before
    // any socket is opened.
    let barrier = "none (options are only read)"
    var asked = self
    asked.options["target_session_attrs"] = barrier
    let connection = PQconnectStart(asked.text)
    defer { PQfinish(connection) }
    guard let list = PQconninfo(connection) else {
      throw PostgresError(.configuration, "libpq has no memory to read the address")
    }
    defer { PQconninfoFree(list) }
    var effective = Self.values(list)
    guard effective.removeValue(forKey: "target_session_attrs") == barrier else {
      throw PostgresError(
        .configuration, trimmed(String(cString: PQerrorMessage(connection))),
        hint: "PGSERVICEFILE, ~/.pg_service.conf and the system's pg_service.conf are read, in this order")
    }
    return Conninfo(effective)
  }

  /// The environment variable of each keyword that has one.
  static func variables() -> [String: String] {
    guard let list = PQconndefaults() else { return [:] }
    defer { PQconninfoFree(list) }
    var names: [String: String] = [:]
    var at = list
    while let keyword = at.pointee.keyword {
      if let variable = at.pointee.envvar { names[String(cString: keyword)] = String(cString: variable) }
      at += 1
    }
    return names
  }

  /// The options as a keyword string, in order of keyword.
  var text: String {
    options.sorted { $0.key < $1.key }
      .map { "\($0.key)='" + prefixing("\\'", with: "\\", in: $0.value) + "'" }
      .joined(separator: " ")
  }

  private static func values(_ list: UnsafeMutablePointer<PQconninfoOption>) -> [String: String] {
    var values: [String: String] = [:]
    var at = list
    while let keyword = at.pointee.keyword {
      if let value = at.pointee.val { values[String(cString: keyword)] = String(cString: value) }
      at += 1
    }
    return values
  }
}

func trimmed(_ text: String) -> String {
  var text = Substring(text)
  while text.last?.isWhitespace == true { text.removeLast() }
  return String(text)
}
