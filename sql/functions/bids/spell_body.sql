-- All of it, step by step. Without a company, caps are not looked at.
CREATE OR REPLACE FUNCTION market.spell_body(id bigint, company bigint, body text, OUT worst bigint, OUT choices bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  round market.round;
  parsed jsonb;
  found record;
  span interval := market.slot_span();
BEGIN
  SELECT * INTO round FROM market.round r WHERE r.round_id = id;
  IF octet_length(body) > 262144 THEN
    PERFORM market.refuse('GM422', 'the bid is larger than 256 KiB', 'split it into several bids');
  END IF;
  BEGIN
    parsed := body::jsonb;
  EXCEPTION WHEN others THEN
    PERFORM market.refuse('GM400', 'the bid is no JSON', 'gpumarket bid block --help shows the form');
  END;
  IF jsonb_typeof(parsed) = 'object' AND parsed ->> 'type' = 'block' THEN
    found := market.check_block(round, span, parsed);
  ELSIF jsonb_typeof(parsed) = 'object' AND parsed ->> 'type' = 'curve' THEN
    found := market.check_curve(round, span, parsed);
  ELSE
    PERFORM market.refuse('GM400', 'the bid is neither block nor curve', 'set "type" to "block" or "curve"');
  END IF;
  IF found.canonical <> body THEN
    PERFORM market.refuse('GM400', 'the bid is not written in the form that is hashed',
      format('write it as %s', left(found.canonical, 500)));
  ELSIF found.worst > 1000000000000000 THEN
    PERFORM market.refuse('GM422', format('the bid could cost %s', market.show_usd(found.worst)),
      'one bid may cost at most 1000000000.00 USD');
  ELSIF found.choices > 100000 THEN
    PERFORM market.refuse('GM422', format('the bid leaves %s places and steps to choose from', found.choices),
      'narrow its windows or split it: one bid may have 100000');
  END IF;
  IF company IS NOT NULL THEN
    PERFORM market.check_caps(company, NULL, body);
  END IF;
  worst := found.worst;
  choices := found.choices;
END
$$;

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

-- A bid for more of a pool than its company may hold is refused at the door, as one for more than the pool has. Caps are
-- those of now, or those that were sealed with a round: what a cap cuts after a bid was let in, the engine keeps to.
CREATE OR REPLACE FUNCTION market.check_caps(company bigint, sealed_round bigint, body text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
  over record;
BEGIN
  SELECT x.pool, x.gpus, k.gpus AS cap, p.lot_gpus AS lot INTO over
  FROM (
    SELECT c ->> 'pool' AS pool, (c ->> 'gpus')::bigint AS gpus
    FROM jsonb_array_elements(body::jsonb -> 'alternatives') AS c
    UNION ALL
    SELECT s ->> 'pool', (SELECT sum((t ->> 'gpus')::bigint) FROM jsonb_array_elements(s -> 'steps') AS t)
    FROM jsonb_array_elements(body::jsonb -> 'segments') AS s) x
  JOIN market.pool p ON p.name = x.pool
  JOIN LATERAL (
    SELECT k.gpus FROM market.company_cap k WHERE sealed_round IS NULL AND k.company_id = company AND k.pool_id = p.pool_id
    UNION ALL
    SELECT k.gpus FROM market.round_cap k
    WHERE k.round_id = sealed_round AND k.company_id = company AND k.pool_id = p.pool_id) k ON true
  WHERE x.gpus > k.gpus LIMIT 1;
  IF over.pool IS NOT NULL THEN
    PERFORM market.refuse('GM422', format('%s GPUs is more than you may hold of %s at a time: your cap is %s GPUs',
      over.gpus, over.pool, over.cap),
      CASE WHEN over.cap < over.lot THEN 'choose another pool, or ask the operator for a higher cap'
        ELSE format('give at most %s GPUs, or ask the operator for a higher cap', over.cap / over.lot * over.lot) END);
  END IF;
END
$$;
