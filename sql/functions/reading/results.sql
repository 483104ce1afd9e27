-- Reading what was published. Before publication these return nothing.

-- Totals of a round: public to all who take part.
CREATE OR REPLACE FUNCTION market.round_result(round_name text)
RETURNS TABLE (
  round text, pricing text, published_at timestamptz, engine_version text, effort text, work_done bigint,
  stopped_early boolean, welfare bigint, bound bigint, proven boolean, ties text, entries integer, bids bigint,
  awards bigint, companies_bidding bigint, companies_awarded bigint, revenue numeric, bid_value numeric,
  merkle_root text, instance_digest text, result_digest text, prices jsonb, price_bound bigint
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted market.round := market.round_named(round_name);
BEGIN
  RETURN QUERY
    SELECT wanted.name, k.priced_by, k.published_at, k.engine_version, k.effort, k.work_done,
      k.stopped_early, k.welfare,
      k.bound, k.proven, k.ties, wanted.entry_count,
      (SELECT count(*) FROM market.bid b WHERE b.round_id = wanted.round_id AND NOT b.withdrawn),
      (SELECT count(*) FROM market.award a WHERE a.round_id = wanted.round_id),
      (SELECT count(DISTINCT b.company_id) FROM market.bid b WHERE b.round_id = wanted.round_id AND NOT b.withdrawn),
      (SELECT count(DISTINCT a.company_id) FROM market.award a WHERE a.round_id = wanted.round_id),
      (SELECT coalesce(sum(a.payment), 0) FROM market.award a WHERE a.round_id = wanted.round_id),
      (SELECT coalesce(sum(a.value), 0) FROM market.award a WHERE a.round_id = wanted.round_id),
      encode(k.merkle_root, 'hex'), encode(k.instance_digest, 'hex'), encode(k.result_digest, 'hex'), k.prices, k.price_bound
    FROM market.clearing k WHERE k.round_id = wanted.round_id AND wanted.state = 'published';
END
$$;

-- Offered and awarded GPU-slots by pool: public once published.
CREATE OR REPLACE FUNCTION market.round_utilisation(round_name text)
RETURNS TABLE (pool text, offered_gpu_slots bigint, awarded_gpu_slots bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted market.round := market.round_named(round_name);
  seconds integer := extract(epoch FROM market.slot_span());
BEGIN
  RETURN QUERY
    SELECT p.name, (SELECT sum(c)::bigint FROM unnest(rp.capacity_gpus) AS c),
      coalesce((SELECT sum(u.gpus * (extract(epoch FROM u.ends_at - u.starts_at)::bigint / seconds))::bigint
        FROM market.award_use u JOIN market.award a USING (award)
        WHERE a.round_id = wanted.round_id AND u.pool_id = rp.pool_id), 0)
    FROM market.round_pool rp JOIN market.pool p USING (pool_id)
    WHERE rp.round_id = wanted.round_id AND wanted.state = 'published' ORDER BY rp.position;
END
$$;

GRANT EXECUTE ON FUNCTION market.round_result(text), market.round_utilisation(text) TO market_operator,
  market_clearing, market_finance, market_auditor, market_company;
