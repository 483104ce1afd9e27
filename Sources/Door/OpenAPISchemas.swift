import Files

/// The shapes of requests and answers in the OpenAPI document.
enum OpenAPISchemas {
  static var all: JSONText {
    [
      "Any": ["type": "object"],
      "Health": object(["status": ["const": "up"]]),
      "Error": object([
        "code": text("GM400 to GM422, or rate, busy, large, signature, fault."), "message": text("One sentence."),
        "hint": text("What to do next."),
        "where": ["type": ["string", "null"], "description": "Which part of the request, such as entries[2].body."],
      ]),
      "Errors": object(["errors": list("Error")]),
      "Account": object([
        "market": text("The market's id, which each entry is signed with."), "company": text("The company's name."),
        "member": text("Whose key this is."), "may_bid": ["type": "boolean"], "credit_limit": money, "exposure": money,
        "owed": money,
        "caps": ["type": "object", "additionalProperties": ["type": "integer"], "description": "GPUs by pool."],
      ]),
      "Rounds": object(["rounds": ["type": "array", "items": ["type": "object"]]]),
      "Round": object([
        "round": ["type": "object"], "pools": ["type": "array", "items": ["type": "object"]],
        "terms": text("SHA-256 over the round's terms, 64 hexadecimal digits."),
      ]),
      "Bids": object(["bids": ["type": "array", "items": ["type": "object"]]]),
      "Entry": object(
        [
          "kind": ["enum": ["place", "amend", "withdraw"]],
          "bid": text("Of a new bid b_ and the first 32 digits of SHA-256 over company, / and key."),
          "parent": ["type": ["string", "null"], "description": "The bid it hangs on."],
          "key": text("Idempotency key, 1 to 200 characters: the same entry under it gives the same receipt."),
          "body": text("The bid as JSON text, or its box in an encrypted round; empty for a withdrawal."),
          "signature": text(
            "Base64 of: 1, public key (32), signature (64), number of steps, and for each its side (0 left, 1 right) and "
              + "hash (32). Signed is 'gpumarket signed entries 1', a line end and the RFC 6962 root over entries' "
              + "digests: SHA-256 over 'gpumarket signed entry 1', market, round, terms, company, key, kind, bid, parent "
              + "(or nothing), body, each with its length before it in four bytes."),
        ]),
      "Entries": object([
        "company": text("The company's name."), "terms": text("As the round's answer has it."),
        "entries": list("Entry"),
      ]),
      "Receipt": object([
        "round": text("The round's name."), "company": text("The company's name."), "bid": text("The bid's id."),
        "kind": text("place, amend or withdraw."), "parent": ["type": ["string", "null"]],
        "key": text("Idempotency key."),
        "salt": text("Random."), "accepted_at": text("The server's clock, UTC, microseconds."),
        "hash": text("SHA-256 over all the others, 64 hexadecimal digits."), "body": text("As it was sent."),
        "signature": text("As it was sent."),
      ]),
      "Receipts": object(["receipts": list("Receipt")]),
    ]
  }

  private static var money: JSONText { ["type": "integer", "description": "Micro-dollars."] }

  private static func text(_ about: String) -> JSONText { ["type": "string", "description": .string(about)] }

  private static func list(_ name: String) -> JSONText {
    ["type": "array", "items": ["$ref": .string("#/components/schemas/\(name)")]]
  }

  private static func object(_ properties: JSONText) -> JSONText {
    guard case .object(let members) = properties else { return properties }
    return [
      "type": "object", "required": .array(members.map { .string($0.key) }), "properties": properties,
    ]
  }
}
