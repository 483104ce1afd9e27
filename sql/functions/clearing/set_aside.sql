-- For the clearing job: entries of a sealed book that count for nothing, and why. What they did is undone: the bid stands as the
-- last entry says that counts. The job finds them by rule, and whoever verifies the round finds the same or says so.
CREATE OR REPLACE FUNCTION market.set_aside_entries(round_name text, places integer[], reasons text[]) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  round market.round := market.round_named(round_name);
  written integer;
BEGIN
  round := market.lock_round(round.round_id);
  IF round.state <> 'closed' THEN
    PERFORM market.refuse('GM409', format('round %s is %s', round.name, round.state), 'nothing was set aside');
  END IF;
  INSERT INTO market.set_aside (entry_id, reason)
  SELECT s.entry_id, u.reason
  FROM unnest(places, reasons) AS u (place, reason) JOIN market.seal s ON s.round_id = round.round_id AND s.position = u.place
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS written = ROW_COUNT;
  UPDATE market.bid b
  SET head_entry = coalesce(x.entry_id, b.head_entry), withdrawn = x.entry_id IS NULL OR x.kind = 'withdraw',
    parent = CASE WHEN x.kind <> 'withdraw' THEN x.parent ELSE b.parent END
  FROM (
    SELECT t.company_id, t.bid, l.entry_id, l.kind, l.parent
    FROM (SELECT DISTINCT e.company_id, e.bid FROM market.set_aside a JOIN market.entry e USING (entry_id)
      WHERE e.round_id = round.round_id) t
    LEFT JOIN LATERAL (
      SELECT e.entry_id, e.kind, e.parent FROM market.entry e JOIN market.seal s USING (entry_id)
      WHERE e.round_id = round.round_id AND e.company_id = t.company_id AND e.bid = t.bid
        AND NOT EXISTS (SELECT FROM market.set_aside a WHERE a.entry_id = e.entry_id)
      ORDER BY s.position DESC LIMIT 1) l ON true) x
  WHERE b.round_id = round.round_id AND b.company_id = x.company_id AND b.bid = x.bid;
  RETURN written;
END
$$;

GRANT EXECUTE ON FUNCTION market.set_aside_entries(text, integer[], text[]) TO market_clearing;
