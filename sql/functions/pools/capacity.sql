-- GPUs of a pool in one slot that no outage takes away. Negative where outages overlap beyond the capacity.
CREATE OR REPLACE FUNCTION market.pool_gpus_at(wanted_pool bigint, slot_start timestamptz) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT p.capacity_gpus - coalesce((
    SELECT sum(o.gpus) FROM market.outage o
    WHERE o.pool_id = p.pool_id AND o.starts_at < slot_start + market.slot_span() AND o.ends_at > slot_start), 0)
  FROM market.pool p WHERE p.pool_id = wanted_pool
$$;

-- GPUs of a pool in one slot that published rounds awarded and nobody gave back.
CREATE OR REPLACE FUNCTION market.awarded_gpus_at(wanted_pool bigint, slot_start timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Look-ups by key for the few rows found, whatever the planner knows of the tables.
  RETURN (
    SELECT coalesce(sum(u.gpus), 0) FROM market.award_use u
    WHERE u.pool_id = wanted_pool AND u.starts_at <= slot_start AND u.ends_at > slot_start
      AND (SELECT r.state FROM market.award a JOIN market.round r USING (round_id) WHERE a.award = u.award) = 'published'
      AND (SELECT count(*) FROM ledger.release x WHERE x.award = u.award AND x.released_from <= slot_start) = 0);
END
$$;

-- GPUs of a pool in one slot that no outage, no unfinished round and no award holds.
CREATE OR REPLACE FUNCTION market.free_gpus_at(wanted_pool bigint, slot_start timestamptz) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT market.pool_gpus_at(wanted_pool, slot_start) - market.awarded_gpus_at(wanted_pool, slot_start)
    - coalesce((
      SELECT sum(rp.capacity_gpus[
        (extract(epoch FROM slot_start - r.delivery_start) / extract(epoch FROM market.slot_span()))::integer + 1])
      FROM market.round_pool rp JOIN market.round r USING (round_id)
      WHERE rp.pool_id = wanted_pool AND r.state IN ('open', 'closed')
        AND r.delivery_start <= slot_start AND r.delivery_end > slot_start), 0)
$$;
