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

-- The day on or after the wanted one whose period is not closed and, for a charge, not yet invoiced to the company.
CREATE OR REPLACE FUNCTION ledger.open_day(wanted date, company bigint, kind text) RETURNS date
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT greatest(wanted, (SELECT (max(c.period) + interval '1 month')::date FROM ledger.closing c),
    (SELECT (max(i.period) + interval '1 month')::date FROM ledger.invoice i
     WHERE i.company_id = company AND ledger.is_charge(kind)))
$$;

CREATE OR REPLACE FUNCTION ledger.refuse_closed_period() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  open date := ledger.open_day(NEW.booked_on, NEW.company_id, NEW.kind);
BEGIN
  IF open <> NEW.booked_on THEN
    PERFORM market.refuse('GM409', format('the period %s is closed', to_char(NEW.booked_on, 'YYYY-MM')),
      format('book it on %s or later', to_char(open, 'YYYY-MM-DD')));
  END IF;
  RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER refuse_closed_period BEFORE INSERT ON ledger.transaction
  FOR EACH ROW EXECUTE FUNCTION ledger.refuse_closed_period();

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

GRANT EXECUTE ON FUNCTION ledger.close_period(text, boolean) TO market_finance;
GRANT EXECUTE ON FUNCTION ledger.periods() TO market_operator, market_finance, market_auditor;
