-- What the front door reads for one company: its key comes with each call, and nothing is kept of it.
CREATE OR REPLACE FUNCTION market.door_market() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT m.market_id FROM market.market m $$;

CREATE OR REPLACE FUNCTION market.door_account(caller bytea) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  holder record;
BEGIN
  SELECT * INTO holder FROM market.key_holder(caller, false);
  RETURN (SELECT jsonb_build_object('market', market.door_market(), 'company', c.name, 'member', holder.member,
      'may_bid', holder.may_bid, 'credit_limit', c.credit_limit, 'exposure', market.company_exposure(c.company_id),
      'owed', ledger.owed(c.company_id),
      'caps', coalesce((SELECT jsonb_object_agg(p.name, k.gpus) FROM market.company_cap k JOIN market.pool p USING (pool_id)
        WHERE k.company_id = c.company_id), '{}'))
    FROM market.company c WHERE c.company_id = holder.company_id);
END
$$;

CREATE OR REPLACE FUNCTION market.door_rounds(caller bytea) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM market.key_holder(caller, false);
  RETURN jsonb_build_object('rounds', coalesce((SELECT jsonb_agg(to_jsonb(r)) FROM market.rounds() r), '[]'));
END
$$;

CREATE OR REPLACE FUNCTION market.door_round(caller bytea, round_name text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM market.key_holder(caller, false);
  PERFORM market.round_named(round_name);
  RETURN jsonb_build_object(
    'round', (SELECT to_jsonb(r) FROM market.rounds() r WHERE r.round = round_name),
    'pools', (SELECT jsonb_agg(to_jsonb(p)) FROM market.round_pools(round_name) p));
END
$$;

CREATE OR REPLACE FUNCTION market.door_bids(caller bytea, round_name text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me bigint := (SELECT h.company_id FROM market.key_holder(caller, false) h);
BEGIN
  IF round_name IS NOT NULL THEN
    PERFORM market.round_named(round_name);
  END IF;
  RETURN jsonb_build_object('bids', coalesce((SELECT jsonb_agg(to_jsonb(b)) FROM market.bids_of(me, round_name) b), '[]'));
END
$$;

CREATE OR REPLACE FUNCTION market.door_bid(caller bytea, wanted_bid text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me bigint := (SELECT h.company_id FROM market.key_holder(caller, false) h);
  receipts jsonb;
BEGIN
  SELECT jsonb_agg(market.entry_receipt(r.name, c.name, e) ORDER BY e.accepted_at, e.entry_id) INTO receipts
  FROM market.entry e JOIN market.round r USING (round_id) JOIN market.company c USING (company_id)
  WHERE e.company_id = me AND e.bid = wanted_bid;
  IF receipts IS NULL THEN
    PERFORM market.refuse('GM404', format('you have no bid %L', left(wanted_bid, 80)), 'GET /v1/bids shows your bids');
  END IF;
  RETURN jsonb_build_object('receipts', receipts);
END
$$;

CREATE OR REPLACE FUNCTION market.door_receipts(caller bytea, keys text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me bigint := (SELECT h.company_id FROM market.key_holder(caller, false) h);
BEGIN
  RETURN jsonb_build_object('receipts', coalesce((
    SELECT jsonb_agg(market.entry_receipt(r.name, c.name, e) ORDER BY e.entry_id)
    FROM market.entry e JOIN market.round r USING (round_id) JOIN market.company c USING (company_id)
    WHERE e.company_id = me AND e.key = ANY (keys)), '[]'));
END
$$;

GRANT EXECUTE ON FUNCTION market.door_market(), market.door_account(bytea), market.door_rounds(bytea),
  market.door_round(bytea, text), market.door_bids(bytea, text), market.door_bid(bytea, text),
  market.door_receipts(bytea, text[]) TO market_door;
