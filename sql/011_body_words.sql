-- Revision 2. Applied again whenever that is raised: it holds functions, no tables.
-- What a body must say, field by field, with the words for what is wrong: for curves, for whatever the quick way (012) does
-- not let in, and as its slow twin in tests. The forms stand in 006.

-- A whole number of a body, or a refusal that names the field.
CREATE OR REPLACE FUNCTION market.body_integer(holder jsonb, field text, lowest bigint, highest bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  text_form text := holder ->> field;
  number numeric;
BEGIN
  IF jsonb_typeof(holder -> field) IS DISTINCT FROM 'number' OR text_form !~ '^-?[0-9]{1,18}$' THEN
    PERFORM market.refuse('GM400', format('%s is missing or no whole number', field),
      format('give a whole number from %s to %s', lowest, highest));
  END IF;
  number := text_form::numeric;
  IF number NOT BETWEEN lowest AND highest THEN
    PERFORM market.refuse('GM422', format('%s is %s', field, number), format('give a whole number from %s to %s', lowest, highest));
  END IF;
  RETURN number;
END
$$;

CREATE OR REPLACE FUNCTION market.body_time(holder jsonb, field text) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
DECLARE
  text_form text := holder ->> field;
BEGIN
  IF text_form IS NULL
    OR text_form !~ '^[0-9]{4}-(0[1-9]|1[0-2])-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$' THEN
    PERFORM market.refuse('GM400', format('%s is missing or no UTC instant', field), 'write it as 2026-12-07T00:00:00Z');
  ELSIF substr(text_form, 9, 2) NOT BETWEEN '01' AND '28' OR substr(text_form, 1, 4) = '0000' THEN
    PERFORM market.check_date(text_form, field);
  END IF;
  RETURN text_form::timestamptz;
END
$$;

-- Apart, since a block that catches errors costs a subtransaction at each call, and most days need no look at the calendar.
CREATE OR REPLACE FUNCTION market.check_date(text_form text, field text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM text_form::timestamptz;
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
  PERFORM market.refuse('GM400', format('%s is no date that exists: %L', field, text_form), 'write it as 2026-12-07T00:00:00Z');
END
$$;

-- A stretch inside the round's delivery, on its slots.
CREATE OR REPLACE FUNCTION market.check_window(round market.round, span interval, from_time timestamptz, to_time timestamptz, what text)
RETURNS integer
LANGUAGE plpgsql STABLE AS $$
DECLARE
  seconds integer := extract(epoch FROM span);
BEGIN
  IF from_time >= to_time OR from_time < round.delivery_start OR to_time > round.delivery_end THEN
    PERFORM market.refuse('GM422', format('the %s %s/%s lies outside the round: its delivery is %s/%s', what,
      market.show_time(from_time), market.show_time(to_time),
      market.show_time(round.delivery_start), market.show_time(round.delivery_end)),
      format('give a %s within %s/%s', what, market.show_time(round.delivery_start), market.show_time(round.delivery_end)));
  ELSIF mod(extract(epoch FROM from_time), seconds) <> 0 OR mod(extract(epoch FROM to_time), seconds) <> 0 THEN
    PERFORM market.refuse('GM422', format('the %s %s/%s does not lie on slots of %s minutes', what,
      market.show_time(from_time), market.show_time(to_time), seconds / 60), 'start and end it on a slot boundary');
  END IF;
  RETURN extract(epoch FROM to_time - from_time) / seconds;
END
$$;

CREATE OR REPLACE FUNCTION market.offered_pool(round market.round, pool_name text, OUT lot integer, OUT reserve bigint, OUT most integer)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT rp.lot_gpus, rp.reserve_price, rp.most_gpus INTO lot, reserve, most
  FROM market.round_pool rp JOIN market.pool p USING (pool_id)
  WHERE rp.round_id = round.round_id AND p.name = pool_name;
  IF lot IS NULL THEN
    PERFORM market.refuse('GM422', format('the round %s offers no pool %L', round.name, left(coalesce(pool_name, ''), 80)),
      format('choose one of %s', (SELECT string_agg(p.name, ', ' ORDER BY p.name)
        FROM market.round_pool rp JOIN market.pool p USING (pool_id) WHERE rp.round_id = round.round_id)));
  END IF;
END
$$;

CREATE OR REPLACE FUNCTION market.check_quantity(pool_name text, gpus bigint, lot integer, most integer) RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
  largest bigint := most / lot * lot;
  below bigint := least(gpus / lot * lot, largest);
  above bigint := (gpus / lot + 1) * lot;
BEGIN
  IF largest = 0 THEN
    PERFORM market.refuse('GM422', format('%s has no whole lot of %s GPUs to sell in this round', pool_name, lot),
      'choose another pool');
  ELSIF gpus % lot <> 0 THEN
    PERFORM market.refuse('GM422', format('%s GPUs is no multiple of the lot of %s, %s GPUs', gpus, pool_name, lot),
      CASE WHEN below = 0 THEN format('give %s GPUs', lot) WHEN above > largest THEN format('give %s GPUs', below)
        ELSE format('give %s or %s GPUs', below, above) END);
  ELSIF gpus > most THEN
    PERFORM market.refuse('GM422', format('%s GPUs is more than %s ever has in this round, %s GPUs', gpus, pool_name, most),
      format('give at most %s GPUs', largest));
  END IF;
END
$$;

CREATE OR REPLACE FUNCTION market.check_limit(pool_name text, limit_price bigint, reserve bigint) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF limit_price % 100 <> 0 THEN
    PERFORM market.refuse('GM422', format('the limit price %s micro-dollars is finer than the tick', limit_price),
      'prices go in steps of 0.0001 USD per GPU-hour');
  ELSIF limit_price < reserve THEN
    PERFORM market.refuse('GM422', format('the limit price %s is below the reserve price of %s, %s',
      market.show_price(limit_price), pool_name, market.show_price(reserve)),
      format('bid at least %s', market.show_price(reserve)));
  END IF;
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
