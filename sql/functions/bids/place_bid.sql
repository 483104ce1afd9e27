-- These three and market.place_bids are what a session bids by. Its first bids find their plans made for any request: planned anew for each request, as is
-- PostgreSQL's way with the first five, a bid costs nearly three times as much. The plans are look-ups by key, the same whatever
-- is asked.
CREATE OR REPLACE FUNCTION market.place_bid(round_name text, key text, body text, parent text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN market.append_entry(market.current_company(), round_name, NULL, 'place', parent, key, body,
    NULL); -- in plpgsql, which keeps its plans
END
$$;

CREATE OR REPLACE FUNCTION market.amend_bid(round_name text, bid text, key text, body text, parent text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN market.append_entry(market.current_company(), round_name, bid, 'amend', parent, key, body, NULL);
END
$$;

-- Withdraws a bid and all that hangs on it; returns the receipts, the bid's own first.
CREATE OR REPLACE FUNCTION market.withdraw_bid(round_name text, bid text, key text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  me bigint := market.current_company();
  id bigint := (market.round_named(round_name)).round_id;
  child text;
  receipts jsonb := jsonb_build_array(market.append_entry(me, round_name, withdraw_bid.bid, 'withdraw', NULL,
    withdraw_bid.key, '', NULL));
BEGIN
  FOR child IN
    WITH RECURSIVE below (bid) AS (
      SELECT b.bid FROM market.bid b WHERE b.company_id = me AND b.parent = withdraw_bid.bid AND b.round_id = id
      UNION
      SELECT b.bid FROM below p JOIN market.bid b ON b.company_id = me AND b.parent = p.bid AND b.round_id = id)
    -- those that this very request withdrew are listed too, so that a retry returns the same receipts
    SELECT w.bid FROM below w JOIN market.bid b ON b.round_id = id AND b.company_id = me AND b.bid = w.bid
    WHERE NOT b.withdrawn OR EXISTS (SELECT FROM market.entry e
      WHERE e.company_id = me AND e.key = left(withdraw_bid.key, 150) || '/' || w.bid)
    ORDER BY b.head_entry
  LOOP
    receipts := receipts || market.append_entry(me, round_name, child, 'withdraw', NULL,
      left(withdraw_bid.key, 150) || '/' || child, '', NULL);
  END LOOP;
  RETURN receipts;
END
$$;

GRANT EXECUTE ON FUNCTION market.place_bid(text, text, text, text), market.amend_bid(text, text, text, text, text),
  market.withdraw_bid(text, text, text) TO market_company;
