-- One balanced transaction for each award of a round: the company's receivable against the revenue of its pools.
-- The payment is rounded once, down to the cent; it counts for the UTC day on which delivery begins.
CREATE OR REPLACE FUNCTION ledger.post_round(wanted bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  won record;
  parts bigint[];
BEGIN
  IF EXISTS (SELECT FROM ledger.round_control k WHERE k.round_id = wanted) THEN
    RETURN; -- posted before; a round is posted once
  END IF;
  -- Earlier outages credit holders of other rounds too, whose rows are taken before the ledger's lock, as everywhere.
  PERFORM FROM market.round r WHERE r.state = 'published' AND EXISTS (
      SELECT FROM market.round mine JOIN market.round_pool rp USING (round_id) JOIN market.outage o USING (pool_id)
      WHERE mine.round_id = wanted AND o.starts_at < mine.delivery_end AND o.ends_at > mine.delivery_start
        AND r.delivery_start < o.ends_at AND r.delivery_end > o.starts_at)
    ORDER BY r.round_id FOR KEY SHARE;
  FOR won IN
    SELECT a.award, a.company_id, a.bid, r.name AS round, a.payment / 10000 AS cents, u.day, u.pools, u.weights
    FROM market.award a
    JOIN market.round r USING (round_id)
    CROSS JOIN LATERAL (
      SELECT min(x.day) AS day, array_agg(x.pool_id ORDER BY x.position) AS pools,
        array_agg(x.weight ORDER BY x.position) AS weights
      FROM (
        SELECT w.pool_id, rp.position, (min(w.starts_at) AT TIME ZONE 'UTC')::date AS day,
          sum(w.gpus * extract(epoch FROM w.ends_at - w.starts_at)::bigint)::bigint AS weight
        FROM market.award_use w JOIN market.round_pool rp ON rp.round_id = a.round_id AND rp.pool_id = w.pool_id
        WHERE w.award = a.award GROUP BY w.pool_id, rp.position) x) u
    WHERE a.round_id = wanted ORDER BY a.position
  LOOP
    parts := ledger.split(won.cents, won.weights);
    PERFORM ledger.post('award', won.day, won.company_id, wanted, won.award, NULL, NULL, NULL,
      format('Round %s, bid %s', won.round, won.bid),
      ledger.account_of('receivable', won.company_id, NULL)
        || ARRAY(SELECT ledger.account_of('revenue', NULL, p.id) FROM unnest(won.pools) WITH ORDINALITY AS p (id, n) ORDER BY p.n),
      won.cents || ARRAY(SELECT -p.part FROM unnest(parts) WITH ORDINALITY AS p (part, n) ORDER BY p.n));
  END LOOP;
  INSERT INTO ledger.round_control (round_id, awards, payment_microdollars, posted_cents, difference_microdollars)
  SELECT wanted, count(*), coalesce(sum(a.payment), 0), coalesce(sum(a.payment / 10000), 0),
    coalesce(sum(a.payment - a.payment / 10000 * 10000), 0)
  FROM market.award a WHERE a.round_id = wanted;
END
$$;

-- Takes one transaction back by its mirror image, today or, where its own day lies ahead, on that day.
CREATE OR REPLACE FUNCTION ledger.reverse(wanted bigint, reason text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t ledger.transaction;
  accounts bigint[];
  cents bigint[];
BEGIN
  SELECT * INTO t FROM ledger.transaction x WHERE x.number = wanted;
  SELECT array_agg(p.account_id ORDER BY p.line), array_agg(-p.cents ORDER BY p.line) INTO accounts, cents
  FROM ledger.posting p WHERE p.number = wanted;
  RETURN ledger.post('reversal', greatest(t.booked_on, (clock_timestamp() AT TIME ZONE 'UTC')::date), t.company_id,
    t.round_id, t.award, t.outage_id, t.number, NULL, format('Reverses %s: %s', t.number, reason), accounts, cents);
END
$$;

-- Takes back all that a round caused, its credits included; what is reversed already stays so.
CREATE OR REPLACE FUNCTION ledger.reverse_round(wanted bigint, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  each bigint;
BEGIN
  FOR each IN
    SELECT t.number FROM ledger.transaction t
    WHERE t.round_id = wanted AND t.kind IN ('award', 'outage', 'release', 'adjustment')
      AND NOT EXISTS (SELECT FROM ledger.transaction v WHERE v.kind = 'reversal' AND v.corrects = t.number)
    ORDER BY t.number
  LOOP
    PERFORM ledger.reverse(each, reason);
  END LOOP;
END
$$;

-- The control total of each round, or of one.
CREATE OR REPLACE FUNCTION ledger.round_controls(round_name text)
RETURNS TABLE (round text, awards integer, payment_microdollars numeric, posted_cents bigint, difference_microdollars numeric)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.name, k.awards, k.payment_microdollars, k.posted_cents, k.difference_microdollars
  FROM ledger.round_control k JOIN market.round r USING (round_id)
  WHERE round_name IS NULL OR r.name = round_name ORDER BY r.delivery_start, r.round_id
$$;

GRANT EXECUTE ON FUNCTION ledger.round_controls(text) TO market_operator, market_finance, market_auditor;
