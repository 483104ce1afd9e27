-- What the door and the publication ask of every kind of bid. A kind has its own file, such as block.sql, and a line in each
-- of these three. The quick way for blocks, check_body.sql, comes before them.

-- Checks a body, and finds the most it can cost in micro-dollars, how many placements or curve steps the engine will hold for
-- it, and the one text that says the same.
CREATE OR REPLACE FUNCTION market.check_kind(
  round market.round, span interval, body jsonb, OUT worst numeric, OUT choices bigint, OUT canonical text)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  CASE body ->> 'type'
    WHEN 'block' THEN SELECT * INTO worst, choices, canonical FROM market.check_block(round, span, body);
    WHEN 'curve' THEN SELECT * INTO worst, choices, canonical FROM market.check_curve(round, span, body);
    ELSE PERFORM market.refuse('GM400', 'the bid is neither block nor curve', 'set "type" to "block" or "curve"');
  END CASE;
END
$$;

-- The most GPUs of each pool that a bid could hold in one slot.
CREATE OR REPLACE FUNCTION market.gpus_at_once(body jsonb) RETURNS TABLE (pool text, gpus bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  CASE body ->> 'type'
    WHEN 'block' THEN RETURN QUERY SELECT * FROM market.block_gpus_at_once(body);
    WHEN 'curve' THEN RETURN QUERY SELECT * FROM market.curve_gpus_at_once(body);
  END CASE; -- another kind is an error
END
$$;

-- The first award that is not what its bid asked for, as a sentence; NULL if there is none.
CREATE OR REPLACE FUNCTION market.award_beyond_bid(id bigint, minutes integer) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT coalesce(
    market.block_award_beyond_bid(id, minutes),
    market.curve_award_beyond_bid(id, minutes),
    (SELECT format('the award of bid %s is for a body of no known kind', a.bid)
     FROM market.award a JOIN market.entry e USING (entry_id)
     WHERE a.round_id = award_beyond_bid.id AND (market.sealed_body(e) ->> 'type' IN ('block', 'curve')) IS NOT TRUE LIMIT 1))
$$;
