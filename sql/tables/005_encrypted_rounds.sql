-- Encrypted rounds: until the gate closes, neither the database nor a copy of it nor its administrator can read a bid.
-- The clearing host makes a key pair for the round and announces the public key, signed; a bid is sealed to it on the
-- company's machine; the clearing job opens the bids after closure.
CREATE TABLE market.round_key (
  round_id bigint PRIMARY KEY REFERENCES market.round,
  public_key bytea NOT NULL CHECK (length(public_key) = 32), -- X25519, for sealed boxes
  signer bytea NOT NULL CHECK (length(signer) = 32), -- Ed25519, the clearing host's: what a company pins
  signature bytea NOT NULL CHECK (length(signature) = 64),
  announced_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE market.opened (
  entry_id bigint PRIMARY KEY REFERENCES market.entry,
  body text, -- the bid as it was sealed; nothing where it could not be read
  refusal text, -- why it does not take part
  places bigint, -- places and steps that the bid leaves; nothing where it was refused
  CHECK (body IS NOT NULL OR refusal IS NOT NULL)
);

-- The private half, written with what was opened, so that whoever may read the book can open every box again.
CREATE TABLE market.opened_key (
  round_id bigint PRIMARY KEY REFERENCES market.round,
  secret_key bytea NOT NULL CHECK (length(secret_key) = 32)
);

-- The salt of the caps' digest in a round's closing statement (Terms.swift), which companies get: whoever has no salt cannot
-- find caps by trying. It is made with the seal; the auditor's bundle has it (market.audit_round).
CREATE TABLE market.caps_salt (
  round_id bigint PRIMARY KEY REFERENCES market.round,
  salt bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()) CHECK (length(salt) = 16)
);
