-- The names of documents; inlined where they are called.
CREATE OR REPLACE FUNCTION ledger.invoice_name(serial bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT 'INV-' || lpad(serial::text, greatest(6, length(serial::text)), '0') $$;

CREATE OR REPLACE FUNCTION ledger.credit_note_name(serial bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT 'CN-' || lpad(serial::text, greatest(6, length(serial::text)), '0') $$;

-- A tax is rounded to the nearest cent, half away from zero.
CREATE OR REPLACE FUNCTION ledger.tax_cents(net_cents bigint, rate_ppm integer) RETURNS bigint
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT round(net_cents::numeric * rate_ppm / 1000000)::bigint $$;

-- Issues the invoice of each company, or of one, that has charges or credits booked in the period and none yet. Months
-- may be invoiced in any order.
CREATE OR REPLACE FUNCTION ledger.issue_invoices(wanted_period text, company_name text, early boolean) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  first_day date := ledger.period_named(wanted_period);
  last_day date := (first_day + interval '1 month')::date - 1;
  only_company bigint;
  next_serial bigint;
  due record;
  terms record;
  tax bigint;
  tax_number bigint;
  made integer := 0;
BEGIN
  IF company_name IS NOT NULL THEN
    only_company := (market.company_named(company_name)).company_id;
  END IF;
  LOCK TABLE ledger.transaction IN SHARE ROW EXCLUSIVE MODE;
  PERFORM ledger.check_period_over(first_day, early);
  SELECT coalesce(max(i.serial), 0) INTO next_serial FROM ledger.invoice i;
  FOR due IN
    SELECT c.company_id, c.name, sum(p.cents)::bigint AS net
    FROM ledger.transaction t JOIN market.company c USING (company_id) JOIN ledger.posting p ON p.number = t.number
    JOIN ledger.account a ON a.account_id = p.account_id AND a.kind = 'receivable'
    WHERE t.booked_on BETWEEN first_day AND last_day AND ledger.is_charge(t.kind)
      AND (only_company IS NULL OR c.company_id = only_company)
      AND NOT EXISTS (SELECT FROM ledger.invoice i WHERE i.company_id = c.company_id AND i.period = first_day)
    GROUP BY c.company_id, c.name ORDER BY c.name
  LOOP
    next_serial := next_serial + 1;
    terms := ledger.terms_of(due.company_id);
    tax := ledger.tax_cents(due.net, terms.tax_rate_ppm);
    tax_number := NULL;
    IF tax <> 0 THEN
      tax_number := ledger.post('tax', last_day, due.company_id, NULL, NULL, NULL, NULL, ledger.invoice_name(next_serial),
        format('Tax of invoice %s', ledger.invoice_name(next_serial)),
        ARRAY[ledger.account_of('receivable', due.company_id, NULL), ledger.account_of('tax', NULL, NULL)], ARRAY[tax, -tax]);
    END IF;
    INSERT INTO ledger.invoice (serial, company_id, period, issued_at, due_on, net_cents, tax_rate_ppm, tax_cents, tax_number)
    VALUES (next_serial, due.company_id, first_day, clock_timestamp(),
      (clock_timestamp() AT TIME ZONE 'UTC')::date + terms.due_days, due.net, terms.tax_rate_ppm, tax, tax_number);
    made := made + 1;
  END LOOP;
  RETURN made;
END
$$;

-- Payments settle the oldest invoices first: paid_cents is what of an invoice they have reached.
CREATE OR REPLACE FUNCTION ledger.invoices(wanted_period text, company_name text)
RETURNS TABLE (invoice text, company text, period text, issued_at timestamptz, due_on date, net_cents bigint, tax_rate_ppm integer,
  tax_cents bigint, total_cents bigint, paid_cents bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted_company bigint;
  first_day date;
BEGIN
  IF company_name IS NOT NULL THEN
    wanted_company := (market.company_named(company_name)).company_id;
  END IF;
  IF wanted_period IS NOT NULL THEN
    first_day := ledger.period_named(wanted_period);
  END IF;
  RETURN QUERY
    WITH paid AS (
      SELECT t.company_id, -sum(p.cents) AS cents
      FROM ledger.transaction t JOIN ledger.posting p USING (number) JOIN ledger.account a USING (account_id)
      WHERE a.kind = 'receivable' AND t.kind IN ('payment', 'payment-return', 'deposit-use') GROUP BY t.company_id),
    ranked AS (
      SELECT i.*, i.net_cents + i.tax_cents AS total, coalesce(p.cents, 0)
          - sum(least(0, i.net_cents + i.tax_cents)) OVER (PARTITION BY i.company_id) AS money,
        sum(greatest(0, i.net_cents + i.tax_cents)) OVER (PARTITION BY i.company_id ORDER BY i.serial)
          - greatest(0, i.net_cents + i.tax_cents) AS before
      FROM ledger.invoice i LEFT JOIN paid p USING (company_id))
    SELECT ledger.invoice_name(r.serial), c.name, to_char(r.period, 'YYYY-MM'), r.issued_at, r.due_on, r.net_cents, r.tax_rate_ppm,
      r.tax_cents, r.total, CASE WHEN r.total <= 0 THEN r.total ELSE greatest(0, least(r.total, r.money - r.before))::bigint END
    FROM ranked r JOIN market.company c USING (company_id)
    WHERE (first_day IS NULL OR r.period = first_day) AND (wanted_company IS NULL OR c.company_id = wanted_company)
    ORDER BY r.serial;
END
$$;

GRANT EXECUTE ON FUNCTION ledger.issue_invoices(text, text, boolean) TO market_finance;
GRANT EXECUTE ON FUNCTION ledger.invoices(text, text) TO market_operator, market_finance, market_auditor;
