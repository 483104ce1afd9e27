-- A company's account over a period: cents, positive for what it owes.
CREATE OR REPLACE FUNCTION ledger.statement(company_name text, wanted_period text)
RETURNS TABLE (opening_cents numeric, charged_cents numeric, credited_cents numeric, tax_cents numeric, paid_cents numeric,
  closing_cents numeric, deposit_cents numeric, closed boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  company market.company := market.company_named(company_name);
  first_day date := ledger.period_named(wanted_period);
  next_day date := (first_day + interval '1 month')::date;
BEGIN
  RETURN QUERY
    SELECT coalesce(sum(p.cents) FILTER (WHERE a.kind = 'receivable' AND t.booked_on < first_day), 0),
      coalesce(sum(p.cents) FILTER (WHERE a.kind = 'receivable' AND t.booked_on >= first_day AND t.kind = 'award'), 0),
      coalesce(sum(p.cents) FILTER (WHERE a.kind = 'receivable' AND t.booked_on >= first_day AND ledger.is_charge(t.kind)
        AND t.kind <> 'award'), 0),
      coalesce(sum(p.cents) FILTER (WHERE a.kind = 'receivable' AND t.booked_on >= first_day AND t.kind = 'tax'), 0),
      coalesce(sum(p.cents) FILTER (WHERE a.kind = 'receivable' AND t.booked_on >= first_day
        AND t.kind IN ('payment', 'payment-return', 'deposit-use')), 0),
      coalesce(sum(p.cents) FILTER (WHERE a.kind = 'receivable'), 0), coalesce(-sum(p.cents) FILTER (WHERE a.kind = 'deposit'), 0),
      EXISTS (SELECT FROM ledger.closing k WHERE k.period >= first_day)
    FROM ledger.account a JOIN ledger.posting p USING (account_id) JOIN ledger.transaction t USING (number)
    WHERE a.kind IN ('receivable', 'deposit') AND a.company_id = company.company_id AND t.booked_on < next_day;
END
$$;

-- What a company asked for in the published rounds whose delivery begins in a period, and what became of it.
CREATE OR REPLACE FUNCTION ledger.statement_bids(company_name text, wanted_period text)
RETURNS TABLE (round text, bid text, most bigint, award text, value bigint, payment bigint, accepted_at text, receipt text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  company market.company := market.company_named(company_name);
  first_day date := ledger.period_named(wanted_period);
BEGIN
  RETURN QUERY
    SELECT r.name, b.bid, b.exposure, w.award, w.value, w.payment, market.exact_time(e.accepted_at), encode(e.hash, 'hex')
    FROM market.bid b JOIN market.round r USING (round_id) JOIN market.entry e ON e.entry_id = b.head_entry
    LEFT JOIN market.award w ON w.round_id = b.round_id AND w.company_id = b.company_id AND w.bid = b.bid
    WHERE b.company_id = company.company_id AND r.state = 'published' AND NOT b.withdrawn
      AND (r.delivery_start AT TIME ZONE 'UTC')::date >= first_day
      AND (r.delivery_start AT TIME ZONE 'UTC')::date < (first_day + interval '1 month')::date
    ORDER BY r.delivery_start, e.accepted_at, e.entry_id;
END
$$;

-- Charges, credits, tax and money received, by 'company', 'pool', 'round' or 'period'.
CREATE OR REPLACE FUNCTION ledger.totals_by(what text)
RETURNS TABLE (name text, awards bigint, charged_cents numeric, credited_cents numeric, tax_cents numeric, paid_cents numeric)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT * FROM (
    SELECT CASE what WHEN 'company' THEN c.name WHEN 'pool' THEN l.name WHEN 'round' THEN r.name
        WHEN 'period' THEN to_char(t.booked_on, 'YYYY-MM') END,
      count(DISTINCT t.number) FILTER (WHERE t.kind = 'award'),
      coalesce(sum(-p.cents) FILTER (WHERE a.kind IN ('revenue', 'allowance') AND t.kind = 'award'), 0),
      coalesce(sum(-p.cents) FILTER (WHERE a.kind IN ('revenue', 'allowance') AND t.kind <> 'award'), 0),
      coalesce(sum(-p.cents) FILTER (WHERE a.kind = 'tax'), 0),
      coalesce(sum(-p.cents) FILTER (WHERE a.kind = 'receivable' AND t.kind IN ('payment', 'payment-return', 'deposit-use')), 0)
    FROM ledger.transaction t
    JOIN ledger.posting p USING (number)
    JOIN ledger.account a USING (account_id)
    JOIN market.company c ON c.company_id = t.company_id
    LEFT JOIN market.round r ON r.round_id = t.round_id
    LEFT JOIN market.pool l ON l.pool_id = a.pool_id
    WHERE CASE what WHEN 'pool' THEN l.name IS NOT NULL WHEN 'round' THEN r.name IS NOT NULL ELSE true END
    GROUP BY 1) x (name, awards, charged, credited, tax, paid)
  ORDER BY x.name COLLATE "C"
$$;

GRANT EXECUTE ON FUNCTION ledger.statement(text, text), ledger.totals_by(text) TO market_operator, market_finance,
  market_auditor;
-- What lost, too: finance writes statements and the auditor checks them; the operator needs neither.
GRANT EXECUTE ON FUNCTION ledger.statement_bids(text, text) TO market_finance, market_auditor;
