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
  SELECT t.number, t.kind, to_char(t.booked_on, 'YYYY-MM-DD'), market.exact_time(t.recorded_at), t.recorded_by::text, c.name, r.name,
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
-- payments follow, which may be another one than the round was opened with (market.clearing.priced_by).
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
    k.priced_by, t.award, w.bid, encode(e.hash, 'hex'), l.name,
    market.exact_time(u.starts_at), market.exact_time(u.ends_at),
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

GRANT EXECUTE ON FUNCTION ledger.journal(bigint, bigint, text, text, text),
  ledger.charge_lines(bigint, bigint, text, text, text) TO market_operator, market_finance, market_auditor;
