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

CREATE OR REPLACE FUNCTION market.set_quota(company_name text, entries integer) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  company market.company := market.company_named(company_name);
BEGIN
  IF entries IS NULL OR entries NOT BETWEEN 1 AND 1000000 THEN
    PERFORM market.refuse('GM422', 'the quota is out of range', 'give 1 to 1000000 entries a round');
  END IF;
  PERFORM market.lock_company(company.company_id, interval '10 seconds');
  UPDATE market.company c SET entry_quota = entries WHERE c.company_id = company.company_id;
END
$$;

GRANT EXECUTE ON FUNCTION market.set_credit(text, bigint), market.set_cap(text, text, integer),
  market.set_quota(text, integer) TO market_operator;
