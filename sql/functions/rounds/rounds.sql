CREATE OR REPLACE FUNCTION market.rounds()
RETURNS TABLE (
  round text, state text, delivery_start timestamptz, delivery_end timestamptz, gate timestamptz, pricing text,
  effort text, simulated boolean, opened_at timestamptz, closed_at timestamptz, published_at timestamptz,
  cancelled_at timestamptz, cancel_reason text, slot_minutes integer, server_time timestamptz
)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.name, r.state, r.delivery_start, r.delivery_end, r.gate, r.pricing, r.effort, r.simulated, r.opened_at,
    r.closed_at, r.published_at, r.cancelled_at, r.cancel_reason, m.slot_minutes, clock_timestamp()
  FROM market.round r, market.market m ORDER BY r.delivery_start, r.round_id
$$;

-- What a round offers: published, since a bidder must know it.
CREATE OR REPLACE FUNCTION market.round_pools(round_name text)
RETURNS TABLE (pool text, capacity_gpus integer[], lot_gpus integer, reserve_price bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT p.name, rp.capacity_gpus, rp.lot_gpus, rp.reserve_price
  FROM market.round_pool rp JOIN market.pool p USING (pool_id)
  WHERE rp.round_id = (market.round_named(round_name)).round_id ORDER BY rp.position
$$;

GRANT EXECUTE ON FUNCTION market.rounds(), market.round_pools(text) TO market_operator, market_clearing,
  market_finance, market_auditor, market_door, market_company;
