-- Curve bids: for each slot of their segments increments at falling prices, of which any part is awarded.

CREATE OR REPLACE FUNCTION market.check_curve(
  round market.round, span interval, body jsonb, OUT worst numeric, OUT choices bigint, OUT canonical text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  seconds integer := extract(epoch FROM span);
  segment jsonb;
  step jsonb;
  pool_name text;
  pool record;
  gpus bigint;
  total bigint;
  slots integer;
  limit_price bigint;
  last_price bigint;
BEGIN
  IF jsonb_typeof(body -> 'segments') IS DISTINCT FROM 'array'
    OR jsonb_array_length(body -> 'segments') NOT BETWEEN 1 AND 10000 THEN
    PERFORM market.refuse('GM400', 'a curve bid needs 1 to 10000 segments', 'gpumarket bid curve --help shows the form');
  END IF;
  worst := 0;
  choices := 0;
  canonical := '';
  FOR segment IN SELECT * FROM jsonb_array_elements(body -> 'segments') LOOP
    IF jsonb_typeof(segment) <> 'object' OR segment - ARRAY['pool', 'start', 'end', 'steps'] <> '{}'::jsonb THEN
      PERFORM market.refuse('GM400', 'a segment has a field that is not known',
        'the fields are pool, start, end and steps');
    END IF;
    pool_name := segment ->> 'pool';
    pool := market.offered_pool(round, pool_name);
    slots := market.check_window(round, span, market.body_time(segment, 'start'), market.body_time(segment, 'end'), 'period');
    IF jsonb_typeof(segment -> 'steps') IS DISTINCT FROM 'array'
      OR jsonb_array_length(segment -> 'steps') NOT BETWEEN 1 AND 100 THEN
      PERFORM market.refuse('GM400', 'a curve needs 1 to 100 steps', 'give --step GPUS@LIMIT for each');
    END IF;
    canonical := canonical || '{"pool":"' || pool_name || '","start":"' || (segment ->> 'start') || '","end":"'
      || (segment ->> 'end') || '","steps":[';
    last_price := NULL;
    total := 0;
    FOR step IN SELECT * FROM jsonb_array_elements(segment -> 'steps') LOOP
      gpus := market.body_integer(step, 'gpus', 1, 10000000);
      limit_price := market.body_integer(step, 'limit', 0, 1000000000000);
      IF limit_price >= last_price THEN
        PERFORM market.refuse('GM422', 'the prices of a curve''s steps must fall',
          'steps are increments: the first GPUs at the highest price');
      END IF;
      last_price := limit_price;
      total := total + gpus;
      PERFORM market.check_quantity(pool_name, gpus, pool.lot, pool.most);
      PERFORM market.check_limit(pool_name, limit_price, pool.reserve);
      canonical := canonical || '{"gpus":' || gpus || ',"limit":' || limit_price || '},';
      worst := worst + gpus::numeric * slots * (limit_price * seconds / 3600);
    END LOOP;
    PERFORM market.check_quantity(pool_name, total, pool.lot, pool.most);
    choices := choices + slots * jsonb_array_length(segment -> 'steps');
    canonical := left(canonical, -1) || ']},';
  END LOOP;
  -- Of segments in the order of their starts, one that overlaps any overlaps its neighbour.
  IF EXISTS (
    SELECT FROM (
      SELECT s ->> 'start' AS starts, lag(s ->> 'end') OVER (PARTITION BY s ->> 'pool' ORDER BY s ->> 'start') AS ended
      FROM jsonb_array_elements(body -> 'segments') AS s) x
    WHERE starts < ended) THEN
    PERFORM market.refuse('GM422', 'two segments of the curve cover the same slot of a pool',
      'give each slot of a pool one curve');
  END IF;
  canonical := '{"type":"curve","segments":[' || left(canonical, -1) || ']}';
END
$$;

-- The first award of more than its bid's curve offers, as a sentence.
CREATE OR REPLACE FUNCTION market.curve_award_beyond_bid(id bigint, minutes integer) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT format('the award of curve bid %s is more than its curve offers', a.bid)
  FROM market.award a
  JOIN market.entry e USING (entry_id)
  CROSS JOIN LATERAL (SELECT market.sealed_body(e) AS body) b
  WHERE a.round_id = curve_award_beyond_bid.id AND b.body ->> 'type' = 'curve' AND a.value > coalesce((
    SELECT sum(market.curve_value(s.segment -> 'steps', u.gpus, minutes)
      * (extract(epoch FROM u.ends_at - u.starts_at)::bigint / (minutes * 60)))
    FROM market.award_use u
    JOIN market.pool p USING (pool_id)
    JOIN LATERAL jsonb_array_elements(b.body -> 'segments') AS s (segment) ON s.segment ->> 'pool' = p.name
      AND (s.segment ->> 'start')::timestamptz <= u.starts_at AND (s.segment ->> 'end')::timestamptz >= u.ends_at
    WHERE u.award = a.award), -1)
  LIMIT 1
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

CREATE OR REPLACE FUNCTION market.curve_gpus_at_once(body jsonb) RETURNS TABLE (pool text, gpus bigint)
LANGUAGE sql IMMUTABLE AS $$
  SELECT s ->> 'pool', (SELECT sum((t ->> 'gpus')::bigint)::bigint FROM jsonb_array_elements(s -> 'steps') AS t)
  FROM jsonb_array_elements(body -> 'segments') AS s
$$;
