-- The one door for bids. A bid's body is JSON text, kept as it came, since its bytes are hashed:
--   {"type":"block","alternatives":[{"pool":"h100-us","gpus":64,"minimum_gpus":32,"slots":24,
--     "window":{"start":"2026-12-07T00:00:00Z","end":"2026-12-10T00:00:00Z"},"limit":2400000}, …]}
--   {"type":"curve","segments":[{"pool":"h100-us","start":"…Z","end":"…Z","steps":[{"gpus":8,"limit":3000000}, …]}, …]}
-- limit is micro-dollars per GPU-hour. The text has one form only: these fields in this order, no blanks, whole numbers
-- plainly. Else a text could mean one thing to this door and another to the clearing job, or nothing at all.

-- A whole number of a body, or a refusal that names the field.
CREATE FUNCTION market.body_integer(holder jsonb, field text, lowest bigint, highest bigint) RETURNS bigint
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

CREATE FUNCTION market.body_time(holder jsonb, field text) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
DECLARE
  text_form text := holder ->> field;
BEGIN
  IF text_form IS NULL
    OR text_form !~ '^[0-9]{4}-(0[1-9]|1[0-2])-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$' THEN
    PERFORM market.refuse('GM400', format('%s is missing or no UTC instant', field), 'write it as 2026-12-07T00:00:00Z');
  ELSIF substr(text_form, 9, 2) NOT BETWEEN '01' AND '28' THEN
    PERFORM market.check_date(text_form, field);
  END IF;
  RETURN text_form::timestamptz;
END
$$;

