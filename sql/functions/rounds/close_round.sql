-- Gate closure: a stored state as well as a time. The round's row is taken FOR UPDATE, so every bid that holds it
-- FOR SHARE has committed and is seen; then order, count and Merkle root are fixed.

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
  INSERT INTO market.caps_salt (round_id) VALUES (id);
  UPDATE market.round SET state = 'closed', closed_at = greatest(clock_timestamp(),
      (SELECT max(e.accepted_at) FROM market.entry e WHERE e.round_id = id) + interval '1 microsecond'),
    merkle_root = market.merkle_root(hashes), entry_count = cardinality(hashes)
  WHERE round_id = id;
END
$$;

CREATE OR REPLACE FUNCTION market.close_locked(round_name text, early boolean) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  round market.round := market.round_named(round_name);
BEGIN
  round := market.lock_round(round.round_id);
  IF round.state = 'cancelled' THEN
    PERFORM market.refuse('GM409', format('round %s was cancelled', round.name), 'gpumarket round list shows the rounds');
  ELSIF round.state = 'open' THEN
    IF NOT early AND clock_timestamp() < round.gate THEN
      PERFORM market.refuse('GM409', format('the gate of round %s closes at %s; it is %s by the server''s clock',
        round.name, market.show_time(round.gate), market.show_time(clock_timestamp())),
        'wait for the gate, or let the operator close it early with gpumarket round close');
    END IF;
    PERFORM market.seal_round(round.round_id);
    RETURN 'closed';
  END IF;
  RETURN 'already ' || round.state;
END
$$;

-- For the operator: closes a round now, before its gate if need be.
CREATE OR REPLACE FUNCTION market.close_round(round_name text) RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT market.close_locked(round_name, true)
$$;

-- For the clearing job: closes a round whose gate has passed.
CREATE OR REPLACE FUNCTION market.close_due_round(round_name text) RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT market.close_locked(round_name, false)
$$;

-- Rounds that wait for the clearing job: gate passed, or closed and not published.
CREATE OR REPLACE FUNCTION market.due_rounds() RETURNS TABLE (round text, state text, gate timestamptz)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.name, r.state, r.gate FROM market.round r
  WHERE r.state = 'closed' OR (r.state = 'open' AND r.gate <= clock_timestamp())
  ORDER BY r.gate, r.round_id
$$;

GRANT EXECUTE ON FUNCTION market.close_round(text) TO market_operator;
GRANT EXECUTE ON FUNCTION market.close_due_round(text), market.due_rounds() TO market_clearing;
