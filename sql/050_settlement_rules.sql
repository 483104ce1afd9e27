-- Revision 1. Applied again whenever that is raised: it holds functions, no tables.
-- Rules of settlement that 042, 043 and 047, which made tables and are never applied again, made otherwise. 051 makes the table
-- that two of them use.

-- The limit keeps every sum of cents within what the tool's amounts can hold. A reference may have any letter, whatever the
-- database's locale; what it may not have is a line end or another control character.
CREATE OR REPLACE FUNCTION ledger.check_receipt(cents bigint, wanted_day date, reference text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF cents IS NULL OR cents NOT BETWEEN 1 AND 100000000000000 THEN
    PERFORM market.refuse('GM422', 'the amount is out of range', 'give 0.01 to 1000000000000.00 USD');
  ELSIF wanted_day IS NULL OR wanted_day NOT BETWEEN '1970-01-01' AND (clock_timestamp() AT TIME ZONE 'UTC')::date + 366 THEN
    PERFORM market.refuse('GM422', 'the day is missing, or more than a year ahead of today', 'give the UTC day, such as 2026-12-07');
  ELSIF reference IS NULL OR reference !~ '^[^[:cntrl:]]{1,100}$' THEN
    PERFORM market.refuse('GM422', 'the reference is missing, longer than 100 characters or has a control character',
      'give the bank''s reference of the transfer: it tells two payments apart');
  END IF;
END
$$;

-- Records money received or used. The reference is the key: the same again returns the first, another amount or day
-- under the same reference is refused, and so is a payment that was taken back. A payment for a day in a closed period
-- falls in the open one.
CREATE OR REPLACE FUNCTION ledger.record(
  kind text, company_name text, cents bigint, wanted_day date, reference text, memo text, debit text, credit text
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  company market.company := market.company_named(company_name);
  earlier ledger.transaction;
  taken_back bigint;
  debit_account bigint;
  credit_account bigint;
  full_memo text := format('%s, value %s', record.memo, to_char(wanted_day, 'YYYY-MM-DD'));
BEGIN
  PERFORM ledger.check_receipt(cents, wanted_day, record.reference);
  LOCK TABLE ledger.transaction IN SHARE ROW EXCLUSIVE MODE;
  SELECT * INTO earlier FROM ledger.transaction t
  WHERE t.company_id = company.company_id AND t.kind = record.kind AND t.reference = record.reference;
  IF earlier.number IS NOT NULL THEN
    SELECT v.number INTO taken_back FROM ledger.transaction v WHERE v.corrects = earlier.number AND v.kind = 'payment-return';
    IF taken_back IS NOT NULL THEN
      PERFORM market.refuse('GM409', format('the payment of %s with the reference %L, transaction %s, was taken back by transaction %s',
        company.name, record.reference, earlier.number, taken_back),
        format('give it a reference of its own, such as %L', left(record.reference, 98) || '/2'));
    END IF;
    IF (SELECT max(abs(p.cents)) FROM ledger.posting p WHERE p.number = earlier.number) = record.cents
      AND earlier.memo = full_memo THEN
      RETURN earlier.number;
    END IF;
    PERFORM market.refuse('GM409', format('%s has a %s with the reference %L already: transaction %s of %s', company.name,
      record.kind, record.reference, earlier.number, to_char(earlier.booked_on, 'YYYY-MM-DD')),
      'give the transfer''s own reference' || CASE record.kind
        WHEN 'payment' THEN ', or take the first back with settle payment return' ELSE '' END);
  END IF;
  debit_account := ledger.account_of(debit, CASE WHEN debit IN ('receivable', 'deposit') THEN company.company_id END, NULL);
  credit_account := ledger.account_of(credit, CASE WHEN credit IN ('receivable', 'deposit') THEN company.company_id END, NULL);
  RETURN ledger.post(record.kind, wanted_day, company.company_id, NULL, NULL, NULL, NULL, record.reference,
    full_memo, ARRAY[debit_account, credit_account],
    ARRAY[record.cents, -record.cents]);
END
$$;

-- Credits an award: the allowance of each pool against the company's receivable. It names the award's own transaction.
CREATE OR REPLACE FUNCTION ledger.credit(
  kind text, wanted text, outage text, pools bigint[], cents bigint[], reason text, reference text
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t ledger.transaction;
BEGIN
  SELECT * INTO t FROM ledger.transaction x WHERE x.award = wanted AND x.kind = 'award';
  RETURN ledger.post(credit.kind, greatest(t.booked_on, (clock_timestamp() AT TIME ZONE 'UTC')::date), t.company_id,
    t.round_id, t.award, outage, t.number, credit.reference, reason,
    ledger.account_of('receivable', t.company_id, NULL) || ARRAY(
      SELECT ledger.account_of('allowance', NULL, w.pool) FROM unnest(pools) WITH ORDINALITY AS w (pool, n) ORDER BY w.n),
    -(SELECT sum(c) FROM unnest(credit.cents) AS c)::bigint || credit.cents);
END
$$;

CREATE OR REPLACE FUNCTION ledger.credit(kind text, wanted text, outage text, pools bigint[], cents bigint[], reason text)
RETURNS bigint
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ledger.credit(kind, wanted, outage, pools, cents, reason, NULL)
$$;

-- The operator takes part of an award's charge back, for a reason no rule here knows. A reference, where one is given,
-- is the key: the same again returns the first, another amount or award under it is refused.
CREATE OR REPLACE FUNCTION ledger.adjust_award(wanted text, cents bigint, reason text, reference text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  left_cents bigint;
  earlier ledger.transaction;
  earlier_cents bigint;
BEGIN
  IF reason IS NULL OR length(trim(reason)) NOT BETWEEN 1 AND 500 THEN
    PERFORM market.refuse('GM422', 'an adjustment needs a reason', 'say in a few words why: the company reads it');
  ELSIF adjust_award.reference !~ '^[^[:cntrl:]]{1,100}$' THEN
    PERFORM market.refuse('GM422', 'the reference is empty, longer than 100 characters or has a control character',
      'give what tells this adjustment from others, such as the ticket''s number');
  END IF;
  PERFORM ledger.hold_award(wanted);
  SELECT sum(r.cents) INTO left_cents FROM ledger.remaining(wanted) r;
  IF left_cents IS NULL THEN
    PERFORM market.refuse('GM404', format('there is no award %L', left(wanted, 80)), 'gpumarket settle export shows the awards');
  END IF;
  SELECT * INTO earlier FROM ledger.transaction t
  WHERE t.kind = 'adjustment' AND t.reference = adjust_award.reference ORDER BY t.number LIMIT 1;
  IF earlier.number IS NOT NULL THEN
    -- the first line is the company's own
    SELECT -p.cents INTO earlier_cents FROM ledger.posting p WHERE p.number = earlier.number AND p.line = 1;
    IF earlier.award = wanted AND earlier_cents = adjust_award.cents THEN
      RETURN earlier.number;
    END IF;
    PERFORM market.refuse('GM409', format('there is an adjustment with the reference %L already: transaction %s, %s of award %s',
      adjust_award.reference, earlier.number, market.show_usd(earlier_cents::numeric * 10000), earlier.award),
      'give this one a reference of its own');
  END IF;
  IF cents IS NULL OR cents NOT BETWEEN 1 AND left_cents THEN
    PERFORM market.refuse('GM422', format('award %s has %s left to take back', wanted, market.show_usd(left_cents::numeric * 10000)),
      'give an amount from 0.01 USD up to that');
  END IF;
  RETURN ledger.credit('adjustment', wanted, NULL, (SELECT array_agg(r.pool_id ORDER BY r.pool_id) FROM ledger.remaining(wanted) r),
    ledger.split(cents, (SELECT array_agg(r.cents ORDER BY r.pool_id) FROM ledger.remaining(wanted) r)), trim(reason),
    adjust_award.reference);
END
$$;

CREATE OR REPLACE FUNCTION ledger.adjust_award(wanted text, cents bigint, reason text) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT ledger.adjust_award(wanted, cents, reason, NULL)
$$;
GRANT EXECUTE ON FUNCTION ledger.adjust_award(text, bigint, text, text) TO market_operator;

-- GPU-seconds of a pool that outages take from each of these awards in a window that begins and ends with slots. In
-- each slot the GPUs that are missing for what was awarded are shared over the holders in proportion to the GPUs they
-- hold there. Who was released holds nothing; awards that lose nothing are left out.
CREATE OR REPLACE FUNCTION ledger.lost_gpu_seconds(
  wanted_pool bigint, awards text[], from_time timestamptz, to_time timestamptz)
RETURNS TABLE (award text, gpu_seconds numeric)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH touched AS (
    SELECT DISTINCT w.award FROM unnest(awards) AS w (award)),
  slot AS (
    SELECT market.slot_span() AS span),
  stretch AS (
    SELECT greatest(min(u.starts_at), from_time) AS first, least(max(u.ends_at), to_time) AS last
    FROM market.award_use u JOIN touched USING (award)
    WHERE u.pool_id = wanted_pool HAVING count(*) > 0),
  live AS (
    SELECT u.award, u.starts_at, least(u.ends_at, f.released_from) AS ends_at, u.gpus
    FROM stretch x, market.award_use u
    JOIN ledger.transaction t ON t.award = u.award AND t.kind = 'award'
    CROSS JOIN LATERAL (SELECT min(w.released_from) AS released_from FROM ledger.release w WHERE w.award = u.award) f
    WHERE u.pool_id = wanted_pool AND u.starts_at < x.last AND u.ends_at > x.first
      AND NOT EXISTS (SELECT FROM ledger.transaction v WHERE v.corrects = t.number AND v.kind = 'reversal')),
  held AS (
    SELECT l.award, s.at, l.gpus
    FROM slot z, stretch x, live l,
      generate_series(greatest(l.starts_at, x.first), least(l.ends_at, x.last) - z.span, z.span) AS s (at)),
  slots AS (
    SELECT h.at, sum(h.gpus) AS gpus, market.pool_gpus_at(wanted_pool, h.at) AS present FROM held h GROUP BY h.at)
  SELECT h.award, sum(least(s.gpus, s.gpus - s.present) * h.gpus::numeric / s.gpus) * (SELECT extract(epoch FROM z.span) FROM slot z)
  FROM held h JOIN touched USING (award) JOIN slots s USING (at) WHERE s.present < s.gpus GROUP BY h.award
$$;

-- Credits what outages took from the awards of a pool that touch a window. A credit is the award's charge for the pool
-- times the share of its GPU-hours lost, rounded up to the cent, less what was credited before: so the order in which
-- outages and rounds arrive does not matter, and a second call does nothing. What an award had lost in hours that it
-- then gave back (051) counts on, for it was credited before.
CREATE OR REPLACE FUNCTION ledger.credit_outages(wanted_pool bigint, from_time timestamptz, to_time timestamptz, outage text, reason text)
RETURNS integer
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  touched text[];
  due record;
  made integer := 0;
BEGIN
  -- The caller holds the pool; then rounds, then the ledger, as everywhere.
  PERFORM FROM market.round r WHERE r.round_id IN (
      SELECT a.round_id FROM market.award_use u JOIN market.award a USING (award)
      WHERE u.pool_id = wanted_pool AND u.starts_at < to_time AND u.ends_at > from_time)
    ORDER BY r.round_id FOR KEY SHARE;
  LOCK TABLE ledger.transaction IN SHARE ROW EXCLUSIVE MODE;
  touched := ARRAY(
    SELECT DISTINCT u.award FROM market.award_use u
    WHERE u.pool_id = wanted_pool AND u.starts_at < to_time AND u.ends_at > from_time);
  FOR due IN
    -- All hours of the awards touched, since a credit is computed anew for the whole award.
    WITH lost AS (
      SELECT o.award, o.gpu_seconds + coalesce((
          SELECT sum(x.gpu_seconds) FROM ledger.released_loss x WHERE x.award = o.award AND x.pool_id = wanted_pool), 0) AS gpu_seconds
      FROM ledger.lost_gpu_seconds(wanted_pool, touched, '-infinity', 'infinity') o)
    SELECT l.award, least(
        r.cents,
        -- six decimals stand: an exact share must not be lifted by the division's last digit
        ceil(round(c.cents * l.gpu_seconds / c.gpu_seconds, 6)) + coalesce((
          SELECT -sum(p.cents) FROM ledger.transaction t JOIN ledger.posting p USING (number) JOIN ledger.account a USING (account_id)
          WHERE t.award = l.award AND t.kind = 'outage' AND a.kind = 'allowance' AND a.pool_id = wanted_pool), 0))::bigint AS cents
    FROM lost l
    CROSS JOIN LATERAL ledger.charged(l.award) c
    CROSS JOIN LATERAL ledger.remaining(l.award) r
    WHERE c.pool_id = wanted_pool AND r.pool_id = wanted_pool
    ORDER BY l.award
  LOOP
    IF due.cents > 0 THEN
      PERFORM ledger.credit('outage', due.award, outage, ARRAY[wanted_pool], ARRAY[due.cents], format('Outage %s: %s', outage, reason));
      made := made + 1;
    END IF;
  END LOOP;
  RETURN made;
END
$$;

-- A company gives the rest of an award back from an instant on. The capacity returns to later rounds; the operator
-- says what share of the payment for the released GPU-hours is credited, since the hours may find no other buyer. Of
-- those that outages took before, all was credited then: nothing is credited for them again.
CREATE OR REPLACE FUNCTION ledger.release_award(wanted text, from_time timestamptz, rate_ppm integer, reason text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  round market.round;
  ends timestamptz;
  pools bigint[];
  cents bigint[];
  lost numeric[];
  made bigint;
BEGIN
  PERFORM FROM market.pool p WHERE p.pool_id IN (SELECT u.pool_id FROM market.award_use u WHERE u.award = wanted)
    ORDER BY p.pool_id FOR UPDATE;
  SELECT r.* INTO round FROM market.round r JOIN market.award a USING (round_id) WHERE a.award = wanted;
  SELECT least(max(u.ends_at), ledger.released_from(wanted)) INTO ends FROM market.award_use u WHERE u.award = wanted;
  IF round.round_id IS NULL OR round.state <> 'published' THEN
    PERFORM market.refuse('GM404', format('there is no standing award %L', left(wanted, 80)), 'gpumarket settle export shows the awards');
  ELSIF reason IS NULL OR length(trim(reason)) NOT BETWEEN 1 AND 500 THEN
    PERFORM market.refuse('GM422', 'a release needs a reason', 'say in a few words why');
  ELSIF release_award.rate_ppm IS NULL OR release_award.rate_ppm NOT BETWEEN 0 AND 1000000 THEN
    PERFORM market.refuse('GM422', 'the share to credit is out of range', 'give 0 to 100 percent');
  ELSIF from_time IS NULL OR from_time >= ends THEN
    PERFORM market.refuse('GM422', format('award %s ends at %s: nothing is left to release', wanted, market.show_time(ends)),
      'give an earlier instant');
  ELSIF mod(extract(epoch FROM from_time), extract(epoch FROM market.slot_span())) <> 0 THEN
    PERFORM market.refuse('GM422', format('%s is no start of a slot', market.show_time(from_time)), 'give the start of a slot');
  ELSIF from_time < clock_timestamp() AND NOT round.simulated THEN
    PERFORM market.refuse('GM422', format('%s has passed: it is %s by the server''s clock', market.show_time(from_time),
      market.show_time(clock_timestamp())), 'only capacity not yet delivered can be released');
  END IF;
  PERFORM ledger.hold_award(wanted);
  SELECT array_agg(c.pool_id ORDER BY c.pool_id), array_agg(least(r.cents,
      ceil(round(c.cents::numeric * (f.gpu_seconds - o.gpu_seconds) * release_award.rate_ppm / 1000000 / c.gpu_seconds, 6)))::bigint
      ORDER BY c.pool_id),
    array_agg(o.gpu_seconds ORDER BY c.pool_id)
    INTO pools, cents, lost
  FROM ledger.charged(wanted) c
  JOIN ledger.remaining(wanted) r USING (pool_id)
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(u.gpus * extract(epoch FROM least(u.ends_at, ends) - greatest(u.starts_at, from_time))), 0) AS gpu_seconds
    FROM market.award_use u WHERE u.award = wanted AND u.pool_id = c.pool_id AND u.ends_at > from_time AND u.starts_at < ends) f
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(x.gpu_seconds), 0) AS gpu_seconds
    FROM ledger.lost_gpu_seconds(c.pool_id, ARRAY[wanted], from_time, ends) x) o;
  made := ledger.credit('release', wanted, NULL, pools, cents,
    format('Released from %s: %s', market.show_time(from_time), trim(reason)));
  INSERT INTO ledger.release (award, released_from, rate_ppm, reason, number)
  VALUES (wanted, from_time, release_award.rate_ppm, trim(reason), made);
  INSERT INTO ledger.released_loss (award, released_from, pool_id, gpu_seconds)
  SELECT wanted, from_time, w.pool, w.loss FROM unnest(pools, lost) AS w (pool, loss) WHERE w.loss > 0;
  RETURN made;
END
$$;

-- An export that ends beyond the ledger would keep what comes next out of every later one.
CREATE OR REPLACE FUNCTION ledger.record_export(
  format text, selection text, after_number bigint, up_to bigint, transactions bigint, sha256 text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last bigint;
  head bigint;
BEGIN
  LOCK TABLE ledger.export IN SHARE ROW EXCLUSIVE MODE;
  last := ledger.last_exported(record_export.format);
  SELECT coalesce(max(t.number), 0) INTO head FROM ledger.transaction t;
  IF record_export.selection = 'since LAST' AND record_export.after_number <> last THEN
    PERFORM market.refuse('GM409', format('another export of %s since LAST ended first: its file has these transactions too',
      record_export.format), 'export --since LAST again');
  ELSIF record_export.after_number > last THEN
    PERFORM market.refuse('GM409', format('%s was exported up to transaction %s; an export after %s leaves a gap',
      record_export.format, last, record_export.after_number), 'export --since LAST');
  ELSIF record_export.up_to > head OR record_export.up_to < record_export.after_number THEN
    PERFORM market.refuse('GM422', format('an export after transaction %s cannot end with %s: the ledger ends with %s',
      coalesce(record_export.after_number, 0), record_export.up_to, head), 'use gpumarket settle export');
  END IF;
  INSERT INTO ledger.export (format, selection, after_number, up_to, transactions, sha256)
  VALUES (record_export.format, record_export.selection, record_export.after_number, record_export.up_to,
    record_export.transactions, record_export.sha256);
END
$$;
