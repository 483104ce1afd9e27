-- An outage lowers what later rounds can offer, and what open rounds still offer. The same one recorded again, as when a
-- reply was lost, is the first: pool, GPUs, window and reason tell outages apart.
CREATE OR REPLACE FUNCTION market.add_outage(
  pool_name text, outage_gpus integer, starts_at timestamptz, ends_at timestamptz, reason text
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  pool market.pool := market.pool_named(pool_name);
  id text := market.random_id('o_');
  earlier text;
  span interval := market.slot_span();
  round market.round;
BEGIN
  PERFORM market.need_read_committed();
  PERFORM FROM market.pool p WHERE p.pool_id = pool.pool_id FOR UPDATE;
  IF outage_gpus NOT BETWEEN 1 AND pool.capacity_gpus THEN
    PERFORM market.refuse('GM422', format('an outage of %s GPUs in a pool of %s GPUs', outage_gpus, pool.capacity_gpus),
      format('give 1 to %s GPUs', pool.capacity_gpus));
  ELSIF starts_at >= ends_at OR ends_at > starts_at + interval '366 days' THEN
    PERFORM market.refuse('GM422', 'the outage''s window is empty or longer than a year', 'give START/END with START before END');
  ELSIF length(trim(reason)) NOT BETWEEN 1 AND 500 THEN
    PERFORM market.refuse('GM422', 'an outage needs a reason', 'say in a few words what happened: holders read it');
  END IF;
  SELECT o.outage_id INTO earlier FROM market.outage o
  WHERE o.pool_id = pool.pool_id AND o.gpus = outage_gpus AND o.starts_at = add_outage.starts_at
    AND o.ends_at = add_outage.ends_at AND o.reason = trim(add_outage.reason);
  IF earlier IS NOT NULL THEN
    RETURN earlier;
  END IF;
  INSERT INTO market.outage (outage_id, pool_id, gpus, starts_at, ends_at, reason)
  VALUES (id, pool.pool_id, outage_gpus, add_outage.starts_at, add_outage.ends_at, trim(add_outage.reason));
  -- The round that opened last gives way first. A round that is closing meanwhile keeps what its sealed book offers:
  -- what is then missing is credited to the holders.
  FOR round IN
    SELECT r.* FROM market.round r JOIN market.round_pool rp USING (round_id)
    WHERE rp.pool_id = pool.pool_id AND r.state = 'open'
      AND r.delivery_start < add_outage.ends_at AND r.delivery_end > add_outage.starts_at
    ORDER BY r.round_id DESC FOR SHARE OF r
  LOOP
    UPDATE market.round_pool rp SET capacity_gpus = left_over.gpus, most_gpus = left_over.most
    FROM (
      SELECT array_agg(c.gpus ORDER BY c.n) AS gpus, max(c.gpus) AS most
      FROM market.round_pool o
      CROSS JOIN LATERAL (
        SELECT s.n, greatest(0, o.capacity_gpus[s.n] + least(0,
          market.free_gpus_at(pool.pool_id, round.delivery_start + (s.n - 1) * span)))::integer AS gpus
        FROM generate_subscripts(o.capacity_gpus, 1) AS s (n)) c
      WHERE o.round_id = round.round_id AND o.pool_id = pool.pool_id) left_over
    WHERE rp.round_id = round.round_id AND rp.pool_id = pool.pool_id;
  END LOOP;
  RETURN id;
END
$$;

CREATE OR REPLACE FUNCTION market.outages(pool_name text)
RETURNS TABLE (outage text, pool text, gpus integer, starts_at timestamptz, ends_at timestamptz, reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.outage_id, p.name, o.gpus, o.starts_at, o.ends_at, o.reason
  FROM market.outage o JOIN market.pool p USING (pool_id)
  WHERE pool_name IS NULL OR p.name = pool_name ORDER BY o.starts_at, o.outage_id
$$;

GRANT EXECUTE ON FUNCTION market.add_outage(text, integer, timestamptz, timestamptz, text) TO market_operator;
GRANT EXECUTE ON FUNCTION market.outages(text) TO market_operator, market_clearing, market_finance, market_auditor,
  market_company;
