-- What a body must say, field by field, with the words for what is wrong: for curves, for whatever the quick way (check_body.sql) does
-- not let in, and as its slow twin in tests. The forms stand in
-- append_entry.sql.

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