-- Apart, since a block that catches errors costs a subtransaction at each call, and most days need no look at the calendar.
CREATE FUNCTION market.check_date(text_form text, field text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM text_form::timestamptz;
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
  PERFORM market.refuse('GM400', format('%s is no date that exists: %L', field, text_form), 'write it as 2026-12-07T00:00:00Z');
END
$$;

-- A stretch inside the round's delivery, on its slots.
CREATE FUNCTION market.check_window(round market.round, span interval, from_time timestamptz, to_time timestamptz, what text)
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

CREATE FUNCTION market.offered_pool(round market.round, pool_name text, OUT lot integer, OUT reserve bigint, OUT most integer)
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

CREATE FUNCTION market.check_quantity(pool_name text, gpus bigint, lot integer, most integer) RETURNS void
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

CREATE FUNCTION market.check_limit(pool_name text, limit_price bigint, reserve bigint) RETURNS void
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
CREATE FUNCTION market.check_block(
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

CREATE FUNCTION market.check_curve(
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

-- The same step by step, with the words for what is wrong.
CREATE FUNCTION market.spell_body(id bigint, body text, OUT worst bigint, OUT choices bigint)
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
  worst := found.worst;
  choices := found.choices;
END
$$;

-- Checks a body against its round. Block bids, which are most, go a quick way: the functions above are its slow twin, for
-- curves, and for the words where it says no.
CREATE FUNCTION market.check_body(
  id bigint, delivery_start timestamptz, delivery_end timestamptz, slot_minutes integer, body text,
  OUT worst bigint, OUT choices bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  list jsonb;
  item jsonb;
  pool text;
  lot integer;
  most integer;
  reserve bigint;
  gpus bigint;
  least_gpus bigint;
  slots bigint;
  price bigint;
  starts timestamptz;
  ends timestamptz;
  room integer;
  canonical text := '';
  fits boolean := octet_length(body) <= 262144 AND left(body, 33) = '{"type":"block","alternatives":[{';
BEGIN
  worst := 0;
  choices := 0;
  IF fits THEN
    -- What is no JSON, no number, no time or out of range raises a data exception; an odd form does not come out the same.
    list := body::jsonb -> 'alternatives';
    fits := jsonb_array_length(list) <= 1000;
    FOR i IN 0 .. jsonb_array_length(list) - 1 LOOP
      EXIT WHEN NOT fits;
      item := list -> i;
      IF pool IS DISTINCT FROM item ->> 'pool' THEN
        SELECT p.name, rp.lot_gpus, rp.most_gpus, rp.reserve_price INTO pool, lot, most, reserve
        FROM market.pool p JOIN market.round_pool rp ON rp.round_id = id AND rp.pool_id = p.pool_id
        WHERE p.name = item ->> 'pool';
      END IF;
      gpus := (item ->> 'gpus')::bigint;
      least_gpus := coalesce((item ->> 'minimum_gpus')::bigint, gpus);
      slots := (item ->> 'slots')::bigint;
      price := (item ->> 'limit')::bigint;
      starts := (item #>> '{window,start}')::timestamptz;
      ends := (item #>> '{window,end}')::timestamptz;
      room := date_part('epoch', ends - starts) / (slot_minutes * 60);
      fits := coalesce(gpus <= most AND gpus % lot = 0 AND least_gpus BETWEEN 1 AND gpus AND least_gpus % lot = 0
        AND price BETWEEN reserve AND 1000000000000 AND price % 100 = 0 AND slots BETWEEN 1 AND room
        AND starts >= delivery_start AND ends <= delivery_end AND date_part('epoch', starts)::bigint % (slot_minutes * 60) = 0
        AND starts + make_interval(mins => room * slot_minutes) = ends
        AND price * slot_minutes / 60 <= 1000000000000000 / (gpus * slots), false);
      IF fits THEN
        choices := choices + room - slots + 1;
        worst := greatest(worst, gpus * slots * (price * slot_minutes / 60));
      END IF;
      canonical := canonical || ',{"pool":"' || pool || '","gpus":' || gpus::text || CASE WHEN item ? 'minimum_gpus'
        THEN ',"minimum_gpus":' || least_gpus::text ELSE '' END || ',"slots":' || slots::text
        || ',"window":{"start":"' || to_char(starts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || '","end":"'
        || to_char(ends AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || '"},"limit":' || price::text || '}';
    END LOOP;
    fits := fits AND choices <= 100000 AND body = '{"type":"block","alternatives":[' || substr(canonical, 2) || ']}';
  END IF;
  IF fits IS NOT TRUE THEN
    SELECT s.worst, s.choices INTO worst, choices FROM market.spell_body(id, body) s;
  END IF;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  SELECT s.worst, s.choices INTO worst, choices FROM market.spell_body(id, body) s;
END
$$;

-- What a company may lose at worst: its open bids at their limits, and what it owes.
CREATE FUNCTION market.company_exposure(wanted bigint) RETURNS numeric
LANGUAGE plpgsql STABLE AS $$
DECLARE
  owed bigint := ledger.owed(wanted);
BEGIN
  RETURN owed + (
    SELECT coalesce(sum(t.exposure), 0) FROM market.company_round t JOIN market.round r USING (round_id)
    WHERE t.company_id = wanted AND r.state IN ('open', 'closed'));
END
$$;

CREATE FUNCTION market.receipt(round_name text, company_name text, e market.entry) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('round', round_name, 'company', company_name, 'bid', e.bid, 'kind', e.kind,
    'parent', e.parent, 'key', e.key, 'salt', e.salt, 'accepted_at', market.exact_time(e.accepted_at),
    'hash', encode(e.hash, 'hex'), 'body', e.body)
$$;

-- The parent of a bid: an open one of the same company and round, and none that hangs on the bid itself.
CREATE FUNCTION market.check_parent(me bigint, id bigint, parent text, child text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM FROM market.bid b WHERE b.company_id = me AND b.bid = check_parent.parent AND b.round_id = id AND NOT b.withdrawn;
  IF NOT FOUND THEN
    PERFORM market.refuse('GM422', format('the parent %L is no open bid of yours in round %s', left(check_parent.parent, 80),
      (SELECT r.name FROM market.round r WHERE r.round_id = id)), 'place the parent first and name its bid id');
  ELSIF EXISTS (
    WITH RECURSIVE above (bid) AS (
      SELECT check_parent.parent
      UNION
      SELECT b.parent FROM above a JOIN market.bid b ON b.round_id = id AND b.company_id = me AND b.bid = a.bid
      WHERE b.parent IS NOT NULL)
    SELECT FROM above WHERE bid = child) THEN
    PERFORM market.refuse('GM422', 'the links would form a cycle', 'a bid cannot hang on itself');
  END IF;
END
$$;

-- Why no entry of this key may be appended; or the receipt of the one that was.
CREATE FUNCTION market.answer_otherwise(
  round_name text, wanted_bid text, kind text, parent text, key text, body text
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  me bigint := market.current_company();
  round market.round := market.round_named(round_name);
  now_time timestamptz := clock_timestamp();
  earlier market.entry;
BEGIN
  SELECT * INTO earlier FROM market.entry e WHERE e.company_id = me AND e.key = answer_otherwise.key;
  IF earlier.entry_id IS NULL THEN
    PERFORM market.refuse('GM409', format('the gate of round %s is closed: it closed at %s and it is %s by the server''s clock',
      round.name, market.show_time(least(round.gate, coalesce(round.closed_at, round.cancelled_at, round.gate))),
      market.show_time(now_time)), 'gpumarket round list shows the rounds that are open');
  ELSIF earlier.round_id <> round.round_id OR earlier.kind <> answer_otherwise.kind OR earlier.body <> answer_otherwise.body
    OR earlier.parent IS DISTINCT FROM answer_otherwise.parent OR earlier.bid <> wanted_bid THEN
    PERFORM market.refuse('GM409', 'this idempotency key was used for another request',
      'use a new key; the earlier request stands');
  END IF;
  RETURN market.receipt(round.name, (SELECT c.name FROM market.company c WHERE c.company_id = me), earlier);
END
$$;

-- Appends one entry. The order of locks: the round's row, shared, so that a closing waits for us and we see it;
-- then the company's row, so that its exposure cannot be computed twice at once. A retry and a bid that comes too late
-- take no lock: after its gate nobody can hold a round up.
-- Statements are few, because each costs as much as the row that it writes, and most transactions are one bid.
CREATE FUNCTION market.append_entry(
  round_name text, wanted_bid text, kind text, parent text, key text, body text
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  held record;
  head market.bid;
  final_bid text := wanted_bid;
  worst bigint := 0;
  before bigint := 0;
  new_choices bigint := 0;
  old_choices bigint := 0;
  used record;
  salt text;
  now_time timestamptz;
  made market.entry;
BEGIN
  IF append_entry.key IS NULL OR length(append_entry.key) NOT BETWEEN 1 AND 200
    OR current_setting('transaction_isolation') <> 'read committed' THEN
    PERFORM market.need_read_committed();
    PERFORM market.refuse('GM400', 'the idempotency key is missing or longer than 200 characters',
      'use a new random key for each request');
  END IF;
  SELECT r.round_id AS id, r.gate, r.delivery_start, r.delivery_end, r.encrypted, c.company_id AS me, c.name AS company,
    c.login_role, c.credit_limit, c.entry_quota, r.slot_minutes INTO held
  FROM market.company c, market.round r
  WHERE c.login_role = session_user AND c.revoked_at IS NULL AND r.name = round_name AND r.state = 'open'
    AND clock_timestamp() < r.gate
    -- not NOT EXISTS, which a planner without statistics may turn into a walk over all keys
    AND (SELECT e.entry_id FROM market.entry e WHERE e.company_id = c.company_id AND e.key = append_entry.key) IS NULL
  FOR SHARE OF r FOR NO KEY UPDATE OF c;
  now_time := clock_timestamp();
  IF held.id IS NULL OR now_time >= held.gate THEN
    RETURN market.answer_otherwise(round_name, wanted_bid, append_entry.kind, append_entry.parent, append_entry.key,
      append_entry.body);
  END IF;

  IF wanted_bid IS NOT NULL THEN
    SELECT * INTO head FROM market.bid b WHERE b.company_id = held.me AND b.round_id = held.id AND b.bid = wanted_bid;
    IF head.bid IS NULL OR head.withdrawn THEN
      PERFORM market.refuse('GM404', format('you have no open bid %L in round %s', left(wanted_bid, 80), round_name),
        format('gpumarket bid list --round %s shows your bids', round_name));
    END IF;
    before := head.exposure;
    old_choices := head.choices;
  ELSE
    final_bid := 'b_' || left(encode(sha256(market.field(held.login_role) || market.field(append_entry.key)), 'hex'), 16);
  END IF;

  IF append_entry.kind <> 'withdraw' THEN
    IF held.encrypted THEN
      used := market.check_sealed(append_entry.body);
    ELSE
      used := market.check_body(held.id, held.delivery_start, held.delivery_end, held.slot_minutes, append_entry.body);
      PERFORM market.check_caps(held.me, append_entry.body);
    END IF;
    worst := used.worst;
    new_choices := used.choices;
    IF append_entry.parent IS NOT NULL THEN
      PERFORM market.check_parent(held.me, held.id, append_entry.parent, final_bid);
    END IF;
  END IF;

  -- Only a statement after the locks sees all that others did before they let go: a request with the same key, and what
  -- the company owes and may owe without this entry.
  INSERT INTO market.company_round AS t (company_id, round_id, entries, exposure, choices)
  SELECT held.me, held.id, 1, worst, new_choices
  WHERE NOT EXISTS (SELECT FROM market.entry e WHERE e.company_id = held.me AND e.key = append_entry.key)
  ON CONFLICT (company_id, round_id) DO UPDATE SET entries = t.entries + 1, exposure = t.exposure + worst - before,
    choices = t.choices + new_choices - old_choices
  RETURNING t.entries, t.choices, (SELECT o.owed FROM ledger.owing(held.me) o) + (
    SELECT coalesce(sum((SELECT x.exposure FROM market.company_round x WHERE x.company_id = held.me AND x.round_id = r.round_id)), 0)
    FROM market.round r WHERE r.state IN ('open', 'closed')) AS exposure INTO used;
  IF used.entries IS NULL THEN
    RETURN market.answer_otherwise(round_name, wanted_bid, append_entry.kind, append_entry.parent, append_entry.key,
      append_entry.body);
  ELSIF append_entry.kind <> 'withdraw' THEN
    IF worst > before AND used.exposure - before + worst > held.credit_limit THEN
      PERFORM market.refuse('GM422', format('this bid takes your exposure to %s, above your credit of %s',
        market.show_usd(used.exposure - before + worst), market.show_usd(held.credit_limit)),
        'lower its limit, GPUs or hours, withdraw another bid, or ask the operator for credit');
    ELSIF used.entries > held.entry_quota THEN
      PERFORM market.refuse('GM422', format('you have used your quota of %s entries in round %s', held.entry_quota, round_name),
        'withdrawals are still accepted; ask the operator for a larger quota');
    ELSIF used.choices > 2000000 THEN
      PERFORM market.refuse('GM422', format('your bids in round %s leave %s places and steps to choose from, above 2000000',
        round_name, used.choices), 'narrow their windows or withdraw some');
    END IF;
  END IF;

  salt := replace(gen_random_uuid()::text, '-', '');
  INSERT INTO market.entry (round_id, company_id, bid, kind, parent, key, salt, body, accepted_at, hash)
  VALUES (held.id, held.me, final_bid, append_entry.kind, append_entry.parent, append_entry.key, salt, append_entry.body,
    now_time, market.entry_hash(round_name, held.company, final_bid, append_entry.kind, append_entry.parent,
      append_entry.key, salt, market.exact_time(now_time), append_entry.body))
  RETURNING * INTO made;
  IF wanted_bid IS NULL THEN
    INSERT INTO market.bid (company_id, bid, round_id, parent, head_entry, exposure, choices)
    VALUES (held.me, final_bid, held.id, append_entry.parent, made.entry_id, worst, new_choices);
  ELSE
    UPDATE market.bid b SET head_entry = made.entry_id, exposure = worst, choices = new_choices,
      withdrawn = (append_entry.kind = 'withdraw'),
      parent = CASE WHEN append_entry.kind = 'withdraw' THEN b.parent ELSE append_entry.parent END
    WHERE b.company_id = held.me AND b.round_id = held.id AND b.bid = wanted_bid;
  END IF;
  RETURN market.receipt(round_name, held.company, made);
END
$$;

CREATE FUNCTION market.place_bid(round_name text, key text, body text, parent text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN market.append_entry(round_name, NULL, 'place', parent, key, body); -- in plpgsql, which keeps its plans
END
$$;

CREATE FUNCTION market.amend_bid(round_name text, bid text, key text, body text, parent text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN market.append_entry(round_name, bid, 'amend', parent, key, body);
END
$$;

-- Withdraws a bid and all that hangs on it; returns the receipts, the bid's own first.
CREATE FUNCTION market.withdraw_bid(round_name text, bid text, key text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me bigint := market.current_company();
  id bigint := (market.round_named(round_name)).round_id;
  child text;
  receipts jsonb := jsonb_build_array(market.append_entry(round_name, withdraw_bid.bid, 'withdraw', NULL, withdraw_bid.key, ''));
BEGIN
  FOR child IN
    WITH RECURSIVE below (bid) AS (
      SELECT b.bid FROM market.bid b WHERE b.company_id = me AND b.parent = withdraw_bid.bid AND b.round_id = id
      UNION
      SELECT b.bid FROM below p JOIN market.bid b ON b.company_id = me AND b.parent = p.bid AND b.round_id = id)
    -- those that this very request withdrew are listed too, so that a retry returns the same receipts
    SELECT w.bid FROM below w JOIN market.bid b ON b.round_id = id AND b.company_id = me AND b.bid = w.bid
    WHERE NOT b.withdrawn OR EXISTS (SELECT FROM market.entry e
      WHERE e.company_id = me AND e.key = left(withdraw_bid.key, 150) || '/' || w.bid)
    ORDER BY b.head_entry
  LOOP
    receipts := receipts || market.append_entry(round_name, child, 'withdraw', NULL,
      left(withdraw_bid.key, 150) || '/' || child, '');
  END LOOP;
  RETURN receipts;
END
$$;

-- Many bids, all or nothing. A parent '#3' is the third bid of the same call. Refusals are gathered, and raised
-- together as JSON in the DETAIL: [{"index":2,"code":"GM422","message":"…","hint":"…"}].
CREATE FUNCTION market.place_bids(round_name text, keys text[], bodies text[], parents text[]) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  receipts jsonb[] := '{}';
  problems jsonb := '[]';
  parent text;
  advice text;
BEGIN
  IF cardinality(keys) <> cardinality(bodies) OR cardinality(keys) <> cardinality(parents) THEN
    PERFORM market.refuse('GM400', 'keys, bodies and parents differ in number', 'use gpumarket bid import');
  END IF;
  FOR i IN 1 .. cardinality(bodies) LOOP
    BEGIN
      parent := parents[i];
      IF parent ~ '^#[0-9]{1,9}$' THEN
        parent := receipts[substr(parent, 2)::integer] ->> 'bid';
        IF parent IS NULL THEN
          PERFORM market.refuse('GM422', 'its parent was refused or stands after it', 'put the parent before its children');
        END IF;
      END IF;
      receipts[i] := market.append_entry(round_name, NULL, 'place', parent, keys[i], bodies[i]);
    EXCEPTION WHEN SQLSTATE 'GM400' OR SQLSTATE 'GM404' OR SQLSTATE 'GM409' OR SQLSTATE 'GM422' THEN
      GET STACKED DIAGNOSTICS advice = PG_EXCEPTION_HINT;
      problems := problems || jsonb_build_object('index', i, 'code', SQLSTATE, 'message', SQLERRM, 'hint', advice);
      EXIT WHEN jsonb_array_length(problems) >= 100;
    END;
  END LOOP;
  IF jsonb_array_length(problems) > 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'GM422', MESSAGE = format('%s of the bids are refused; none was placed',
      jsonb_array_length(problems)), DETAIL = problems::text, HINT = 'mend them and import the file again';
  END IF;
  RETURN to_jsonb(receipts);
END
$$;

-- A company's own bids: what it asked for, and what became of it.
CREATE FUNCTION market.my_bids(round_name text)
RETURNS TABLE (
  round text, state text, bid text, parent text, body text, key text, kind text, exposure bigint, withdrawn boolean,
  accepted_at timestamptz, hash text, award text, payment bigint
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me bigint := market.current_company();
BEGIN
  RETURN QUERY
    -- Once published, an encrypted bid is shown as it was opened.
    SELECT r.name, r.state, b.bid, b.parent, CASE WHEN r.state = 'published' THEN coalesce(o.body, e.body) ELSE e.body END, e.key, e.kind, b.exposure, b.withdrawn, e.accepted_at,
      encode(e.hash, 'hex'), a.award, a.payment
    FROM market.bid b
    JOIN market.round r USING (round_id)
    JOIN market.entry e ON e.entry_id = b.head_entry
    LEFT JOIN market.opened o ON o.entry_id = e.entry_id
    LEFT JOIN market.award a ON r.state = 'published' AND a.round_id = b.round_id AND a.company_id = b.company_id AND a.bid = b.bid
    WHERE b.company_id = me AND (round_name IS NULL OR r.name = round_name)
    ORDER BY r.delivery_start, e.accepted_at, e.entry_id;
END
$$;

-- Every entry of one bid, oldest first, each a receipt.
CREATE FUNCTION market.my_bid_history(wanted_bid text) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me bigint := market.current_company();
BEGIN
  RETURN QUERY
    SELECT market.receipt(r.name, c.name, e)
    FROM market.entry e JOIN market.round r USING (round_id) JOIN market.company c USING (company_id)
    WHERE e.company_id = me AND e.bid = wanted_bid ORDER BY e.accepted_at, e.entry_id;
END
$$;

CREATE FUNCTION market.my_account()
RETURNS TABLE (company text, credit_limit bigint, exposure numeric, owed bigint, caps jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me bigint := market.current_company();
BEGIN
  RETURN QUERY SELECT c.name, c.credit_limit, market.company_exposure(me), ledger.owed(me),
      coalesce((SELECT jsonb_object_agg(p.name, k.gpus) FROM market.company_cap k JOIN market.pool p USING (pool_id)
        WHERE k.company_id = me), '{}')
    FROM market.company c WHERE c.company_id = me;
END
$$;

GRANT EXECUTE ON FUNCTION market.place_bid(text, text, text, text), market.amend_bid(text, text, text, text, text),
  market.withdraw_bid(text, text, text), market.place_bids(text, text[], text[], text[]), market.my_bids(text),
  market.my_bid_history(text), market.my_account() TO market_company;
