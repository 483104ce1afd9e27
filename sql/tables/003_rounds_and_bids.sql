-- How winners may pay. PricingRule.swift has the same names, and a test holds them to each other.
CREATE TABLE market.pricing_rule (name text PRIMARY KEY);
INSERT INTO market.pricing_rule VALUES ('pay-as-bid'), ('vcg'), ('core-selecting');

-- A round moves forward only: functions/rounds/forward_only.sql.
CREATE TABLE market.round (
  round_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
  delivery_start timestamptz NOT NULL,
  delivery_end timestamptz NOT NULL,
  gate timestamptz NOT NULL,
  slot_minutes integer NOT NULL, -- of the market
  pricing text NOT NULL REFERENCES market.pricing_rule,
  effort text NOT NULL,
  simulated boolean NOT NULL DEFAULT false, -- a replay of the past: its delivery may lie before its gate
  encrypted boolean NOT NULL DEFAULT false, -- bids are sealed to the clearing host's key (005)
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed', 'published', 'cancelled')),
  opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  closed_at timestamptz,
  published_at timestamptz,
  cancelled_at timestamptz,
  cancel_reason text,
  -- the seal, fixed at gate closure
  entry_count integer,
  merkle_root bytea,
  CHECK (delivery_start < delivery_end),
  CHECK (simulated OR gate <= delivery_start),
  CHECK ((state IN ('closed', 'published')) <= (merkle_root IS NOT NULL AND closed_at IS NOT NULL)),
  CHECK ((state = 'published') <= (published_at IS NOT NULL)),
  CHECK ((state = 'cancelled') = (cancelled_at IS NOT NULL))
);
CREATE INDEX round_unfinished ON market.round (gate) WHERE state IN ('open', 'closed');

-- What a round offers: capacity taken from each pool when it opened, one number for each slot.
CREATE TABLE market.round_pool (
  round_id bigint NOT NULL REFERENCES market.round,
  pool_id bigint NOT NULL REFERENCES market.pool,
  position integer NOT NULL, -- order of the pools in the engine's instance
  capacity_gpus integer[] NOT NULL,
  most_gpus integer NOT NULL, -- the highest of them: the door asks for nothing else
  lot_gpus integer NOT NULL,
  reserve_price bigint NOT NULL,
  PRIMARY KEY (round_id, pool_id),
  UNIQUE (round_id, position),
  CHECK (0 <= ALL (capacity_gpus)),
  CHECK (most_gpus = ANY (capacity_gpus) AND most_gpus >= ALL (capacity_gpus))
);

-- The order book: append-only. One row for each acceptance, amendment or withdrawal. What CHECK would say of this table and
-- the next two, the door makes sure of and market.check_invariants looks for: a CHECK is read and parsed again at each row.
CREATE TABLE market.entry (
  entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- never shown to a company
  round_id bigint NOT NULL, -- no reference: the door holds both rows locked when it writes, and
  company_id bigint NOT NULL, -- market.check_invariants looks for strays
  bid text NOT NULL,
  kind text NOT NULL, -- place, amend, withdraw
  parent text,
  key text NOT NULL,
  salt text NOT NULL, -- random: whoever is shown the hash cannot find the entry by guessing
  body text NOT NULL,
  signature bytea, -- the company's (Signing/SignedEntry.swift); NULL of a company that has no key
  accepted_at timestamptz NOT NULL,
  hash bytea NOT NULL,
  UNIQUE (company_id, key)
);
-- A round's entries lie together, as they came.
CREATE INDEX entry_by_round ON market.entry USING brin (round_id) WITH (autosummarize = on);

-- Entries of a sealed book that count for nothing, because their signature or history fails. The clearing job writes them by
-- rule, and whoever verifies a round finds them again.
CREATE TABLE market.set_aside (
  entry_id bigint PRIMARY KEY REFERENCES market.entry,
  reason text NOT NULL,
  set_aside_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The head of each bid: a projection of the entries, which the verifier recomputes.
CREATE TABLE market.bid (
  company_id bigint NOT NULL,
  bid text NOT NULL,
  round_id bigint NOT NULL,
  parent text,
  head_entry bigint NOT NULL,
  exposure bigint NOT NULL, -- worst case, micro-dollars
  choices integer NOT NULL, -- placements and curve steps that the engine will hold for it
  withdrawn boolean NOT NULL DEFAULT false,
  PRIMARY KEY (round_id, company_id, bid),
  FOREIGN KEY (round_id, company_id, parent) REFERENCES market.bid
) WITH (fillfactor = 80);
CREATE INDEX bid_by_parent ON market.bid (company_id, parent) WHERE parent IS NOT NULL;

-- Running totals, so that the door stays quick however many bids a company has.
CREATE TABLE market.company_round (
  company_id bigint NOT NULL REFERENCES market.company,
  round_id bigint NOT NULL REFERENCES market.round,
  entries integer NOT NULL DEFAULT 0,
  choices bigint NOT NULL DEFAULT 0,
  exposure bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0, -- of all entries: the door bounds them
  PRIMARY KEY (company_id, round_id)
) WITH (fillfactor = 50);

-- The form of a block bid's body, which PostgreSQL's own reader fills (functions/bids/check_body.sql). A type is never changed:
-- for another form make other types.
CREATE TYPE market.body_window AS ("start" timestamptz, "end" timestamptz);
CREATE TYPE market.body_alternative AS (
  pool text, gpus bigint, minimum_gpus bigint, slots bigint, "window" market.body_window, "limit" bigint);
CREATE TYPE market.block_body AS ("type" text, alternatives market.body_alternative[]);
