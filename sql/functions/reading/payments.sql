-- What each company pays, with its interval where the payment is not exact.
CREATE OR REPLACE FUNCTION market.company_payments(round_name text)
RETURNS TABLE (company text, payment bigint, low bigint, high bigint, exact boolean, value numeric, gpu_slots numeric, awards bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted market.round := market.round_named(round_name);
BEGIN
  RETURN QUERY
    SELECT c.name, p.payment, p.low, p.high, p.exact, sum(a.value), sum(a.gpu_slots), count(*)
    FROM market.company_payment p
    JOIN market.company c USING (company_id)
    JOIN market.award a ON a.round_id = p.round_id AND a.company_id = p.company_id
    WHERE p.round_id = wanted.round_id AND wanted.state = 'published'
    GROUP BY c.name, p.payment, p.low, p.high, p.exact ORDER BY p.payment DESC, c.name;
END
$$;

GRANT EXECUTE ON FUNCTION market.company_payments(text) TO market_operator, market_clearing, market_finance, market_auditor;
