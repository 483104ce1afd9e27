-- Revision 1. Applied again whenever that is raised: it holds functions, no tables.
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

-- An instant for a message: to the minute, zone shown.
CREATE OR REPLACE FUNCTION market.show_time(at timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"')
$$;

-- An instant for programs: to the microsecond.
CREATE OR REPLACE FUNCTION market.exact_time(at timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

CREATE OR REPLACE FUNCTION market.show_usd(microdollars numeric) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT to_char(microdollars / 1000000, 'FM999999999999990.00') || ' USD'
$$;

CREATE OR REPLACE FUNCTION market.show_price(microdollars bigint) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT to_char(microdollars::numeric / 1000000, 'FM999999990.0000') || ' USD per GPU-hour'
$$;

-- An id that tells nothing of how many there are.
CREATE OR REPLACE FUNCTION market.random_id(prefix text) RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT prefix || left(encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex'), 16)
$$;

CREATE OR REPLACE FUNCTION market.slot_span() RETURNS interval
LANGUAGE plpgsql STABLE AS $$
DECLARE
  minutes integer;
BEGIN
  SELECT slot_minutes INTO minutes FROM market.market;
  IF minutes IS NULL THEN
    PERFORM market.refuse('GM404', 'this database has no market yet', 'run gpumarket migrate');
  END IF;
  RETURN make_interval(mins => minutes);
END
$$;

-- The company behind this connection. The identity is the login, whatever role is set.
CREATE OR REPLACE FUNCTION market.current_company() RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
  id bigint;
BEGIN
  SELECT company_id INTO id FROM market.company WHERE login_role = session_user AND revoked_at IS NULL;
  IF id IS NULL THEN
    PERFORM market.refuse('GM403', 'this login belongs to no company of the market',
      'connect with the credential that company add printed, or name the company with --as on the private server');
  END IF;
  RETURN id;
END
$$;

CREATE OR REPLACE FUNCTION market.round_named(wanted text) RETURNS market.round
LANGUAGE plpgsql STABLE AS $$
DECLARE
  found market.round;
BEGIN
  SELECT * INTO found FROM market.round WHERE name = wanted;
  IF found.round_id IS NULL THEN
    PERFORM market.refuse('GM404', format('there is no round %L', left(wanted, 80)), 'gpumarket round list shows the rounds');
  END IF;
  RETURN found;
END
$$;

CREATE OR REPLACE FUNCTION market.pool_named(wanted text) RETURNS market.pool
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found market.pool;
BEGIN
  SELECT * INTO found FROM market.pool WHERE name = wanted;
  IF found.pool_id IS NULL THEN
    PERFORM market.refuse('GM404', format('there is no pool %L', left(wanted, 80)), 'gpumarket pool list shows the pools');
  END IF;
  RETURN found;
END
$$;

CREATE OR REPLACE FUNCTION market.company_named(wanted text) RETURNS market.company
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found market.company;
BEGIN
  SELECT * INTO found FROM market.company WHERE name = wanted;
  IF found.company_id IS NULL THEN
    PERFORM market.refuse('GM404', format('there is no company %L', left(wanted, 80)),
      'gpumarket company list shows the companies');
  END IF;
  RETURN found;
END
$$;

-- One field of a hashed record: its length, then its bytes, so that no two records share an encoding.
CREATE OR REPLACE FUNCTION market.field(value text) RETURNS bytea
LANGUAGE sql STABLE AS $$
  SELECT pg_catalog.int4send(pg_catalog.octet_length(value)) OPERATOR(pg_catalog.||) pg_catalog.convert_to(value, 'UTF8')
$$;

-- Many of them, for clients of another encoding than UTF-8: turned into bytes, then as entry_hash does it.
CREATE OR REPLACE FUNCTION market.bytes_of_fields(fields text[]) RETURNS bytea
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN substr(array_send(ARRAY(SELECT convert_to(f, 'UTF8') FROM unnest(fields) WITH ORDINALITY AS u (f, n) ORDER BY n)), 21);
END
$$;

-- The hash that a receipt holds, over such fields. Anyone who has them can compute it again. An array's binary form is just
-- that behind a head of 20 bytes, at a third of the cost; but it has texts in the client's encoding, so those of other
-- clients are turned into bytes first.
CREATE OR REPLACE FUNCTION market.entry_hash(
  round text, company text, bid text, kind text, parent text, key text, salt text, accepted_at text, body text
) RETURNS bytea
LANGUAGE sql STABLE AS $$
  SELECT sha256(CASE WHEN pg_client_encoding() = 'UTF8'
    THEN substr(array_send(ARRAY['gpumarket entry 1', round, company, bid, kind, coalesce(parent, ''), key, salt, accepted_at,
      body]), 21)
    ELSE market.bytes_of_fields(ARRAY['gpumarket entry 1', round, company, bid, kind, coalesce(parent, ''), key, salt,
      accepted_at, body]) END)
$$;

-- The Merkle tree hash of RFC 6962: pairs from the left, an odd last node moves up unchanged.
CREATE OR REPLACE FUNCTION market.merkle_root(leaves bytea[]) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  level bytea[] := '{}';
  above bytea[];
  leaf bytea;
  width integer;
BEGIN
  IF coalesce(array_length(leaves, 1), 0) = 0 THEN
    RETURN sha256('');
  END IF;
  FOREACH leaf IN ARRAY leaves LOOP
    level := array_append(level, sha256('\x00'::bytea || leaf));
  END LOOP;
  WHILE array_length(level, 1) > 1 LOOP
    width := array_length(level, 1);
    above := '{}';
    FOR i IN 1 .. width / 2 LOOP
      above := array_append(above, sha256('\x01'::bytea || level[2 * i - 1] || level[2 * i]));
    END LOOP;
    IF width % 2 = 1 THEN
      above := array_append(above, level[width]);
    END IF;
    level := above;
  END LOOP;
  RETURN level[1];
END
$$;
