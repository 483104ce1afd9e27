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

GRANT EXECUTE ON FUNCTION market.awards(text) TO market_operator, market_clearing, market_finance, market_auditor;
GRANT EXECUTE ON FUNCTION market.my_awards(text) TO market_company;
