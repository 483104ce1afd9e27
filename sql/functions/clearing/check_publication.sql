-- Publication: one transaction writes the clearing, its awards, payments and postings, or nothing.
-- The engine's own verifier has passed them; the database checks again what money and capacity rest on.
CREATE OR REPLACE FUNCTION market.check_publication(id bigint) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  span interval := market.slot_span();
  bad text;
BEGIN
  SELECT format('pool %s is oversold in the slot at %s', p.name, market.show_time(r.delivery_start + (s.n - 1) * span)) INTO bad
  FROM market.round r
  JOIN market.round_pool rp USING (round_id)
  JOIN market.pool p USING (pool_id)
  CROSS JOIN LATERAL generate_subscripts(rp.capacity_gpus, 1) AS s (n)
  WHERE r.round_id = id AND rp.capacity_gpus[s.n] < (
    SELECT coalesce(sum(u.gpus), 0) FROM market.award_use u JOIN market.award a USING (award)
    WHERE a.round_id = id AND u.pool_id = rp.pool_id
      AND u.starts_at <= r.delivery_start + (s.n - 1) * span AND u.ends_at > r.delivery_start + (s.n - 1) * span)
  LIMIT 1;
  IF bad IS NULL THEN
    SELECT format('award %s uses a pool or time that the round does not offer', u.award) INTO bad
    FROM market.award_use u JOIN market.award a USING (award) JOIN market.round r USING (round_id)
    LEFT JOIN market.round_pool rp ON rp.round_id = r.round_id AND rp.pool_id = u.pool_id
    WHERE r.round_id = id AND (rp.pool_id IS NULL OR u.starts_at < r.delivery_start OR u.ends_at > r.delivery_end)
    LIMIT 1;
  END IF;
  IF bad IS NULL THEN
    SELECT format('bid %s is awarded and is not in the sealed book', a.bid) INTO bad
    FROM market.award a
    LEFT JOIN market.bid b ON b.company_id = a.company_id AND b.bid = a.bid AND b.round_id = id AND NOT b.withdrawn
      AND b.head_entry = a.entry_id
    LEFT JOIN market.seal s ON s.entry_id = a.entry_id AND s.round_id = id
    WHERE a.round_id = id AND (b.bid IS NULL OR s.entry_id IS NULL) LIMIT 1;
  END IF;
  IF bad IS NULL THEN
    SELECT format('bid %s is awarded without its parent', a.bid) INTO bad
    FROM market.award a JOIN market.bid b USING (round_id, company_id, bid)
    WHERE a.round_id = id AND b.parent IS NOT NULL AND NOT EXISTS (
      SELECT FROM market.award p WHERE p.round_id = id AND p.company_id = a.company_id AND p.bid = b.parent) LIMIT 1;
  END IF;
  IF bad IS NULL THEN
    bad := market.check_awards(id);
  END IF;
  IF bad IS NULL THEN
    SELECT format('the payments of company %s do not add up', c.name) INTO bad
    FROM market.company c
    LEFT JOIN (SELECT company_id, sum(payment) AS paid FROM market.award WHERE round_id = id GROUP BY 1) a USING (company_id)
    LEFT JOIN market.company_payment p ON p.company_id = c.company_id AND p.round_id = id
    WHERE coalesce(a.paid, 0) <> coalesce(p.payment, 0) LIMIT 1;
  END IF;
  IF bad IS NULL THEN
    SELECT 'the welfare is not the awards'' value less reserve cost' INTO bad
    FROM market.clearing k WHERE k.round_id = id AND k.welfare <> (
      SELECT coalesce(sum(a.value - a.reserve_cost), 0) FROM market.award a WHERE a.round_id = id);
  END IF;
  IF bad IS NOT NULL THEN
    PERFORM market.refuse('GM500', 'the clearing is not valid: ' || bad, 'nothing was published; report this');
  END IF;
END
$$;
