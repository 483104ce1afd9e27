import Files
import Postgres

/// All that can be asked of the door.
enum Routes {
  static let all: [Route] = [
    Route(
      method: "GET", path: "/v1/health", who: .anyone, about: "Whether the door is up.", answer: "Health",
      action: .health),
    Route(
      method: "GET", path: "/v1/openapi.json", who: .anyone, about: "This document.", answer: "Any", action: .document),
    Route(
      method: "GET", path: "/v1/account", who: .reader,
      about: "The market's id, your company's name, credit, exposure and caps.", answer: "Account",
      action: .read { "SELECT market.door_account(\($0.caller)) AS answer" }),
    Route(
      method: "GET", path: "/v1/rounds", who: .reader, about: "Every round.", answer: "Rounds",
      action: .read { "SELECT market.door_rounds(\($0.caller)) AS answer" }),
    Route(
      method: "GET", path: "/v1/rounds/{round}", who: .reader,
      about: "A round, its pools, and the digest of its terms that each entry is signed with.",
      parameters: [.init(name: "round", isInPath: true, about: "The round's name.")], answer: "Round",
      action: .round { "SELECT market.door_round(\($0.caller), \($0.path["round"])) AS answer" }),
    Route(
      method: "POST", path: "/v1/rounds/{round}/entries", who: .bidder,
      about: "Places, amends and withdraws bids: all entries of the request, or none. Receipts come after the commit.",
      parameters: [.init(name: "round", isInPath: true, about: "The round's name.")], request: "Entries",
      answer: "Receipts", action: .enter),
    Route(
      method: "GET", path: "/v1/bids", who: .reader, about: "Your company's bids, newest state.",
      parameters: [.init(name: "round", isInPath: false, about: "Only those of this round.")], answer: "Bids",
      action: .read { "SELECT market.door_bids(\($0.caller), \($0.query("round"))) AS answer" }),
    Route(
      method: "GET", path: "/v1/bids/{bid}", who: .reader, about: "Every receipt of one bid, oldest first.",
      parameters: [.init(name: "bid", isInPath: true, about: "The bid's id.")], answer: "Receipts",
      action: .read { "SELECT market.door_bid(\($0.caller), \($0.path["bid"])) AS answer" }),
    Route(
      method: "GET", path: "/v1/receipts", who: .reader,
      about: "The receipts of entries by their idempotency keys: what became of a request whose answer was lost.",
      parameters: [.init(name: "key", isInPath: false, about: "An idempotency key; may stand up to 100 times.")],
      answer: "Receipts",
      action: .read { call in
        let keys = call.query.filter { $0.name == "key" }.prefix(100).map(\.value)
        return "SELECT market.door_receipts(\(call.caller), \(keys)::text[]) AS answer"
      }),
  ]

  /// What a request asks for.
  enum Found {
    case route(Route, path: [String: String])
    /// There is such a path, with these methods.
    case otherMethod([String])
    case nothing
  }

  static func find(method: String, path: String) -> Found {
    var segments: [String] = []
    for segment in path.split(separator: "/", omittingEmptySubsequences: false) {
      guard let text = decoded(segment), text.utf8.count <= 300 else { return .nothing }
      segments.append(text)
    }
    var methods: [String] = []
    for route in all {
      guard let values = route.match(segments) else { continue }
      if route.method == method { return .route(route, path: values) }
      methods.append(route.method)
    }
    return methods.isEmpty ? .nothing : .otherMethod(methods)
  }
}
