-- Small functions the others stand on. Errors raised for people carry an SQLSTATE of class GM:
--   GM400 the request has not the right form    GM404 no such thing    GM403 not yours to do
--   GM409 conflict with what is stored           GM422 understood and refused by a rule
-- each with a HINT that says what to do next.
-- Functions that only the owner may call, and that every bid passes, have no search path of their own: whoever calls them
-- has pinned it, and setting it again at each call took a third of the door's time.
CREATE OR REPLACE FUNCTION market.refuse(code text, message text, advice text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message, HINT = advice;
END
$$;

-- Whoever reads what others may just have written under a lock needs to see it: an older snapshot would not.
CREATE OR REPLACE FUNCTION market.need_read_committed() RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    PERFORM market.refuse('GM409', format('this cannot be done in a %s transaction', current_setting('transaction_isolation')),
      'use READ COMMITTED, PostgreSQL''s default');
  END IF;
END
$$;
