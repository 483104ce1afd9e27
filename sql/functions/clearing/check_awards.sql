-- The first award that its bid does not bear out, as a sentence; NULL if there is none.
CREATE OR REPLACE FUNCTION market.check_awards(id bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  minutes integer := extract(epoch FROM market.slot_span()) / 60;
  bad text;
BEGIN
  SELECT format('the quantity or reserve cost of bid %s is not that of what it uses', a.bid) INTO bad
  FROM market.award a
  CROSS JOIN LATERAL (
    SELECT sum(u.gpus * n.slots) AS gpu_slots, sum(u.gpus * n.slots * (rp.reserve_price * minutes / 60)) AS reserve_cost,
      bool_and(u.gpus % rp.lot_gpus = 0) AS whole_lots
    FROM market.award_use u
    JOIN market.round_pool rp ON rp.round_id = id AND rp.pool_id = u.pool_id
    CROSS JOIN LATERAL (SELECT extract(epoch FROM u.ends_at - u.starts_at)::bigint / (minutes * 60) AS slots) n
    WHERE u.award = a.award) held
  WHERE a.round_id = id AND (held.gpu_slots IS DISTINCT FROM a.gpu_slots OR held.reserve_cost IS DISTINCT FROM a.reserve_cost
    OR held.whole_lots IS DISTINCT FROM true)
  LIMIT 1;
  IF bad IS NOT NULL THEN
    RETURN bad;
  END IF;

  -- Each use is judged by itself below: a curve's GPUs in two that overlap would be offered for twice.
  SELECT format('the award of bid %s uses pool %s twice at one time', a.bid, p.name) INTO bad
  FROM market.award a
  JOIN market.award_use u USING (award)
  JOIN market.award_use v ON v.award = u.award AND v.pool_id = u.pool_id AND v.starts_at > u.starts_at AND v.starts_at < u.ends_at
  JOIN market.pool p ON p.pool_id = u.pool_id
  WHERE a.round_id = id
  LIMIT 1;
  IF bad IS NOT NULL THEN
    RETURN bad;
  END IF;

  bad := market.award_beyond_bid(id, minutes);
  IF bad IS NOT NULL THEN
    RETURN bad;
  END IF;

  SELECT format('company %s holds more of pool %s than its cap', c.name, p.name) INTO bad
  FROM market.round_cap k
  JOIN market.company c USING (company_id)
  JOIN market.pool p USING (pool_id)
  WHERE k.round_id = id AND EXISTS (
    SELECT FROM market.award a JOIN market.award_use u USING (award)
    JOIN market.award b ON b.round_id = id AND b.company_id = k.company_id
    JOIN market.award_use v ON v.award = b.award AND v.pool_id = k.pool_id AND v.starts_at <= u.starts_at AND v.ends_at > u.starts_at
    WHERE a.round_id = id AND a.company_id = k.company_id AND u.pool_id = k.pool_id
    GROUP BY u.award, u.pool_id, u.starts_at HAVING sum(v.gpus) > k.gpus)
  LIMIT 1;
  RETURN bad;
END
$$;

-- Each award against the bid it stands on: what was asked for, what was offered for it, what it costs at least. The clearing
-- host is not trusted with money: the database computes these again from the sealed body.

-- The body that counts: as accepted, or as opened in an encrypted round. A withdrawal has none, nor has what was refused at
-- opening, which need not even be JSON: a planner may ask this of every entry.
CREATE OR REPLACE FUNCTION market.sealed_body(entry market.entry) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce((SELECT CASE WHEN o.refusal IS NULL THEN o.body ELSE 'null' END FROM market.opened o WHERE o.entry_id = entry.entry_id),
    nullif(entry.body, ''))::jsonb
$$;
