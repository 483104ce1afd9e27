-- In all tables money is whole micro-dollars unless a name says cents, quantities are GPUs, times are UTC instants.
-- Nobody holds a grant on a table: functions are the only door. functions/access/tables.sql says which tables are append-only
-- and hides the rows of all.

CREATE TABLE market.market (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  -- Companies sign it with each entry, so that none serves in another market.
  market_id text NOT NULL DEFAULT 'm_' || replace(gen_random_uuid()::text, '-', ''),
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
  CHECK (capacity_gpus % lot_gpus = 0)
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

-- The keys that a company's people sign with (Ed25519). Rows are added and revoked, never changed otherwise.
CREATE TABLE market.company_key (
  public_key bytea PRIMARY KEY CHECK (length(public_key) = 32),
  company_id bigint NOT NULL REFERENCES market.company,
  member text NOT NULL CHECK (member ~ '^[a-zA-Z0-9][a-zA-Z0-9._@+ -]{0,62}$'),
  may_bid boolean NOT NULL,
  registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- The member's key before it, and its signature over this one: without, the operator alone says whose it is.
  vouched_by bytea REFERENCES market.company_key,
  voucher bytea CHECK (length(voucher) = 64),
  revoked_at timestamptz,
  CHECK ((vouched_by IS NULL) = (voucher IS NULL))
);
CREATE INDEX company_key_by_company ON market.company_key (company_id);

CREATE TABLE market.company_cap (
  company_id bigint NOT NULL REFERENCES market.company,
  pool_id bigint NOT NULL REFERENCES market.pool,
  gpus integer NOT NULL CHECK (gpus >= 0),
  PRIMARY KEY (company_id, pool_id)
);
