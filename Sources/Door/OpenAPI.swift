import Files

/// The document that others write clients by (OpenAPI 3.1), written from the table of routes.
public enum OpenAPI {
  /// `docs/openapi.json`, byte for byte.
  public static var text: String { document.text(pretty: true) + "\n" }

  static var document: JSONText {
    var paths: [(path: String, operations: [JSONText.Member])] = []
    for route in Routes.all {
      let operation = JSONText.Member(route.method.lowercased(), operation(route))
      if let at = paths.firstIndex(where: { $0.path == route.path }) {
        paths[at].operations.append(operation)
      } else {
        paths.append((route.path, [operation]))
      }
    }
    return [
      "openapi": "3.1.0",
      "info": [
        "title": "GPU market: the front door", "version": "1",
        "description": .string(
          "Requests are signed by the company's Ed25519 key (RFC 9421): @method, @authority, @path, @query, content-digest "
            + "(RFC 9530, sha-256) where there is content, idempotency-key where there is one; with created, expires (at "
            + "most 300 s later) and keyid, the public key in hexadecimal. Money is whole micro-dollars."),
      ],
      "paths": .object(paths.map { .init($0.path, .object($0.operations)) }),
      "components": [
        "securitySchemes": [
          "signature": [
            "type": "apiKey", "in": "header", "name": "Signature",
            "description": "An HTTP message signature (RFC 9421) beside Signature-Input.",
          ]
        ],
        "schemas": OpenAPISchemas.all,
      ],
    ]
  }

  private static func operation(_ route: Route) -> JSONText {
    var members: [JSONText.Member] = [
      .init("summary", .string(route.about)),
      .init("operationId", .string(identifier(route))),
      .init("x-who", .string(route.who.rawValue)),
      .init("security", route.who == .anyone ? [] : [["signature": []]]),
    ]
    if !route.parameters.isEmpty {
      members.append(
        .init(
          "parameters",
          .array(
            route.parameters.map {
              [
                "name": .string($0.name), "in": $0.isInPath ? "path" : "query", "required": .bool($0.isInPath),
                "description": .string($0.about), "schema": ["type": "string"],
              ]
            })))
    }
    if let request = route.request {
      members.append(.init("requestBody", ["required": true, "content": content(request)]))
    }
    var answers: [JSONText.Member] = [
      .init("200", ["description": "Done.", "content": content(route.answer)])
    ]
    let refusals: [(String, String)] =
      route.who == .anyone
      ? [("429", "Too many requests; Retry-After says when."), ("503", "Overloaded; Retry-After says when.")]
      : [
        ("400", "The request has not the right form."), ("401", "The signature is missing or wrong."),
        ("403", "Not yours to do."), ("404", "No such thing."), ("409", "In conflict with what is stored."),
        ("413", "Too large."), ("422", "Understood, and refused by a rule."),
        ("429", "Too many requests; Retry-After says when."), ("503", "Overloaded; Retry-After says when."),
      ]
    answers += refusals.map { .init($0.0, ["description": .string($0.1), "content": content("Errors")]) }
    members.append(.init("responses", .object(answers)))
    return .object(members)
  }

  /// `get_rounds_round` of `GET /v1/rounds/{round}`.
  private static func identifier(_ route: Route) -> String {
    let words = route.path.split { !$0.isLetter && !$0.isNumber }.dropFirst()
    return ([route.method.lowercased()] + words.map(String.init)).joined(separator: "_")
  }

  private static func content(_ schema: String) -> JSONText {
    ["application/json": ["schema": ["$ref": .string("#/components/schemas/\(schema)")]]]
  }
}
