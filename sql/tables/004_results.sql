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
  -- the rule that the payments follow: where core-selecting payments could not be proven, VCG
  priced_by text NOT NULL REFERENCES market.pricing_rule,
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
  UNIQUE (round_id, company_id, bid),
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
-- Keeps market.awarded_gpus_at quick however long the past is.
CREATE INDEX award_use_by_end ON market.award_use (pool_id, ends_at);

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
