-- Block bids: alternatives, of which at most one is awarded, whole or down to its minimum.

-- What the checks find of a body: the most it can cost in micro-dollars, how many placements or curve steps the engine
-- will hold for it, and the one text that says the same.
CREATE OR REPLACE FUNCTION market.check_block(
  round market.round, span interval, body jsonb, OUT worst numeric, OUT choices bigint, OUT canonical text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  seconds integer := extract(epoch FROM span);
  choice jsonb;
  pool_name text;
  pool record;
  gpus bigint;
  least_gpus bigint;
  slots bigint;
  room integer;
  limit_price bigint;
BEGIN
  IF jsonb_typeof(body -> 'alternatives') IS DISTINCT FROM 'array'
    OR jsonb_array_length(body -> 'alternatives') NOT BETWEEN 1 AND 1000 THEN
    PERFORM market.refuse('GM400', 'a block bid needs 1 to 1000 alternatives', 'gpumarket bid block --help shows the form');
  END IF;
  worst := 0;
  choices := 0;
  canonical := '';
  FOR choice IN SELECT * FROM jsonb_array_elements(body -> 'alternatives') LOOP
    IF jsonb_typeof(choice) <> 'object'
      OR choice - ARRAY['pool', 'gpus', 'minimum_gpus', 'slots', 'window', 'limit'] <> '{}'::jsonb THEN
      PERFORM market.refuse('GM400', 'an alternative has a field that is not known',
        'the fields are pool, gpus, minimum_gpus, slots, window and limit');
    END IF;
    pool_name := choice ->> 'pool';
    pool := market.offered_pool(round, pool_name);
    gpus := market.body_integer(choice, 'gpus', 1, 10000000);
    slots := market.body_integer(choice, 'slots', 1, 10000);
    limit_price := market.body_integer(choice, 'limit', 0, 1000000000000);
    PERFORM market.check_quantity(pool_name, gpus, pool.lot, pool.most);
    canonical := canonical || '{"pool":"' || pool_name || '","gpus":' || gpus || ',';
    IF choice ? 'minimum_gpus' THEN
      least_gpus := market.body_integer(choice, 'minimum_gpus', 1, gpus);
      PERFORM market.check_quantity(pool_name, least_gpus, pool.lot, pool.most);
      canonical := canonical || '"minimum_gpus":' || least_gpus || ',';
    END IF;
    room := market.check_window(round, span, market.body_time(choice -> 'window', 'start'),
      market.body_time(choice -> 'window', 'end'), 'window');
    IF slots > room THEN
      PERFORM market.refuse('GM422', format('%s hours do not fit the window of %s hours',
        (slots * seconds / 3600.0)::numeric(10, 2), (room * seconds / 3600.0)::numeric(10, 2)),
        'widen the window or shorten the block');
    END IF;
    PERFORM market.check_limit(pool_name, limit_price, pool.reserve);
    canonical := canonical || '"slots":' || slots || ',"window":{"start":"' || (choice #>> '{window,start}') || '","end":"'
      || (choice #>> '{window,end}') || '"},"limit":' || limit_price || '},';
    choices := choices + room - slots + 1;
    worst := greatest(worst, gpus::numeric * slots * (limit_price * seconds / 3600));
  END LOOP;
  canonical := '{"type":"block","alternatives":[' || left(canonical, -1) || ']}';
END
$$;

-- The first award that is none of its bid's alternatives, as a sentence.
CREATE OR REPLACE FUNCTION market.block_award_beyond_bid(id bigint, minutes integer) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT format('the award of block bid %s is none of its alternatives', a.bid)
  FROM market.award a
  JOIN market.entry e USING (entry_id)
  CROSS JOIN LATERAL (SELECT market.sealed_body(e) AS body) b
  LEFT JOIN LATERAL (SELECT b.body -> 'alternatives' -> (a.alternative - 1) AS choice WHERE a.alternative >= 1) c ON true
  WHERE a.round_id = block_award_beyond_bid.id AND b.body ->> 'type' = 'block' AND NOT coalesce((
    SELECT count(*) = 1 AND bool_and(
      p.name = c.choice ->> 'pool'
      AND extract(epoch FROM u.ends_at - u.starts_at) = (c.choice ->> 'slots')::bigint * minutes * 60
      AND u.starts_at >= (c.choice -> 'window' ->> 'start')::timestamptz
      AND u.ends_at <= (c.choice -> 'window' ->> 'end')::timestamptz
      AND u.gpus BETWEEN coalesce((c.choice ->> 'minimum_gpus')::bigint, (c.choice ->> 'gpus')::bigint)
        AND (c.choice ->> 'gpus')::bigint
      AND a.value = u.gpus::numeric * (c.choice ->> 'slots')::bigint * ((c.choice ->> 'limit')::bigint * minutes / 60))
    FROM market.award_use u JOIN market.pool p USING (pool_id) WHERE u.award = a.award), false)
  LIMIT 1
$$;

CREATE OR REPLACE FUNCTION market.block_gpus_at_once(body jsonb) RETURNS TABLE (pool text, gpus bigint)
LANGUAGE sql IMMUTABLE AS $$
  SELECT c ->> 'pool', (c ->> 'gpus')::bigint FROM jsonb_array_elements(body -> 'alternatives') AS c
$$;
