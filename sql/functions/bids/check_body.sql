-- The quick way for bodies of block bids, which are most: PostgreSQL's own reader fills the types made for them, and its own
-- writer gives the one text that says the same. The slow twin, which also has the words for what is wrong, is market.spell_body.

-- Checks a body against its round, and against the caps of a company at the door; without a company, against no caps.
CREATE OR REPLACE FUNCTION market.check_body(
  id bigint, company bigint, delivery_start timestamptz, delivery_end timestamptz, slot_minutes integer, body text,
  OUT worst bigint, OUT choices bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  read market.block_body;
  item market.body_alternative;
  pool text;
  lot integer;
  most integer;
  reserve bigint;
  room integer;
  fits boolean := octet_length(body) <= 262144 AND current_setting('TimeZone') = 'UTC'; -- times are written in that zone
BEGIN
  worst := 0;
  choices := 0;
  IF fits THEN
    -- What is no JSON, no number, no time or out of range raises a data exception; an odd form does not come out the same.
    read := jsonb_populate_record(NULL::market.block_body, body::jsonb);
    -- Lists in a list would fill an array of two dimensions, and come out as they went in.
    fits := read."type" = 'block' AND array_ndims(read.alternatives) = 1 AND cardinality(read.alternatives) BETWEEN 1 AND 1000
      AND replace(replace(row_to_json(read)::text, '+00:00"', 'Z"'), '"minimum_gpus":null,', '') = body;
  END IF;
  IF fits THEN
    FOREACH item IN ARRAY read.alternatives LOOP
      IF pool IS DISTINCT FROM item.pool THEN
        SELECT p.name, rp.lot_gpus, least(rp.most_gpus, k.gpus), rp.reserve_price INTO pool, lot, most, reserve
        FROM market.pool p JOIN market.round_pool rp ON rp.round_id = id AND rp.pool_id = p.pool_id
        LEFT JOIN market.company_cap k ON k.company_id = company AND k.pool_id = p.pool_id
        WHERE p.name = item.pool;
      END IF;
      room := date_part('epoch', (item."window")."end" - (item."window")."start") / (slot_minutes * 60);
      fits := coalesce(item.gpus BETWEEN 1 AND most AND item.gpus % lot = 0
        AND (item.minimum_gpus IS NULL OR item.minimum_gpus BETWEEN 1 AND item.gpus AND item.minimum_gpus % lot = 0)
        AND item."limit" BETWEEN reserve AND 1000000000000 AND item."limit" % 100 = 0 AND item.slots BETWEEN 1 AND room
        AND (item."window")."start" >= delivery_start AND (item."window")."end" <= delivery_end
        AND (item."window")."start" = date_bin(make_interval(mins => slot_minutes), (item."window")."start", delivery_start)
        AND (item."window")."start" + make_interval(mins => room * slot_minutes) = (item."window")."end"
        AND item."limit" * slot_minutes / 60 <= 1000000000000000 / (item.gpus * item.slots), false);
      EXIT WHEN NOT fits;
      choices := choices + room - item.slots + 1;
      worst := greatest(worst, item.gpus * item.slots * (item."limit" * slot_minutes / 60));
    END LOOP;
  END IF;
  IF fits AND choices <= 100000 THEN
    RETURN;
  END IF;
  SELECT s.worst, s.choices INTO worst, choices FROM market.spell_body(id, company, body) s;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  SELECT s.worst, s.choices INTO worst, choices FROM market.spell_body(id, company, body) s;
END
$$;
