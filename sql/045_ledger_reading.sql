-- Revision 1. Applied again whenever that is raised: it holds functions, no tables.
-- What finance and the auditor read: published results and the ledger, never an open bid.
-- The selectors are alike everywhere, NULL for all: transactions after one number up to another, of a round, of a
-- period (a UTC month by its booking day), of a company.

CREATE OR REPLACE FUNCTION ledger.selected(
  after_number bigint, up_to bigint, round_name text, wanted_period text, company_name text)
RETURNS SETOF ledger.transaction
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted_round bigint;
  wanted_company bigint;
  first_day date;
BEGIN
  IF round_name IS NOT NULL THEN
    wanted_round := (market.round_named(round_name)).round_id;
  END IF;
  IF company_name IS NOT NULL THEN
    wanted_company := (market.company_named(company_name)).company_id;
  END IF;
  IF wanted_period IS NOT NULL THEN
    first_day := ledger.period_named(wanted_period);
  END IF;
  RETURN QUERY
    SELECT * FROM ledger.transaction t
    WHERE (after_number IS NULL OR t.number > after_number) AND (up_to IS NULL OR t.number <= up_to)
      AND (wanted_round IS NULL OR t.round_id = wanted_round) AND (wanted_company IS NULL OR t.company_id = wanted_company)
      AND (first_day IS NULL OR (t.booked_on >= first_day AND t.booked_on < (first_day + interval '1 month')::date));
END
$$;

-- Every line of every transaction, in order of booking day and number.
CREATE OR REPLACE FUNCTION ledger.journal(
  after_number bigint, up_to bigint, round_name text, wanted_period text, company_name text)
