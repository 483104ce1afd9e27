-- Revision 5. Applied again whenever that is raised: it holds functions, no tables.
-- What the operator describes: the market, its pools and outages, the companies with their credit and caps.

CREATE OR REPLACE FUNCTION market.create_market(slot_minutes integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  present integer;
BEGIN
  IF create_market.slot_minutes NOT IN (15, 30, 60) THEN
    PERFORM market.refuse('GM422', format('a slot of %s minutes is not offered', create_market.slot_minutes),
      'choose 60, 30 or 15 minutes');
  END IF;
  INSERT INTO market.market (slot_minutes) VALUES (create_market.slot_minutes) ON CONFLICT DO NOTHING;
  SELECT m.slot_minutes INTO present FROM market.market m;
  IF present <> create_market.slot_minutes THEN
    PERFORM market.refuse('GM409', format('this market already has slots of %s minutes', present),
      'slots are set once; create another database for other slots');
  END IF;
END
$$;

CREATE OR REPLACE FUNCTION market.add_pool(pool_name text, capacity_gpus integer, lot_gpus integer, reserve_price bigint)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM market.slot_span();
  IF pool_name !~ '^[a-z0-9][a-z0-9._-]{0,62}$' THEN
    PERFORM market.refuse('GM422', format('%L cannot be a pool''s name', left(pool_name, 80)),
      'use up to 63 lower-case letters, digits, dots, dashes and underscores, such as h100-us');
  ELSIF capacity_gpus NOT BETWEEN 1 AND 10000000 THEN
    PERFORM market.refuse('GM422', format('a capacity of %s GPUs is out of range', capacity_gpus),
      'give 1 to 10000000 GPUs');
  ELSIF lot_gpus NOT BETWEEN 1 AND capacity_gpus THEN
    PERFORM market.refuse('GM422', format('a lot of %s GPUs does not fit a capacity of %s GPUs', lot_gpus, capacity_gpus),
      'give a lot from 1 GPU to the whole pool');
  ELSIF reserve_price NOT BETWEEN 0 AND 1000000000000 OR reserve_price % 100 <> 0 THEN
    PERFORM market.refuse('GM422', 'the reserve price is out of range or finer than the tick',
      'give 0 to 1000000 USD per GPU-hour in steps of 0.0001');
  END IF;
  INSERT INTO market.pool (name, capacity_gpus, lot_gpus, reserve_price)
  VALUES (pool_name, add_pool.capacity_gpus, add_pool.lot_gpus, add_pool.reserve_price);
EXCEPTION WHEN unique_violation THEN
  PERFORM market.refuse('GM409', format('there is a pool %L already', pool_name), 'gpumarket pool list shows it');
END
$$;

-- GPUs of a pool in one slot that no outage takes away. Negative where outages overlap beyond the capacity.
CREATE OR REPLACE FUNCTION market.pool_gpus_at(wanted_pool bigint, slot_start timestamptz) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT p.capacity_gpus - coalesce((
    SELECT sum(o.gpus) FROM market.outage o
    WHERE o.pool_id = p.pool_id AND o.starts_at < slot_start + market.slot_span() AND o.ends_at > slot_start), 0)
  FROM market.pool p WHERE p.pool_id = wanted_pool
$$;

-- GPUs of a pool in one slot that published rounds awarded and nobody gave back. 043, which is never applied again, makes the same
-- one: keep both alike.
CREATE OR REPLACE FUNCTION market.awarded_gpus_at(wanted_pool bigint, slot_start timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Look-ups by key for the few rows found, whatever the planner knows of the tables.
  RETURN (
    SELECT coalesce(sum(u.gpus), 0) FROM market.award_use u
    WHERE u.pool_id = wanted_pool AND u.starts_at <= slot_start AND u.ends_at > slot_start
      AND (SELECT r.state FROM market.award a JOIN market.round r USING (round_id) WHERE a.award = u.award) = 'published'
      AND (SELECT count(*) FROM ledger.release x WHERE x.award = u.award AND x.released_from <= slot_start) = 0);
END
$$;

-- An outage lowers what later rounds can offer, and what open rounds still offer. The same one recorded again, as when a
-- reply was lost, is the first: pool, GPUs, window and reason tell outages apart.
CREATE OR REPLACE FUNCTION market.add_outage(
  pool_name text, outage_gpus integer, starts_at timestamptz, ends_at timestamptz, reason text
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  pool market.pool := market.pool_named(pool_name);
  id text := market.random_id('o_');
  earlier text;
  span interval := market.slot_span();
  round market.round;
BEGIN
  PERFORM market.need_read_committed();
  PERFORM FROM market.pool p WHERE p.pool_id = pool.pool_id FOR UPDATE;
  IF outage_gpus NOT BETWEEN 1 AND pool.capacity_gpus THEN
    PERFORM market.refuse('GM422', format('an outage of %s GPUs in a pool of %s GPUs', outage_gpus, pool.capacity_gpus),
      format('give 1 to %s GPUs', pool.capacity_gpus));
  ELSIF starts_at >= ends_at OR ends_at > starts_at + interval '366 days' THEN
    PERFORM market.refuse('GM422', 'the outage''s window is empty or longer than a year', 'give START/END with START before END');
  ELSIF length(trim(reason)) NOT BETWEEN 1 AND 500 THEN
    PERFORM market.refuse('GM422', 'an outage needs a reason', 'say in a few words what happened: holders read it');
  END IF;
  SELECT o.outage_id INTO earlier FROM market.outage o
  WHERE o.pool_id = pool.pool_id AND o.gpus = outage_gpus AND o.starts_at = add_outage.starts_at
    AND o.ends_at = add_outage.ends_at AND o.reason = trim(add_outage.reason);
  IF earlier IS NOT NULL THEN
    RETURN earlier;
  END IF;
  INSERT INTO market.outage (outage_id, pool_id, gpus, starts_at, ends_at, reason)
  VALUES (id, pool.pool_id, outage_gpus, add_outage.starts_at, add_outage.ends_at, trim(add_outage.reason));
  -- The round that opened last gives way first. A round that is closing meanwhile keeps what its sealed book offers:
  -- what is then missing is credited to the holders.
  FOR round IN
    SELECT r.* FROM market.round r JOIN market.round_pool rp USING (round_id)
    WHERE rp.pool_id = pool.pool_id AND r.state = 'open'
      AND r.delivery_start < add_outage.ends_at AND r.delivery_end > add_outage.starts_at
    ORDER BY r.round_id DESC FOR SHARE OF r
  LOOP
    UPDATE market.round_pool rp
    SET capacity_gpus = ARRAY(
      SELECT greatest(0, rp.capacity_gpus[s.n] + least(0,
        market.free_gpus_at(pool.pool_id, round.delivery_start + (s.n - 1) * span)))::integer
      FROM generate_subscripts(rp.capacity_gpus, 1) AS s (n) ORDER BY s.n)
    WHERE rp.round_id = round.round_id AND rp.pool_id = pool.pool_id;
  END LOOP;
  RETURN id;
END
$$;

-- PostgreSQL stores as it stands what it can read as such a secret, and takes anything else for a password: so the form has
-- to be exact, to the lengths that base64 can have.
CREATE OR REPLACE FUNCTION market.check_verifier(verifier text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF verifier IS NULL OR verifier !~ ('^SCRAM-SHA-256\$[1-9][0-9]{3,6}'
    || ':([A-Za-z0-9+/]{4}){5,20}([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?'
    || '\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$') THEN
    PERFORM market.refuse('GM400', 'the credential is no SCRAM-SHA-256 verifier', 'gpumarket company verifier makes one');
  END IF;
END
$$;

-- Adds a company with a login role of its own. The role's name names nobody, since every role can list roles.
-- The verifier is a SCRAM-SHA-256 secret computed by the caller, so no password reaches the server.
CREATE OR REPLACE FUNCTION market.add_company(company_name text, credit_limit bigint, verifier text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  login text := market.random_id('c_');
BEGIN
  IF company_name !~ '^[a-zA-Z0-9][a-zA-Z0-9._/ -]{0,62}$' THEN
    PERFORM market.refuse('GM422', format('%L cannot be a company''s name', left(company_name, 80)),
      'use up to 63 letters, digits, blanks, dots, dashes, slashes and underscores');
  ELSIF credit_limit NOT BETWEEN 0 AND 1000000000000000000 THEN
    PERFORM market.refuse('GM422', 'the credit limit is out of range', 'give 0 to 1000000000000 USD');
  END IF;
  PERFORM market.check_verifier(verifier);
  INSERT INTO market.company (name, login_role, credit_limit) VALUES (company_name, login, add_company.credit_limit);
  EXECUTE format('CREATE ROLE %I LOGIN INHERIT CONNECTION LIMIT 20 PASSWORD %L IN ROLE market_company', login, verifier);
  RETURN login;
EXCEPTION WHEN unique_violation THEN
  PERFORM market.refuse('GM409', format('there is a company %L already', company_name),
    'gpumarket company list shows it');
END
$$;

-- Takes a company's row for whoever changes it. A bid left open in a transaction holds it: the company's sessions whose
-- transaction is older than is borne are ended, as market.lock_round does it.
CREATE OR REPLACE FUNCTION market.lock_company(id bigint, borne interval) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
  FOR attempt IN 1 .. 15 LOOP
    BEGIN
      PERFORM FROM market.company c WHERE c.company_id = id FOR NO KEY UPDATE;
      RETURN;
    EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
      PERFORM pg_stat_clear_snapshot(); -- else a transaction sees the sessions of its first look only
      PERFORM pg_terminate_backend(a.pid)
      FROM pg_stat_activity a JOIN market.company c ON c.login_role = a.usename
      WHERE c.company_id = id AND a.datname = current_database() AND a.xact_start < clock_timestamp() - borne;
    END;
  END LOOP;
  PERFORM market.refuse('GM409', 'another session has held the company for half a minute', 'try again');
END
$$;

-- A lower credit binds new bids only. Refusing one below the exposure would tell the operator what open bids come to.
CREATE OR REPLACE FUNCTION market.set_credit(company_name text, credit_limit bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  company market.company := market.company_named(company_name);
BEGIN
  IF credit_limit NOT BETWEEN 0 AND 1000000000000000000 THEN
    PERFORM market.refuse('GM422', 'the credit limit is out of range', 'give 0 to 1000000000000 USD');
  END IF;
  PERFORM market.lock_company(company.company_id, interval '10 seconds'); -- longer than an import takes
  UPDATE market.company c SET credit_limit = set_credit.credit_limit WHERE c.company_id = company.company_id;
END
$$;

CREATE OR REPLACE FUNCTION market.set_cap(company_name text, pool_name text, cap_gpus integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  company market.company := market.company_named(company_name);
  pool market.pool := market.pool_named(pool_name);
BEGIN
  IF cap_gpus IS NULL THEN
    DELETE FROM market.company_cap k WHERE k.company_id = company.company_id AND k.pool_id = pool.pool_id;
    RETURN;
  ELSIF cap_gpus NOT BETWEEN 0 AND 10000000 THEN -- as a pool's capacity
    PERFORM market.refuse('GM422', format('a cap of %s GPUs is out of range', cap_gpus), 'give 0 to 10000000 GPUs');
  END IF;
  INSERT INTO market.company_cap (company_id, pool_id, gpus) VALUES (company.company_id, pool.pool_id, cap_gpus)
  ON CONFLICT (company_id, pool_id) DO UPDATE SET gpus = excluded.gpus;
END
$$;

CREATE OR REPLACE FUNCTION market.pools()
RETURNS TABLE (pool text, capacity_gpus integer, lot_gpus integer, reserve_price bigint, slot_minutes integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT p.name, p.capacity_gpus, p.lot_gpus, p.reserve_price, m.slot_minutes
  FROM market.pool p, market.market m ORDER BY p.name
$$;

CREATE OR REPLACE FUNCTION market.outages(pool_name text)
RETURNS TABLE (outage text, pool text, gpus integer, starts_at timestamptz, ends_at timestamptz, reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.outage_id, p.name, o.gpus, o.starts_at, o.ends_at, o.reason
  FROM market.outage o JOIN market.pool p USING (pool_id)
  WHERE pool_name IS NULL OR p.name = pool_name ORDER BY o.starts_at, o.outage_id
$$;

-- For the operator: who takes part, with the login role and the credit limit. What they bid is not here.
CREATE OR REPLACE FUNCTION market.companies()
RETURNS TABLE (company text, login_role text, credit_limit bigint, caps jsonb, revoked boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.name, c.login_role::text, c.credit_limit,
    coalesce((SELECT jsonb_object_agg(p.name, k.gpus) FROM market.company_cap k JOIN market.pool p USING (pool_id)
      WHERE k.company_id = c.company_id), '{}'), c.revoked_at IS NOT NULL
  FROM market.company c ORDER BY c.name
$$;

GRANT EXECUTE ON FUNCTION market.create_market(integer), market.add_pool(text, integer, integer, bigint),
  market.add_outage(text, integer, timestamptz, timestamptz, text), market.add_company(text, bigint, text),
  market.set_credit(text, bigint), market.set_cap(text, text, integer) TO market_operator;
GRANT EXECUTE ON FUNCTION market.pools(), market.outages(text)
  TO market_operator, market_clearing, market_finance, market_auditor, market_company;
GRANT EXECUTE ON FUNCTION market.companies() TO market_operator, market_clearing, market_finance, market_auditor;
