-- What a company may lose at worst: its open bids at their limits, and what it owes.
CREATE OR REPLACE FUNCTION market.company_exposure(wanted bigint) RETURNS numeric
LANGUAGE plpgsql STABLE AS $$
DECLARE
  owed bigint := ledger.owed(wanted);
BEGIN
  RETURN owed + (
    SELECT coalesce(sum(t.exposure), 0) FROM market.company_round t JOIN market.round r USING (round_id)
    WHERE t.company_id = wanted AND r.state IN ('open', 'closed'));
END
$$;

CREATE OR REPLACE FUNCTION market.my_account()
RETURNS TABLE (company text, credit_limit bigint, exposure numeric, owed bigint, caps jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me bigint := market.current_company();
BEGIN
  RETURN QUERY SELECT c.name, c.credit_limit, market.company_exposure(me), ledger.owed(me),
      coalesce((SELECT jsonb_object_agg(p.name, k.gpus) FROM market.company_cap k JOIN market.pool p USING (pool_id)
        WHERE k.company_id = me), '{}')
    FROM market.company c WHERE c.company_id = me;
END
$$;

GRANT EXECUTE ON FUNCTION market.my_account() TO market_company;
