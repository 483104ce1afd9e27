-- A company's own bids: what it asked for, and what became of it.
CREATE OR REPLACE FUNCTION market.bids_of(me bigint, round_name text)
RETURNS TABLE (
  round text, state text, bid text, parent text, body text, key text, kind text, exposure bigint, withdrawn boolean,
  accepted_at timestamptz, hash text, award text, payment bigint
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
    -- Once published, an encrypted bid is shown as it was opened.
    SELECT r.name, r.state, b.bid, b.parent, CASE WHEN r.state = 'published' THEN coalesce(o.body, e.body) ELSE e.body END,
      e.key, e.kind, b.exposure, b.withdrawn, e.accepted_at, encode(e.hash, 'hex'), a.award, a.payment
    FROM market.bid b
    JOIN market.round r USING (round_id)
    JOIN market.entry e ON e.entry_id = b.head_entry
    LEFT JOIN market.opened o ON o.entry_id = e.entry_id
    LEFT JOIN market.award a ON r.state = 'published' AND a.round_id = b.round_id AND a.company_id = b.company_id AND a.bid = b.bid
    WHERE b.company_id = me AND (round_name IS NULL OR r.name = round_name)
    ORDER BY r.delivery_start, e.accepted_at, e.entry_id;
END
$$;

CREATE OR REPLACE FUNCTION market.my_bids(round_name text)
RETURNS TABLE (
  round text, state text, bid text, parent text, body text, key text, kind text, exposure bigint, withdrawn boolean,
  accepted_at timestamptz, hash text, award text, payment bigint
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT * FROM market.bids_of(market.current_company(), round_name)
$$;

-- Every entry of one bid, oldest first, each a receipt.
CREATE OR REPLACE FUNCTION market.my_bid_history(wanted_bid text) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me bigint := market.current_company();
BEGIN
  RETURN QUERY
    SELECT market.entry_receipt(r.name, c.name, e)
    FROM market.entry e JOIN market.round r USING (round_id) JOIN market.company c USING (company_id)
    WHERE e.company_id = me AND e.bid = wanted_bid ORDER BY e.accepted_at, e.entry_id;
END
$$;

-- What was accepted under these keys, in whatever round.
CREATE OR REPLACE FUNCTION market.my_receipts(keys text[]) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me bigint := market.current_company();
BEGIN
  RETURN QUERY
    SELECT market.entry_receipt(r.name, c.name, e)
    FROM market.entry e JOIN market.round r USING (round_id) JOIN market.company c USING (company_id)
    WHERE e.company_id = me AND e.key = ANY (keys) ORDER BY e.entry_id;
END
$$;

GRANT EXECUTE ON FUNCTION market.my_bids(text), market.my_bid_history(text), market.my_receipts(text[])
  TO market_company;