RETURNS TABLE (number bigint, kind text, booked_on text, recorded_at text, recorded_by text, company text, round text, award text,
  bid text, outage text, corrects bigint, reference text, memo text, document text, previous text, hash text, line integer,
  account text, account_kind text, pool text, cents bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT t.number, t.kind, to_char(t.booked_on, 'YYYY-MM-DD'), ledger.exact(t.recorded_at), t.recorded_by::text, c.name, r.name,
    t.award, w.bid, t.outage_id, t.corrects, t.reference, t.memo,
    coalesce(ledger.credit_note_name(n.serial), CASE t.kind WHEN 'tax' THEN t.reference END), encode(t.previous, 'hex'),
    encode(t.hash, 'hex'), p.line::integer, a.name, a.kind, l.name, p.cents
  FROM ledger.selected(after_number, up_to, round_name, wanted_period, company_name) t
  JOIN market.company c USING (company_id)
  LEFT JOIN market.round r USING (round_id)
  LEFT JOIN market.award w ON w.award = t.award
  LEFT JOIN ledger.credit_note n ON n.number = t.number
  JOIN ledger.posting p ON p.number = t.number
  JOIN ledger.account a ON a.account_id = p.account_id
  LEFT JOIN market.pool l ON l.pool_id = a.pool_id
  ORDER BY t.booked_on, t.number, p.line
$$;

-- What companies are charged: a row for each award and pool, and for each correction and tax. cents is positive for a
-- charge. gpu_seconds, value and payment are those of the award in that pool, negative where the award is reversed;
-- an award over several pools has them split in proportion to GPU-hours, largest remainder. pricing is the rule that the
-- payments follow, which may be another one than the round was opened with (032).
CREATE OR REPLACE FUNCTION ledger.charge_lines(
  after_number bigint, up_to bigint, round_name text, wanted_period text, company_name text)
RETURNS TABLE (number bigint, line integer, kind text, booked_on text, company text, round text, pricing text, award text, bid text,
  receipt text, pool text, starts_at text, ends_at text, gpus integer, gpu_seconds bigint, value bigint, payment bigint,
  reserve_price bigint, cents bigint, account text, invoice text, document text, corrects bigint, corrects_kind text, outage text,
  memo text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH picked AS MATERIALIZED (
    SELECT * FROM ledger.selected(after_number, up_to, round_name, wanted_period, company_name) s
    WHERE ledger.is_charge(s.kind) OR s.kind = 'tax')
  SELECT t.number, p.line::integer, t.kind, to_char(t.booked_on, 'YYYY-MM-DD'), c.name, r.name,
    coalesce(k.priced_by, r.pricing), t.award, w.bid, encode(e.hash, 'hex'), l.name,
    ledger.exact(u.starts_at), ledger.exact(u.ends_at),
    CASE WHEN u.least_gpus = u.most_gpus THEN u.most_gpus END, f.sign * u.gpu_seconds,
    f.sign * coalesce(s.value, w.value), f.sign * coalesce(s.payment, w.payment),
    rp.reserve_price, -p.cents, a.name, ledger.invoice_name(i.serial), ledger.credit_note_name(n.serial), t.corrects, o.kind,
    t.outage_id, t.memo
  FROM picked t
  JOIN market.company c USING (company_id)
  JOIN ledger.posting p ON p.number = t.number
  JOIN ledger.account a ON a.account_id = p.account_id AND a.kind IN ('revenue', 'allowance', 'tax')
  LEFT JOIN ledger.transaction o ON o.number = t.corrects
  LEFT JOIN market.round r ON r.round_id = t.round_id
  LEFT JOIN market.clearing k ON k.round_id = t.round_id
  LEFT JOIN market.award w ON w.award = t.award
  LEFT JOIN market.entry e ON e.entry_id = w.entry_id
  LEFT JOIN market.pool l ON l.pool_id = a.pool_id
  -- Look-ups by key for each line: the planner cannot know how many lines a selection has.
  LEFT JOIN LATERAL (
    SELECT min(x.starts_at) AS starts_at, max(x.ends_at) AS ends_at, min(x.gpus) AS least_gpus, max(x.gpus) AS most_gpus,
      sum(x.gpus * extract(epoch FROM x.ends_at - x.starts_at)::bigint)::bigint AS gpu_seconds
    FROM market.award_use x WHERE x.award = t.award AND x.pool_id = a.pool_id) u ON true
  LEFT JOIN LATERAL (
    SELECT (ledger.split(w.value, y.weights))[y.place] AS value, (ledger.split(w.payment, y.weights))[y.place] AS payment
    FROM (
      SELECT array_agg(g.weight ORDER BY g.position) AS weights,
        array_position(array_agg(g.pool_id ORDER BY g.position), a.pool_id) AS place
      FROM (
        SELECT x.pool_id, q.position, sum(x.gpus * extract(epoch FROM x.ends_at - x.starts_at)::bigint)::bigint AS weight
        FROM market.award_use x JOIN market.round_pool q ON q.round_id = t.round_id AND q.pool_id = x.pool_id
        WHERE x.award = t.award GROUP BY x.pool_id, q.position) g
      HAVING count(*) > 1) y) s ON true
  LEFT JOIN market.round_pool rp ON rp.round_id = t.round_id AND rp.pool_id = a.pool_id
  LEFT JOIN ledger.invoice i ON i.company_id = t.company_id AND i.period = date_trunc('month', t.booked_on::timestamp)::date
  LEFT JOIN ledger.credit_note n ON n.number = t.number
  CROSS JOIN LATERAL (SELECT CASE WHEN t.kind = 'award' THEN 1 WHEN t.kind = 'reversal' AND o.kind = 'award' THEN -1 END AS sign) f
  ORDER BY t.booked_on, t.number, p.line
$$;

-- The balance of each account before a period, or now: positive for a debit.
CREATE OR REPLACE FUNCTION ledger.balances(before_period text)
RETURNS TABLE (account text, account_kind text, company text, pool text, cents numeric)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT a.name, a.kind, c.name, l.name, coalesce((
    SELECT sum(p.cents) FROM ledger.posting p JOIN ledger.transaction t USING (number)
    WHERE p.account_id = a.account_id AND (before_period IS NULL OR t.booked_on < ledger.period_named(before_period))), 0)
  FROM ledger.account a LEFT JOIN market.company c USING (company_id) LEFT JOIN market.pool l USING (pool_id)
  ORDER BY a.name COLLATE "C"
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

-- Where the journal stands: its last number and the hash that seals all before it.
CREATE OR REPLACE FUNCTION ledger.head() RETURNS TABLE (number bigint, hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(max(t.number), 0), coalesce((SELECT encode(x.hash, 'hex') FROM ledger.transaction x ORDER BY x.number DESC LIMIT 1), '')
  FROM ledger.transaction t
$$;

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
    SELECT r.name, b.bid, b.exposure, w.award, w.value, w.payment, ledger.exact(e.accepted_at), encode(e.hash, 'hex')
    FROM market.bid b JOIN market.round r USING (round_id) JOIN market.entry e ON e.entry_id = b.head_entry
    LEFT JOIN market.award w ON w.round_id = b.round_id AND w.company_id = b.company_id AND w.bid = b.bid
    WHERE b.company_id = company.company_id AND r.state = 'published' AND NOT b.withdrawn
      AND (r.delivery_start AT TIME ZONE 'UTC')::date >= first_day
      AND (r.delivery_start AT TIME ZONE 'UTC')::date < (first_day + interval '1 month')::date
    ORDER BY r.delivery_start, e.accepted_at, e.entry_id;
END
$$;

GRANT EXECUTE ON FUNCTION ledger.journal(bigint, bigint, text, text, text), ledger.charge_lines(bigint, bigint, text, text, text),
  ledger.balances(text), ledger.totals_by(text), ledger.head(), ledger.statement(text, text)
  TO market_operator, market_finance, market_auditor;
-- What lost, too: finance writes statements and the auditor checks them; the operator needs neither.
GRANT EXECUTE ON FUNCTION ledger.statement_bids(text, text) TO market_finance, market_auditor;
