import Postgres

/// Runs `body` and returns the server's refusal; nil where it went through.
public func refusal(_ body: () throws -> Void) -> PostgresError? {
  do {
    try body()
    return nil
  } catch {
    return error as? PostgresError
  }
}
