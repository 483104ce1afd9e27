CREATE OR REPLACE FUNCTION ledger.set_terms(company_name text, tax_rate_ppm integer, due_days integer) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  company market.company := market.company_named(company_name);
BEGIN
  IF set_terms.tax_rate_ppm IS NULL OR set_terms.tax_rate_ppm NOT BETWEEN 0 AND 1000000 THEN
    PERFORM market.refuse('GM422', 'the tax rate is out of range', 'give 0 to 100 percent, with at most four decimals');
  ELSIF set_terms.due_days IS NULL OR set_terms.due_days NOT BETWEEN 0 AND 365 THEN
    PERFORM market.refuse('GM422', 'the payment term is out of range', 'give 0 to 365 days');
  END IF;
  INSERT INTO ledger.terms (company_id, tax_rate_ppm, due_days)
  VALUES (company.company_id, set_terms.tax_rate_ppm, set_terms.due_days);
END
$$;

-- No tax and 30 days unless set.
CREATE OR REPLACE FUNCTION ledger.terms_of(company bigint, OUT tax_rate_ppm integer, OUT due_days integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(t.tax_rate_ppm, 0), coalesce(t.due_days, 30)
  FROM (SELECT) one LEFT JOIN LATERAL (
    SELECT w.tax_rate_ppm, w.due_days FROM ledger.terms w WHERE w.company_id = company ORDER BY w.terms_id DESC LIMIT 1) t ON true
$$;

GRANT EXECUTE ON FUNCTION ledger.set_terms(text, integer, integer) TO market_operator;
