CREATE OR REPLACE FUNCTION market.add_pool(pool_name text, capacity_gpus integer, lot_gpus integer, reserve_price bigint)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM market.slot_span();
  IF pool_name !~ '^[a-z0-9][a-z0-9._-]{0,62}$' THEN
    PERFORM market.refuse('GM422', format('%L cannot be a pool''s name', left(pool_name, 80)),
      'use up to 63 lower-case letters, digits, dots, dashes and underscores, such as h100-us');
  ELSIF capacity_gpus NOT BETWEEN 1 AND 10000000 THEN
    PERFORM market.refuse('GM422', format('a capacity of %s GPUs is out of range', capacity_gpus),
      'give 1 to 10000000 GPUs');
  ELSIF lot_gpus NOT BETWEEN 1 AND least(capacity_gpus, 100000) THEN
    PERFORM market.refuse('GM422', format('a lot of %s GPUs does not fit a capacity of %s GPUs', lot_gpus, capacity_gpus),
      format('give a lot from 1 to %s GPUs', least(capacity_gpus, 100000)));
  ELSIF capacity_gpus % lot_gpus <> 0 THEN
    PERFORM market.refuse('GM422', format('a capacity of %s GPUs is no multiple of the lot of %s GPUs', capacity_gpus, lot_gpus),
      format('give %s', array_to_string(ARRAY(
        SELECT n FROM unnest(ARRAY[capacity_gpus / lot_gpus * lot_gpus, (capacity_gpus / lot_gpus + 1) * lot_gpus]) AS n
        WHERE n <= 10000000), ' or ')) || ' GPUs, or another lot');
  ELSIF reserve_price NOT BETWEEN 0 AND 1000000000000 OR reserve_price % 100 <> 0 THEN
    PERFORM market.refuse('GM422', 'the reserve price is out of range or finer than the tick',
      'give 0 to 1000000 USD per GPU-hour in steps of 0.0001');
  END IF;
  INSERT INTO market.pool (name, capacity_gpus, lot_gpus, reserve_price)
  VALUES (pool_name, add_pool.capacity_gpus, add_pool.lot_gpus, add_pool.reserve_price);
EXCEPTION WHEN unique_violation THEN
  PERFORM market.refuse('GM409', format('there is a pool %L already', pool_name), 'gpumarket pool list shows it');
END
$$;

CREATE OR REPLACE FUNCTION market.pools()
RETURNS TABLE (pool text, capacity_gpus integer, lot_gpus integer, reserve_price bigint, slot_minutes integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT p.name, p.capacity_gpus, p.lot_gpus, p.reserve_price, m.slot_minutes
  FROM market.pool p, market.market m ORDER BY p.name
$$;

GRANT EXECUTE ON FUNCTION market.add_pool(text, integer, integer, bigint) TO market_operator;
GRANT EXECUTE ON FUNCTION market.pools() TO market_operator, market_clearing, market_finance, market_auditor,
  market_company;
