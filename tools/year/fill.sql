-- A year of a market, made without its engine: 52 weekly rounds of :awards awards in four pools for 40 companies. Bids
-- come in by the door, results by market.publish_round, and so they are posted as any others. Every 50th award is a
-- curve's, over two pools.
\set ON_ERROR_STOP on
\o /dev/null
SET timezone = 'UTC';
SELECT set_config('year.awards', :'awards', false);
SELECT market.add_pool('pool-' || n, 4096, 8, 1000000) FROM generate_series(1, 4) AS n;
SELECT market.add_company('company-' || lpad(n::text, 2, '0'), 1000000000000000, 
  'SCRAM-SHA-256$4096:' || repeat('A', 22) || '==$' || repeat('A', 43) || '=:' || repeat('A', 43) || '=')
FROM generate_series(1, 40) AS n;

CREATE SCHEMA year;
GRANT USAGE ON SCHEMA year TO PUBLIC;
CREATE TABLE year.win AS
  SELECT week, 'week-' || lpad(week::text, 2, '0') AS round, '2025-01-06T00:00Z'::timestamptz + (week - 1) * interval '7 days' AS delivery,
    n, 1 + n % 40 AS company, n % 4 AS pool, n % 50 = 0 AS is_curve, 8 * (1 + n / 4 % 4) AS gpus, 1 + n * 7 % 24 AS slots,
    n / 4 % 7 * 24 AS slot, 1000100 + n * 7919 % 30000 * 100 AS price, NULL::text AS bid
  FROM generate_series(1, 52) AS week, generate_series(1, :awards) AS n;
ALTER TABLE year.win ADD COLUMN gpu_slots bigint GENERATED ALWAYS AS (gpus * slots * CASE WHEN is_curve THEN 2 ELSE 1 END) STORED;
CREATE INDEX win_order ON year.win (week, company, n);
GRANT ALL ON year.win TO PUBLIC;

