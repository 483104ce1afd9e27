-- A company's own month, as finance sees it, through the one door that companies have. It names no transaction by its
-- number, for that would count what others are charged.
CREATE OR REPLACE FUNCTION market.own_name() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.name FROM market.company c WHERE c.company_id = market.current_company()
$$;

CREATE OR REPLACE FUNCTION market.my_statement(wanted_period text)
RETURNS TABLE (company text, opening_cents numeric, charged_cents numeric, credited_cents numeric, tax_cents numeric,
  paid_cents numeric, closing_cents numeric, deposit_cents numeric, closed boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.name, s.* FROM (SELECT market.own_name() AS name) o, ledger.statement(o.name, wanted_period) s
$$;

CREATE OR REPLACE FUNCTION market.my_statement_bids(wanted_period text)
RETURNS TABLE (round text, bid text, most bigint, award text, value bigint, payment bigint, accepted_at text, receipt text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT * FROM ledger.statement_bids(market.own_name(), wanted_period)
$$;

-- As ledger.charge_lines, numbered within the company's month. A reversal's memo names by its number what it takes back: that
-- number would count what others are charged, so it is cut.
CREATE OR REPLACE FUNCTION market.my_charges(wanted_period text)
RETURNS TABLE (number bigint, line integer, kind text, booked_on text, company text, round text, pricing text, award text, bid text,
  receipt text, pool text, starts_at text, ends_at text, gpus integer, gpu_seconds bigint, value bigint, payment bigint,
  reserve_price bigint, cents bigint, account text, invoice text, document text, corrects bigint, corrects_kind text, outage text,
  memo text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT dense_rank() OVER (ORDER BY l.booked_on, l.number), l.line, l.kind, l.booked_on, l.company, l.round, l.pricing, l.award,
    l.bid, l.receipt, l.pool, l.starts_at, l.ends_at, l.gpus, l.gpu_seconds, l.value, l.payment, l.reserve_price, l.cents,
    l.account, l.invoice, l.document, NULL::bigint, l.corrects_kind, l.outage,
    CASE l.kind WHEN 'reversal' THEN regexp_replace(l.memo, '^Reverses [0-9]+: ', 'Reverses: ') ELSE l.memo END
  FROM ledger.charge_lines(NULL, NULL, NULL, wanted_period, market.own_name()) l
  ORDER BY l.booked_on, l.number, l.line
$$;

-- Money that came or went: what it did to the receivable, or else to the deposit.
CREATE OR REPLACE FUNCTION market.my_money(wanted_period text)
RETURNS TABLE (booked_on text, kind text, cents bigint, reference text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT to_char(t.booked_on, 'YYYY-MM-DD'), t.kind,
    coalesce(nullif(sum(p.cents) FILTER (WHERE a.kind = 'receivable'), 0), max(p.cents))::bigint,
    coalesce(t.reference, 'return of ' || o.reference, '')
  FROM ledger.selected(NULL, NULL, NULL, wanted_period, market.own_name()) t
  JOIN ledger.posting p USING (number) JOIN ledger.account a USING (account_id)
  LEFT JOIN ledger.transaction o ON o.number = t.corrects
  WHERE NOT ledger.is_charge(t.kind) AND t.kind <> 'tax'
  GROUP BY t.number, t.booked_on, t.kind, t.reference, o.reference ORDER BY t.booked_on, t.number
$$;

CREATE OR REPLACE FUNCTION market.my_invoices(wanted_period text)
RETURNS TABLE (invoice text, company text, period text, issued_at timestamptz, due_on date, net_cents bigint, tax_rate_ppm integer,
  tax_cents bigint, total_cents bigint, paid_cents bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT * FROM ledger.invoices(wanted_period, market.own_name())
$$;

GRANT EXECUTE ON FUNCTION market.my_statement(text), market.my_statement_bids(text), market.my_charges(text),
  market.my_money(text), market.my_invoices(text) TO market_company;
