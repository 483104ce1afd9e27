-- Revision 1. Applied again whenever that is raised: it holds functions, no tables.
-- Takes the place of two functions in 007, which is never applied again.

-- Takes a round for whoever changes its state: closing, encrypting, opening, publishing, cancelling. An older snapshot would
-- not see the bids that were acknowledged before the lock was granted. A company that placed a bid in a transaction and leaves
-- it open holds the round's row; after two seconds such sessions are ended. What they placed was never acknowledged, for it
-- never committed.
CREATE OR REPLACE FUNCTION market.lock_round(id bigint) RETURNS market.round
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  round market.round;
BEGIN
  PERFORM market.need_read_committed();
  FOR attempt IN 1 .. 15 LOOP
    BEGIN
      SELECT * INTO round FROM market.round r WHERE r.round_id = id FOR UPDATE;
      RETURN round;
    EXCEPTION WHEN lock_not_available THEN
      PERFORM pg_stat_clear_snapshot(); -- else a transaction sees the sessions of its first look only
      PERFORM pg_terminate_backend(a.pid)
      FROM pg_stat_activity a
      JOIN pg_locks l ON l.pid = a.pid AND l.relation = 'market.round'::regclass AND l.mode = 'RowShareLock'
      JOIN market.company c ON c.login_role = a.usename
      WHERE a.datname = current_database() AND a.xact_start < clock_timestamp() - interval '2 seconds';
    END;
  END LOOP;
  PERFORM market.refuse('GM409', 'another clearing or operator has held the round for half a minute', 'try again');
END
$$;

-- The gate closed after whatever was accepted, also where the server's clock was set back meanwhile.
CREATE OR REPLACE FUNCTION market.seal_round(id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  hashes bytea[];
BEGIN
  INSERT INTO market.seal (round_id, position, entry_id)
  SELECT id, row_number() OVER (ORDER BY e.accepted_at, e.entry_id), e.entry_id FROM market.entry e WHERE e.round_id = id;
  SELECT coalesce(array_agg(e.hash ORDER BY s.position), '{}') INTO hashes
  FROM market.seal s JOIN market.entry e USING (entry_id) WHERE s.round_id = id;
  INSERT INTO market.round_cap (round_id, company_id, pool_id, gpus)
  SELECT id, k.company_id, k.pool_id, k.gpus
  FROM market.company_cap k JOIN market.round_pool rp ON rp.round_id = id AND rp.pool_id = k.pool_id;
  UPDATE market.round SET state = 'closed', closed_at = greatest(clock_timestamp(),
      (SELECT max(e.accepted_at) FROM market.entry e WHERE e.round_id = id) + interval '1 microsecond'),
    merkle_root = market.merkle_root(hashes), entry_count = cardinality(hashes)
  WHERE round_id = id;
END
$$;