CREATE FUNCTION year.show(at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
$$;
-- In the one form that is hashed.
CREATE FUNCTION year.body(w year.win) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN w.is_curve THEN (
      SELECT '{"type":"curve","segments":[' || string_agg(format('{"pool":"pool-%s","start":"%s","end":"%s","steps":[{"gpus":%s,"limit":%s}]}',
        1 + p % 4, at.start, at.stop, w.gpus, w.price), ',' ORDER BY p) || ']}' FROM generate_series(w.pool, w.pool + 1) AS p)
    ELSE format('{"type":"block","alternatives":[{"pool":"pool-%s","gpus":%s,"slots":%s,"window":{"start":"%s","end":"%s"},"limit":%s}]}',
      w.pool + 1, w.gpus, w.slots, at.start, at.stop, w.price) END
  FROM (SELECT year.show(w.delivery + w.slot * interval '1 hour') AS start,
    year.show(w.delivery + (w.slot + w.slots) * interval '1 hour') AS stop) at
$$;
CREATE PROCEDURE year.bid(week integer, company integer) LANGUAGE plpgsql AS $$
DECLARE
  receipts jsonb;
BEGIN
  SELECT market.place_bids(min(w.round), array_agg(w.round || '/' || w.n ORDER BY w.n), array_agg(year.body(w) ORDER BY w.n),
    array_agg(NULL::text)) INTO receipts FROM year.win w WHERE w.week = bid.week AND w.company = bid.company;
  UPDATE year.win w SET bid = receipts -> r.place ->> 'bid'
  FROM (SELECT x.n, (row_number() OVER (ORDER BY x.n) - 1)::integer AS place FROM year.win x
        WHERE x.week = bid.week AND x.company = bid.company) r
  WHERE w.week = bid.week AND w.company = bid.company AND w.n = r.n;
END
$$;
CREATE PROCEDURE year.publish(week integer) LANGUAGE plpgsql AS $$
DECLARE
  round_name text := 'week-' || lpad(week::text, 2, '0');
  result jsonb;
BEGIN
  PERFORM market.close_round(round_name);
  CREATE TEMPORARY TABLE won ON COMMIT DROP AS
    SELECT w.*, 'company-' || lpad(w.company::text, 2, '0') AS name, w.gpu_slots * w.price AS value, w.gpu_slots * 1000000 AS reserve,
      least(w.gpu_slots * w.price, w.gpu_slots * 1000000 + w.gpu_slots * (w.price - 1000000) * (w.n * 31 % 1000) / 1000 + w.n % 2 * 77)
        AS payment
    FROM year.win w WHERE w.week = publish.week;
  SELECT jsonb_build_object('instance_digest', repeat('00', 32), 'result_digest', repeat('11', 32), 'engine_version', 'none',
    'effort', 'quick', 'work_done', 0, 'stopped_early', false, 'welfare', sum(w.value - w.reserve), 'bound', sum(w.value - w.reserve),
    'proven', true, 'ties', 'none', 'prices', '{}'::jsonb, 'price_bound', sum(w.value - w.reserve),
    'awards', jsonb_agg(jsonb_build_object('company', w.name, 'bid', w.bid,
      'alternative', 1, 'gpu_slots', w.gpu_slots, 'value', w.value, 'reserve_cost', w.reserve, 'payment', w.payment,
      'uses', (SELECT jsonb_agg(jsonb_build_array(p % 4, w.slot, w.slots, w.gpus))
        FROM generate_series(w.pool, w.pool + w.is_curve::integer) AS p)) ORDER BY w.n)) INTO result FROM won w;
  result := result || jsonb_build_object('payments', (
    SELECT jsonb_agg(jsonb_build_object('company', p.name, 'payment', p.paid, 'low', p.paid, 'high', p.paid, 'exact', true))
    FROM (SELECT w.name, sum(w.payment) AS paid FROM won w GROUP BY w.name) p));
  PERFORM market.publish_round(round_name, (SELECT r.merkle_root FROM market.round r WHERE r.name = round_name), result);
END
$$;

-- Per round: open, 40 companies bid under their own logins, publish.
SELECT statement FROM (
  SELECT w.week, 0 AS step, 0 AS part, format('SELECT market.open_round(%L, %L, %L, clock_timestamp() + interval ''1 hour'', ''vcg'',
    ''quick'', NULL, true)', w.round, w.delivery, w.delivery + interval '7 days') AS statement
  FROM (SELECT DISTINCT week, round, delivery FROM year.win) w
  UNION ALL
  SELECT w.week, company, part, (ARRAY[format('SET SESSION AUTHORIZATION %I', c.login_role), format('CALL year.bid(%s, %s)', w.week, company),
    'RESET SESSION AUTHORIZATION'])[part]
  FROM (SELECT DISTINCT week, company FROM year.win) w JOIN market.company c ON c.company_id = w.company, generate_series(1, 3) AS part
  UNION ALL
  SELECT n, 41, 0, format('CALL year.publish(%s)', n) FROM generate_series(1, 52) AS n) s
ORDER BY week, step, part
\gexec

-- A rack fails each month, one round is cancelled, every company has terms and a deposit; months close, invoices are paid.
SELECT market.add_outage('pool-1', 4096, '2025-01-06T00:00Z'::timestamptz + n * interval '28 days',
  '2025-01-06T06:00Z'::timestamptz + n * interval '28 days', 'power') FROM generate_series(0, 11) AS n;
SELECT market.cancel_round('week-20', 'settled elsewhere');
SELECT ledger.set_terms(c.name, c.company_id::integer % 3 * 50000, 30), ledger.record_deposit(c.name, 1000000, '2025-01-02', 'deposit')
FROM market.company c;
SELECT format('SELECT ledger.close_period(%L, false)', '2025-' || lpad(n::text, 2, '0')) FROM generate_series(1, 12) AS n
\gexec
SELECT ledger.record_payment(i.company, i.total_cents, '2026-01-15', i.invoice) FROM ledger.invoices(NULL, NULL) i
WHERE i.total_cents > 0;
