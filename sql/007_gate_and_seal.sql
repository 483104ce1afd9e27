-- Revision 2. Applied again whenever that is raised: it holds functions, no tables.
-- Gate closure: a stored state as well as a time. The round's row is taken FOR UPDATE, so every bid that holds it
-- FOR SHARE has committed and is seen; then order, count and Merkle root are fixed.

-- Takes a round for whoever changes its state: closing, encrypting, opening, publishing, cancelling. An older snapshot would
-- not see the bids that were acknowledged before the lock was granted. A company that placed a bid in a transaction and leaves
-- it open holds the round's row; so do several of its sessions that take turns, for whoever shares a row passes whoever waits
-- for it alone. So it waits in no queue, where no single wait would be too long and all together have no end: it asks again
-- and again, and after two seconds in all ends the companies' transactions that bid at that moment, whatever their age. What they
-- placed was never acknowledged, for it never committed; an honest tool sends it again with its key.
CREATE OR REPLACE FUNCTION market.lock_round(id bigint) RETURNS market.round
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
  round market.round;
  began timestamptz := clock_timestamp();
  pause double precision := 0.002; -- seconds
  waited double precision := 0; -- counted too, since the server's clock may be set back meanwhile
  elapsed double precision;
BEGIN
  PERFORM market.need_read_committed();
  FOR attempt IN 1 .. 15000 LOOP
    BEGIN
      SELECT * INTO round FROM market.round r WHERE r.round_id = id FOR UPDATE SKIP LOCKED;
      IF FOUND THEN
        RETURN round;
      END IF;
    EXCEPTION WHEN lock_not_available THEN -- the whole table is held
      waited := waited + 0.2;
    END;
    elapsed := greatest(waited, extract(epoch FROM clock_timestamp() - began));
    EXIT WHEN elapsed > 30;
    IF elapsed > 2 THEN
      PERFORM pg_stat_clear_snapshot(); -- else a transaction sees the sessions of its first look only
      PERFORM pg_terminate_backend(a.pid)
      FROM pg_stat_activity a
      JOIN pg_locks l ON l.pid = a.pid AND l.relation = 'market.round'::regclass AND l.mode = 'RowShareLock'
      JOIN market.company c ON c.login_role = a.usename
      WHERE a.datname = current_database();
      -- At once where a session was ended; where another clearing or operator has the round, a look now and then is enough.
      pause := CASE WHEN FOUND THEN 0.002 ELSE 0.05 END;
    END IF;
    PERFORM pg_sleep(pause);
    waited := waited + pause;
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

-- What the engine needs beside the bids.
CREATE OR REPLACE FUNCTION market.sealed_round(round_name text)
RETURNS TABLE (
  round text, state text, delivery_start timestamptz, delivery_end timestamptz, gate timestamptz, pricing text,
  effort text, simulated boolean, slot_minutes integer, entry_count integer, merkle_root bytea, server_time timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
    SELECT r.name, r.state, r.delivery_start, r.delivery_end, r.gate, r.pricing, r.effort, r.simulated,
      m.slot_minutes, r.entry_count, r.merkle_root, clock_timestamp()
    FROM market.round r, market.market m
    WHERE r.round_id = (market.round_named(round_name)).round_id AND r.state IN ('closed', 'published');
  IF NOT FOUND THEN
    PERFORM market.refuse('GM409', format('the book of round %s is not sealed: the round is %s', round_name,
      (market.round_named(round_name)).state), 'nobody reads a book before its gate has closed');
  END IF;
END
$$;

-- The live bids of a sealed book in order of acceptance. Nothing of an open one, whoever asks. Of an encrypted round the
-- bids as they were opened, without those refused then and those that hang on them.
CREATE OR REPLACE FUNCTION market.sealed_book(round_name text)
RETURNS TABLE (place integer, company text, bid text, parent text, body text, accepted_at timestamptz, hash bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
    WITH RECURSIVE refused (round_id, company_id, bid) AS (
      SELECT e.round_id, e.company_id, e.bid FROM market.opened o JOIN market.entry e USING (entry_id) JOIN market.round r USING (round_id)
      WHERE r.name = round_name AND o.refusal IS NOT NULL
      UNION
      SELECT b.round_id, b.company_id, b.bid
      FROM refused f JOIN market.bid b ON b.round_id = f.round_id AND b.company_id = f.company_id AND b.parent = f.bid)
    SELECT s.position, c.name, b.bid, b.parent, coalesce(o.body, e.body), e.accepted_at, e.hash
    FROM market.seal s
    JOIN market.entry e USING (entry_id)
    JOIN market.bid b ON (b.round_id, b.company_id, b.bid, b.head_entry) = (e.round_id, e.company_id, e.bid, e.entry_id)
    JOIN market.company c ON c.company_id = e.company_id
    JOIN market.round r ON r.round_id = s.round_id
    LEFT JOIN market.opened o ON o.entry_id = e.entry_id
    WHERE r.name = round_name AND r.state IN ('closed', 'published') AND NOT b.withdrawn
      AND (b.company_id, b.bid) NOT IN (SELECT f.company_id, f.bid FROM refused f)
    ORDER BY s.position;
END
$$;

CREATE OR REPLACE FUNCTION market.sealed_caps(round_name text) RETURNS TABLE (company text, pool text, gpus integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.name, p.name, k.gpus
  FROM market.round_cap k
  JOIN market.company c USING (company_id)
  JOIN market.pool p USING (pool_id)
  JOIN market.round_pool rp USING (round_id, pool_id)
  JOIN market.round r USING (round_id)
  WHERE r.name = round_name AND r.state IN ('closed', 'published') ORDER BY c.name, rp.position
$$;

GRANT EXECUTE ON FUNCTION market.close_round(text) TO market_operator;
GRANT EXECUTE ON FUNCTION market.close_due_round(text), market.due_rounds(), market.sealed_round(text),
  market.sealed_book(text), market.sealed_caps(text) TO market_clearing;
