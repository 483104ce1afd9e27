-- Revision 2. Applied again whenever that is raised: it holds functions, no tables.
-- Month's end: invoices are issued, then the period closes and accepts nothing more.

CREATE OR REPLACE FUNCTION ledger.period_named(wanted text) RETURNS date
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF wanted IS NULL OR wanted !~ '^[0-9]{4}-(0[1-9]|1[0-2])$' THEN
    PERFORM market.refuse('GM400', format('%L is no period', left(wanted, 40)), 'write a UTC calendar month as 2026-12');
  END IF;
  RETURN to_date(wanted || '-01', 'YYYY-MM-DD');
END
$$;

-- The names of documents; inlined where they are called.
CREATE OR REPLACE FUNCTION ledger.invoice_name(serial bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT 'INV-' || lpad(serial::text, greatest(6, length(serial::text)), '0') $$;

CREATE OR REPLACE FUNCTION ledger.credit_note_name(serial bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT 'CN-' || lpad(serial::text, greatest(6, length(serial::text)), '0') $$;

-- A tax is rounded to the nearest cent, half away from zero.
CREATE OR REPLACE FUNCTION ledger.tax_cents(net_cents bigint, rate_ppm integer) RETURNS bigint
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT round(net_cents::numeric * rate_ppm / 1000000)::bigint $$;

CREATE OR REPLACE FUNCTION ledger.check_period_over(period date, early boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  over timestamptz := (period + interval '1 month') AT TIME ZONE 'UTC';
BEGIN
  IF NOT early AND clock_timestamp() < over THEN
    PERFORM market.refuse('GM409', format('the period %s ends at %s; it is %s by the server''s clock', to_char(period, 'YYYY-MM'),
      market.show_time(over), market.show_time(clock_timestamp())),
      'wait for its end, or say --early: later charges then fall in the next period');
  ELSIF EXISTS (SELECT FROM ledger.closing c WHERE c.period >= check_period_over.period) THEN
    PERFORM market.refuse('GM409', format('the period %s is closed', to_char(period, 'YYYY-MM')),
      'gpumarket settle period list shows the periods');
  END IF;
END
$$;

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

-- Issues what invoices are missing and closes the period with all before it. Corrections found later fall in the
-- first open one. A month that lies ahead is closed where something is booked: a mistyped year would send all that follows
-- into the month behind it, for good.
CREATE OR REPLACE FUNCTION ledger.close_period(wanted_period text, early boolean) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  first_day date := ledger.period_named(wanted_period);
  month date;
  made integer;
BEGIN
  LOCK TABLE ledger.transaction IN SHARE ROW EXCLUSIVE MODE;
  SELECT min(date_trunc('month', t.booked_on::timestamp)::date) INTO month FROM ledger.transaction t
  WHERE t.booked_on < first_day AND ledger.open_day(t.booked_on, NULL, NULL) = t.booked_on;
  IF month IS NOT NULL THEN
    PERFORM market.refuse('GM409', format('the period %s before it is open', to_char(month, 'YYYY-MM')), 'close the periods in order');
  END IF;
  made := ledger.issue_invoices(wanted_period, NULL, early);
  IF first_day > (clock_timestamp() AT TIME ZONE 'UTC')::date
    AND NOT EXISTS (SELECT FROM ledger.transaction t WHERE t.booked_on >= first_day) THEN
    PERFORM market.refuse('GM409', format('the period %s has not begun, and nothing is booked in it or later',
      to_char(first_day, 'YYYY-MM')), 'check the year: what is closed stays closed');
  END IF;
  INSERT INTO ledger.closing (period, closed_at, last_number, last_hash)
  SELECT first_day, clock_timestamp(), coalesce(max(t.number), 0),
    coalesce((SELECT x.hash FROM ledger.transaction x ORDER BY x.number DESC LIMIT 1), '')
  FROM ledger.transaction t;
  RETURN made;
END
$$;

CREATE OR REPLACE FUNCTION ledger.periods()
RETURNS TABLE (period text, transactions bigint, charged_cents numeric, tax_cents numeric, received_cents numeric, invoices bigint,
  closed_at timestamptz, closed_by text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT to_char(m.month, 'YYYY-MM'), coalesce(b.transactions, 0), coalesce(b.charged, 0), coalesce(b.tax, 0), coalesce(b.received, 0),
    (SELECT count(*) FROM ledger.invoice i WHERE i.period = m.month), c.closed_at, c.closed_by::text
  FROM (SELECT DISTINCT date_trunc('month', t.booked_on::timestamp)::date FROM ledger.transaction t
        UNION SELECT x.period FROM ledger.closing x) AS m (month)
  LEFT JOIN (
    SELECT date_trunc('month', t.booked_on::timestamp)::date AS month, count(DISTINCT t.number) AS transactions,
      sum(-p.cents) FILTER (WHERE a.kind IN ('revenue', 'allowance')) AS charged,
      sum(-p.cents) FILTER (WHERE a.kind = 'tax') AS tax, sum(p.cents) FILTER (WHERE a.kind = 'bank') AS received
    FROM ledger.transaction t JOIN ledger.posting p USING (number) JOIN ledger.account a USING (account_id) GROUP BY 1) b USING (month)
  LEFT JOIN ledger.closing c ON c.period = m.month
  ORDER BY m.month
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

GRANT EXECUTE ON FUNCTION ledger.issue_invoices(text, text, boolean), ledger.close_period(text, boolean) TO market_finance;
GRANT EXECUTE ON FUNCTION ledger.periods(), ledger.invoices(text, text) TO market_operator, market_finance, market_auditor;
