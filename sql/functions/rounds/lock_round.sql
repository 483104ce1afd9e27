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
      WHERE a.datname = current_database()
        AND (a.usename = 'market_door' OR a.usename IN (SELECT c.login_role FROM market.company c));
      -- At once where a session was ended; where another clearing or operator has the round, a look now and then is enough.
      pause := CASE WHEN FOUND THEN 0.002 ELSE 0.05 END;
    END IF;
    PERFORM pg_sleep(pause);
    waited := waited + pause;
  END LOOP;
  PERFORM market.refuse('GM409', 'another clearing or operator has held the round for half a minute', 'try again');
END
$$;
