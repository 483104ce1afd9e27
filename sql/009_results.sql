-- Revision 2. Applied again whenever that is raised: it holds functions, no tables.
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
    SELECT wanted.name, coalesce(k.priced_by, wanted.pricing), k.published_at, k.engine_version, k.effort, k.work_done,
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

CREATE OR REPLACE FUNCTION market.award_rows(wanted_round bigint, wanted_company bigint)
RETURNS TABLE (
  round text, pricing text, company text, award text, bid text, place integer, alternative integer, gpu_slots bigint,
  slot_minutes integer, value bigint, reserve_cost bigint, payment bigint, accepted_at timestamptz, hash text, body text,
  uses jsonb
)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.name, r.pricing, c.name, a.award, a.bid, a.position, a.alternative, a.gpu_slots, m.slot_minutes, a.value,
    a.reserve_cost, a.payment, e.accepted_at, encode(e.hash, 'hex'), e.body,
    (SELECT jsonb_agg(jsonb_build_object('pool', p.name, 'start', market.exact_time(u.starts_at),
       'end', market.exact_time(u.ends_at), 'gpus', u.gpus) ORDER BY u.starts_at, p.name)
     FROM market.award_use u JOIN market.pool p USING (pool_id) WHERE u.award = a.award)
  FROM market.award a
  JOIN market.round r USING (round_id)
  JOIN market.company c USING (company_id)
  JOIN market.entry e USING (entry_id)
  CROSS JOIN market.market m
  WHERE r.state = 'published' AND (wanted_round IS NULL OR a.round_id = wanted_round)
    AND (wanted_company IS NULL OR a.company_id = wanted_company)
  ORDER BY r.delivery_start, r.round_id, a.position
$$;

-- All awards, of one round or of all: for finance, the auditor, the operator and the clearing job. Without the winning bids'
-- bodies, which say what else a company asked for and at what limit: market.audit_round has them for the auditor.
CREATE OR REPLACE FUNCTION market.awards(round_name text)
RETURNS TABLE (
  round text, pricing text, company text, award text, bid text, place integer, alternative integer, gpu_slots bigint,
  slot_minutes integer, value bigint, reserve_cost bigint, payment bigint, accepted_at timestamptz, hash text, body text,
  uses jsonb
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted bigint;
BEGIN
  IF round_name IS NOT NULL THEN
    wanted := (market.round_named(round_name)).round_id;
  END IF;
  RETURN QUERY SELECT w.round, w.pricing, w.company, w.award, w.bid, w.place, w.alternative, w.gpu_slots, w.slot_minutes, w.value,
    w.reserve_cost, w.payment, w.accepted_at, w.hash, NULL::text, w.uses
    FROM market.award_rows(wanted, NULL) w;
END
$$;

CREATE OR REPLACE FUNCTION market.my_awards(round_name text)
RETURNS TABLE (
  round text, pricing text, company text, award text, bid text, place integer, alternative integer, gpu_slots bigint,
  slot_minutes integer, value bigint, reserve_cost bigint, payment bigint, accepted_at timestamptz, hash text, body text,
  uses jsonb
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me bigint := market.current_company();
  wanted bigint;
BEGIN
  IF round_name IS NOT NULL THEN
    wanted := (market.round_named(round_name)).round_id;
  END IF;
  -- A company's own position among the awards would count its rivals'.
  RETURN QUERY SELECT w.round, w.pricing, w.company, w.award, w.bid, (row_number() OVER (PARTITION BY w.round ORDER BY w.place))::integer,
    w.alternative, w.gpu_slots, w.slot_minutes, w.value, w.reserve_cost, w.payment, w.accepted_at, w.hash, w.body, w.uses
    FROM market.award_rows(wanted, me) w;
END
$$;

-- What each company pays, with its interval where the payment is not exact.
CREATE OR REPLACE FUNCTION market.company_payments(round_name text)
RETURNS TABLE (company text, payment bigint, low bigint, high bigint, exact boolean, value numeric, gpu_slots numeric, awards bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted market.round := market.round_named(round_name);
BEGIN
  RETURN QUERY
    SELECT c.name, p.payment, p.low, p.high, p.exact, sum(a.value), sum(a.gpu_slots), count(*)
    FROM market.company_payment p
    JOIN market.company c USING (company_id)
    JOIN market.award a ON a.round_id = p.round_id AND a.company_id = p.company_id
    WHERE p.round_id = wanted.round_id AND wanted.state = 'published'
    GROUP BY c.name, p.payment, p.low, p.high, p.exact ORDER BY p.payment DESC, c.name;
END
$$;

CREATE OR REPLACE FUNCTION market.my_payment(round_name text)
RETURNS TABLE (company text, payment bigint, low bigint, high bigint, exact boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me bigint := market.current_company();
  wanted market.round := market.round_named(round_name);
BEGIN
  RETURN QUERY
    SELECT c.name, p.payment, p.low, p.high, p.exact
    FROM market.company_payment p JOIN market.company c USING (company_id)
    WHERE p.round_id = wanted.round_id AND p.company_id = me AND wanted.state = 'published';
END
$$;

GRANT EXECUTE ON FUNCTION market.round_result(text), market.round_utilisation(text)
  TO market_operator, market_clearing, market_finance, market_auditor, market_company;
GRANT EXECUTE ON FUNCTION market.awards(text), market.company_payments(text)
  TO market_operator, market_clearing, market_finance, market_auditor;
GRANT EXECUTE ON FUNCTION market.my_awards(text), market.my_payment(text) TO market_company;
