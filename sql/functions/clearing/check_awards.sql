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

  SELECT format('the award of block bid %s is none of its alternatives', a.bid) INTO bad
  FROM market.award a
  JOIN market.entry e USING (entry_id)
  CROSS JOIN LATERAL (SELECT market.sealed_body(e) AS body) b
  LEFT JOIN LATERAL (SELECT b.body -> 'alternatives' -> (a.alternative - 1) AS choice WHERE a.alternative >= 1) c ON true
  WHERE a.round_id = id AND b.body ->> 'type' = 'block' AND NOT coalesce((
    SELECT count(*) = 1 AND bool_and(
      p.name = c.choice ->> 'pool'
      AND extract(epoch FROM u.ends_at - u.starts_at) = (c.choice ->> 'slots')::bigint * minutes * 60
      AND u.starts_at >= (c.choice -> 'window' ->> 'start')::timestamptz
      AND u.ends_at <= (c.choice -> 'window' ->> 'end')::timestamptz
      AND u.gpus BETWEEN coalesce((c.choice ->> 'minimum_gpus')::bigint, (c.choice ->> 'gpus')::bigint)
        AND (c.choice ->> 'gpus')::bigint
      AND a.value = u.gpus::numeric * (c.choice ->> 'slots')::bigint * ((c.choice ->> 'limit')::bigint * minutes / 60))
    FROM market.award_use u JOIN market.pool p USING (pool_id) WHERE u.award = a.award), false)
  LIMIT 1;
  IF bad IS NOT NULL THEN
    RETURN bad;
  END IF;

  SELECT format('the award of curve bid %s is more than its curve offers', a.bid) INTO bad
  FROM market.award a
  JOIN market.entry e USING (entry_id)
  CROSS JOIN LATERAL (SELECT market.sealed_body(e) AS body) b
  WHERE a.round_id = id AND b.body ->> 'type' IS DISTINCT FROM 'block' AND a.value > coalesce((
    SELECT sum(market.curve_value(s.segment -> 'steps', u.gpus, minutes)
      * (extract(epoch FROM u.ends_at - u.starts_at)::bigint / (minutes * 60)))
    FROM market.award_use u
    JOIN market.pool p USING (pool_id)
    JOIN LATERAL jsonb_array_elements(b.body -> 'segments') AS s (segment) ON s.segment ->> 'pool' = p.name
      AND (s.segment ->> 'start')::timestamptz <= u.starts_at AND (s.segment ->> 'end')::timestamptz >= u.ends_at
    WHERE u.award = a.award), -1)
  LIMIT 1;
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

-- What a curve's steps offer for so many GPUs, dearest first, in micro-dollars per slot.
CREATE OR REPLACE FUNCTION market.curve_value(steps jsonb, gpus bigint, slot_minutes integer) RETURNS numeric
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(sum(greatest(0, least(f.gpus, curve_value.gpus - f.before)) * ((f.price * slot_minutes) / 60)), 0)
  FROM (
    SELECT (s ->> 'gpus')::numeric AS gpus, (s ->> 'limit')::bigint AS price,
      coalesce(sum((s ->> 'gpus')::numeric) OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
    FROM jsonb_array_elements(steps) WITH ORDINALITY AS e (s, n)) f
$$;
