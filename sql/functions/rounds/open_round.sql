-- Opening a round takes capacity; cancelling it returns it.
CREATE OR REPLACE FUNCTION market.open_round(
  round_name text, delivery_start timestamptz, delivery_end timestamptz, gate timestamptz,
  pricing text, effort text, pool_names text[], simulated boolean
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  span interval := market.slot_span();
  seconds integer := extract(epoch FROM span);
  final_name text := round_name;
  id bigint;
  pool market.pool;
  offered integer[];
  position integer := 0;
BEGIN
  PERFORM market.need_read_committed();
  IF delivery_start >= delivery_end THEN
    PERFORM market.refuse('GM422', 'the delivery period is empty', 'give START/END or START/DURATION');
  ELSIF mod(extract(epoch FROM delivery_start), seconds) <> 0 OR mod(extract(epoch FROM delivery_end), seconds) <> 0 THEN
    PERFORM market.refuse('GM422', format('the delivery period %s/%s does not lie on slots of %s minutes',
      market.show_time(delivery_start), market.show_time(delivery_end), seconds / 60),
      'start and end it on a slot boundary');
  ELSIF extract(epoch FROM delivery_end - delivery_start) / seconds > 10000 THEN
    PERFORM market.refuse('GM422', 'the delivery period has more than 10000 slots', 'open several rounds');
  ELSIF gate > delivery_start AND NOT simulated THEN
    PERFORM market.refuse('GM422', format('the gate %s lies after delivery starts, at %s',
      market.show_time(gate), market.show_time(delivery_start)), 'close the gate before delivery');
  ELSIF gate <= clock_timestamp() THEN
    PERFORM market.refuse('GM422', format('the gate %s has passed: it is %s by the server''s clock',
      market.show_time(gate), market.show_time(clock_timestamp())), 'give a gate in the future');
  ELSIF NOT EXISTS (SELECT FROM market.pricing_rule r WHERE r.name = open_round.pricing) THEN
    PERFORM market.refuse('GM422', format('there is no pricing rule %L', left(open_round.pricing, 40)),
      format('choose one of %s', (SELECT string_agg(r.name, ', ' ORDER BY r.name) FROM market.pricing_rule r)));
  ELSIF open_round.effort !~ '^(quick|standard|thorough|[1-9][0-9]{0,9})$' THEN
    PERFORM market.refuse('GM422', format('there is no effort %L', left(open_round.effort, 40)),
      'choose quick, standard, thorough or a number of work units');
  ELSIF round_name !~ '^[a-z0-9][a-z0-9._-]{0,62}$' THEN
    PERFORM market.refuse('GM422', format('%L cannot be a round''s name', left(round_name, 80)),
      'use up to 63 lower-case letters, digits, dots, dashes and underscores');
  END IF;
  IF final_name IS NULL THEN
    final_name := to_char(delivery_start AT TIME ZONE 'UTC', 'YYYY-MM-DD');
    WHILE EXISTS (SELECT FROM market.round WHERE name = final_name) LOOP
      position := position + 1;
      final_name := to_char(delivery_start AT TIME ZONE 'UTC', 'YYYY-MM-DD') || '-' || (position + 1);
    END LOOP;
    position := 0;
  ELSIF EXISTS (SELECT FROM market.round WHERE name = final_name) THEN
    PERFORM market.refuse('GM409', format('there is a round %L already', final_name), 'choose another --name');
  END IF;
  IF pool_names IS NOT NULL THEN
    PERFORM market.pool_named(wanted) FROM unnest(pool_names) AS wanted;
  END IF;
  INSERT INTO market.round (name, delivery_start, delivery_end, gate, slot_minutes, pricing, effort, simulated)
  VALUES (final_name, open_round.delivery_start, open_round.delivery_end, open_round.gate, seconds / 60, open_round.pricing,
    open_round.effort, open_round.simulated)
  RETURNING round_id INTO id;
  -- In the order of their ids, so that two openings at once wait and do not deadlock.
  FOR pool IN
    SELECT * FROM market.pool p WHERE pool_names IS NULL OR p.name = ANY (pool_names) ORDER BY p.pool_id FOR UPDATE
  LOOP
    SELECT array_agg(greatest(0, market.free_gpus_at(pool.pool_id, at))::integer ORDER BY at) INTO offered
    FROM generate_series(open_round.delivery_start, open_round.delivery_end - span, span) AS at;
    INSERT INTO market.round_pool (round_id, pool_id, position, capacity_gpus, most_gpus, lot_gpus, reserve_price)
    VALUES (id, pool.pool_id, position, offered, (SELECT max(n) FROM unnest(offered) AS n), pool.lot_gpus, pool.reserve_price);
    position := position + 1;
  END LOOP;
  IF position = 0 THEN
    PERFORM market.refuse('GM422', 'there is no pool to offer', 'gpumarket pool add comes first');
  ELSIF NOT EXISTS (
    SELECT FROM market.round_pool rp, unnest(rp.capacity_gpus) AS free WHERE rp.round_id = id AND free >= rp.lot_gpus)
  THEN
    PERFORM market.refuse('GM422', format('nothing is free in %s/%s: other rounds, awards or outages hold it all',
      market.show_time(open_round.delivery_start), market.show_time(open_round.delivery_end)),
      'choose another delivery period, or cancel the round that holds it');
  END IF;
  RETURN final_name;
END
$$;

GRANT EXECUTE ON FUNCTION market.open_round(text, timestamptz, timestamptz, timestamptz, text, text, text[], boolean)
  TO market_operator;
