-- The market's tables. Money is whole micro-dollars, quantities are GPUs, times are UTC instants.
-- Nobody holds a grant on any of them: functions are the only door (see 003 and later).

CREATE TABLE market.market (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  slot_minutes integer NOT NULL CHECK (slot_minutes IN (15, 30, 60)),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE market.pool (
  pool_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
  capacity_gpus integer NOT NULL CHECK (capacity_gpus BETWEEN 1 AND 10000000),
  lot_gpus integer NOT NULL CHECK (lot_gpus BETWEEN 1 AND 100000),
  -- micro-dollars per GPU-hour
  reserve_price bigint NOT NULL CHECK (reserve_price BETWEEN 0 AND 1000000000000 AND reserve_price % 100 = 0),
  added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK (lot_gpus <= capacity_gpus)
);

CREATE TABLE market.outage (
  outage_id text PRIMARY KEY,
  pool_id bigint NOT NULL REFERENCES market.pool,
  gpus integer NOT NULL CHECK (gpus > 0),
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK (starts_at < ends_at)
);
CREATE INDEX outage_by_pool ON market.outage (pool_id, starts_at);

CREATE TABLE market.company (
  company_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE CHECK (name ~ '^[a-zA-Z0-9][a-zA-Z0-9._/ -]{0,62}$'),
  login_role name NOT NULL UNIQUE,
  credit_limit bigint NOT NULL DEFAULT 0 CHECK (credit_limit BETWEEN 0 AND 1000000000000000000),
  entry_quota integer NOT NULL DEFAULT 20000 CHECK (entry_quota > 0), -- entries in one round
  added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  revoked_at timestamptz
);

CREATE TABLE market.company_cap (
  company_id bigint NOT NULL REFERENCES market.company,
  pool_id bigint NOT NULL REFERENCES market.pool,
  gpus integer NOT NULL CHECK (gpus >= 0),
  PRIMARY KEY (company_id, pool_id)
);

CREATE TABLE market.round (
  round_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
  delivery_start timestamptz NOT NULL,
  delivery_end timestamptz NOT NULL,
  gate timestamptz NOT NULL,
  slot_minutes integer NOT NULL, -- of the market
  pricing text NOT NULL CHECK (pricing IN ('vcg', 'pay-as-bid', 'core-selecting')),
  effort text NOT NULL,
  simulated boolean NOT NULL DEFAULT false, -- a replay of the past: its delivery may lie before its gate
  encrypted boolean NOT NULL DEFAULT false, -- bids are sealed to the clearing host's key: 023
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
-- A round moves forward only, and what its seal fixed stays fixed, whichever function writes.
CREATE FUNCTION market.refuse_going_back() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF array_position(ARRAY['open', 'closed', 'published', 'cancelled'], NEW.state)
    < array_position(ARRAY['open', 'closed', 'published', 'cancelled'], OLD.state)
    OR (OLD.state <> 'open' AND (NEW.merkle_root, NEW.entry_count, NEW.closed_at)
      IS DISTINCT FROM (OLD.merkle_root, OLD.entry_count, OLD.closed_at))
    OR (NEW.round_id, NEW.name, NEW.delivery_start, NEW.delivery_end, NEW.gate, NEW.slot_minutes, NEW.pricing, NEW.effort, NEW.opened_at)
      IS DISTINCT FROM
      (OLD.round_id, OLD.name, OLD.delivery_start, OLD.delivery_end, OLD.gate, OLD.slot_minutes, OLD.pricing, OLD.effort, OLD.opened_at)
  THEN
    RAISE EXCEPTION 'round % is %: it cannot go back, nor its terms or its seal change', OLD.name, OLD.state
      USING ERRCODE = 'GM403', HINT = 'open another round';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER forward_only BEFORE UPDATE ON market.round FOR EACH ROW EXECUTE FUNCTION market.refuse_going_back();

CREATE INDEX round_unfinished ON market.round (gate) WHERE state IN ('open', 'closed');

CREATE FUNCTION market.highest(numbers integer[]) RETURNS integer
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT max(n) FROM unnest(numbers) AS n $$;

-- What a round offers: capacity taken from each pool when it opened, one number for each slot.
CREATE TABLE market.round_pool (
  round_id bigint NOT NULL REFERENCES market.round,
  pool_id bigint NOT NULL REFERENCES market.pool,
  position integer NOT NULL, -- order of the pools in the engine's instance
  capacity_gpus integer[] NOT NULL,
  most_gpus integer NOT NULL GENERATED ALWAYS AS (market.highest(capacity_gpus)) STORED,
  lot_gpus integer NOT NULL,
  reserve_price bigint NOT NULL,
  PRIMARY KEY (round_id, pool_id),
  UNIQUE (round_id, position),
  CHECK (0 <= ALL (capacity_gpus))
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
  accepted_at timestamptz NOT NULL,
  hash bytea NOT NULL,
  UNIQUE (company_id, key)
);
-- A round's entries lie together, as they came.
CREATE INDEX entry_by_round ON market.entry USING brin (round_id) WITH (autosummarize = on);

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
  PRIMARY KEY (company_id, round_id)
) WITH (fillfactor = 50);

-- The position of every entry in the sealed book.
CREATE TABLE market.seal (
  round_id bigint NOT NULL REFERENCES market.round,
  position integer NOT NULL,
  entry_id bigint NOT NULL UNIQUE REFERENCES market.entry,
  PRIMARY KEY (round_id, position)
);

-- The caps in force when the book was sealed: what the clearing read, so that it can be computed again.
CREATE TABLE market.round_cap (
  round_id bigint NOT NULL REFERENCES market.round,
  company_id bigint NOT NULL REFERENCES market.company,
  pool_id bigint NOT NULL REFERENCES market.pool,
  gpus integer NOT NULL CHECK (gpus >= 0),
  PRIMARY KEY (round_id, company_id, pool_id)
);

CREATE TABLE market.clearing (
  round_id bigint PRIMARY KEY REFERENCES market.round, -- at most one for a round
  merkle_root bytea NOT NULL,
  instance_digest bytea NOT NULL CHECK (length(instance_digest) = 32),
  result_digest bytea NOT NULL CHECK (length(result_digest) = 32),
  engine_version text NOT NULL,
  effort text NOT NULL,
  work_done bigint NOT NULL,
  stopped_early boolean NOT NULL,
  welfare bigint NOT NULL CHECK (welfare >= 0),
  bound bigint NOT NULL,
  proven boolean NOT NULL,
  ties text NOT NULL,
  prices jsonb NOT NULL, -- pool name to its price in each slot, micro-dollars for a lot, reserve included
  price_bound bigint NOT NULL CHECK (price_bound >= welfare), -- what the prices alone bound the welfare by
  published_at timestamptz NOT NULL,
  CHECK (welfare <= bound),
  CHECK (proven = (welfare = bound))
);

CREATE TABLE market.award (
  award text PRIMARY KEY,
  round_id bigint NOT NULL REFERENCES market.clearing,
  company_id bigint NOT NULL REFERENCES market.company,
  bid text NOT NULL,
  entry_id bigint NOT NULL REFERENCES market.entry,
  position integer NOT NULL, -- order of acceptance among the awards of the round
  alternative integer, -- which alternative of a block bid, from 1
  gpu_slots bigint NOT NULL CHECK (gpu_slots > 0),
  value bigint NOT NULL,
  reserve_cost bigint NOT NULL,
  payment bigint NOT NULL,
  UNIQUE (round_id, bid),
  UNIQUE (round_id, position),
  FOREIGN KEY (round_id, company_id, bid) REFERENCES market.bid,
  CHECK (0 <= reserve_cost AND reserve_cost <= payment AND payment <= value)
);

CREATE TABLE market.award_use (
  award text NOT NULL REFERENCES market.award,
  pool_id bigint NOT NULL REFERENCES market.pool,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  gpus integer NOT NULL CHECK (gpus > 0),
  PRIMARY KEY (award, pool_id, starts_at),
  CHECK (starts_at < ends_at)
);
CREATE INDEX award_use_by_pool ON market.award_use (pool_id, starts_at);

CREATE TABLE market.company_payment (
  round_id bigint NOT NULL REFERENCES market.clearing,
  company_id bigint NOT NULL REFERENCES market.company,
  payment bigint NOT NULL,
  low bigint NOT NULL,
  high bigint NOT NULL,
  exact boolean NOT NULL,
  PRIMARY KEY (round_id, company_id),
  CHECK (low <= payment AND payment <= high)
);

-- Append-only means append-only, for the owner too.
CREATE FUNCTION market.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '%.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME
    USING ERRCODE = 'GM403', HINT = 'record a correction as a new row';
END
$$;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['entry', 'seal', 'round_cap', 'clearing', 'award', 'award_use', 'company_payment', 'outage'] LOOP
    EXECUTE format(
      'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON market.%I
       FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change()', name);
  END LOOP;
  -- The second layer: whoever is granted a table by mistake still sees no row of it.
  FOR name IN SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'market' LOOP
    EXECUTE format('ALTER TABLE market.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE market.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY owner_functions ON market.%I TO market_owner USING (true) WITH CHECK (true)', name);
  END LOOP;
END
$$;
