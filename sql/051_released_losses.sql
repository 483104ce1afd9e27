-- GPU-seconds of released hours that outages had taken when the release was made, and credited in full: the release credits
-- nothing for them, and a later outage counts them as lost with what it takes itself, as they were credited before (050).
-- Releases made before this table have none: they credited such hours again, which later outages make up for.
CREATE TABLE ledger.released_loss (
  award text NOT NULL,
  released_from timestamptz NOT NULL,
  pool_id bigint NOT NULL REFERENCES market.pool,
  gpu_seconds numeric NOT NULL CHECK (gpu_seconds > 0),
  PRIMARY KEY (award, released_from, pool_id),
  FOREIGN KEY (award, released_from) REFERENCES ledger.release
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.released_loss
  FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE ledger.released_loss ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger.released_loss FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_functions ON ledger.released_loss TO market_owner USING (true) WITH CHECK (true);
