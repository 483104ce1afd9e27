CREATE OR REPLACE FUNCTION ledger.released_from(wanted text) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(min(r.released_from), 'infinity') FROM ledger.release r WHERE r.award = wanted
$$;

-- A company gives the rest of an award back from an instant on. The capacity returns to later rounds; the operator
-- says what share of the payment for the released GPU-hours is credited, since the hours may find no other buyer. Of
-- those that outages took before, all was credited then: nothing is credited for them again.
CREATE OR REPLACE FUNCTION ledger.release_award(wanted text, from_time timestamptz, rate_ppm integer, reason text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  round market.round;
  ends timestamptz;
  pools bigint[];
  cents bigint[];
  lost numeric[];
  made bigint;
BEGIN
  PERFORM FROM market.pool p WHERE p.pool_id IN (SELECT u.pool_id FROM market.award_use u WHERE u.award = wanted)
    ORDER BY p.pool_id FOR UPDATE;
  SELECT r.* INTO round FROM market.round r JOIN market.award a USING (round_id) WHERE a.award = wanted;
  SELECT least(max(u.ends_at), ledger.released_from(wanted)) INTO ends FROM market.award_use u WHERE u.award = wanted;
  IF round.round_id IS NULL OR round.state <> 'published' THEN
    PERFORM market.refuse('GM404', format('there is no standing award %L', left(wanted, 80)), 'gpumarket settle export shows the awards');
  ELSIF reason IS NULL OR length(trim(reason)) NOT BETWEEN 1 AND 500 THEN
    PERFORM market.refuse('GM422', 'a release needs a reason', 'say in a few words why');
  ELSIF release_award.rate_ppm IS NULL OR release_award.rate_ppm NOT BETWEEN 0 AND 1000000 THEN
    PERFORM market.refuse('GM422', 'the share to credit is out of range', 'give 0 to 100 percent');
  ELSIF from_time IS NULL OR from_time >= ends THEN
    PERFORM market.refuse('GM422', format('award %s ends at %s: nothing is left to release', wanted, market.show_time(ends)),
      'give an earlier instant');
  ELSIF mod(extract(epoch FROM from_time), extract(epoch FROM market.slot_span())) <> 0 THEN
    PERFORM market.refuse('GM422', format('%s is no start of a slot', market.show_time(from_time)), 'give the start of a slot');
  ELSIF from_time < clock_timestamp() AND NOT round.simulated THEN
    PERFORM market.refuse('GM422', format('%s has passed: it is %s by the server''s clock', market.show_time(from_time),
      market.show_time(clock_timestamp())), 'only capacity not yet delivered can be released');
  END IF;
  PERFORM ledger.hold_award(wanted);
  SELECT array_agg(c.pool_id ORDER BY c.pool_id), array_agg(least(r.cents,
      ceil(round(c.cents::numeric * (f.gpu_seconds - o.gpu_seconds) * release_award.rate_ppm / 1000000 / c.gpu_seconds, 6)))::bigint
      ORDER BY c.pool_id),
    array_agg(o.gpu_seconds ORDER BY c.pool_id)
    INTO pools, cents, lost
  FROM ledger.charged(wanted) c
  JOIN ledger.remaining(wanted) r USING (pool_id)
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(u.gpus * extract(epoch FROM least(u.ends_at, ends) - greatest(u.starts_at, from_time))), 0) AS gpu_seconds
    FROM market.award_use u WHERE u.award = wanted AND u.pool_id = c.pool_id AND u.ends_at > from_time AND u.starts_at < ends) f
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(x.gpu_seconds), 0) AS gpu_seconds
    FROM ledger.lost_gpu_seconds(c.pool_id, ARRAY[wanted], from_time, ends) x) o;
  made := ledger.credit('release', wanted, NULL, pools, cents,
    format('Released from %s: %s', market.show_time(from_time), trim(reason)));
  INSERT INTO ledger.release (award, released_from, rate_ppm, reason, number)
  VALUES (wanted, from_time, release_award.rate_ppm, trim(reason), made);
  INSERT INTO ledger.released_loss (award, released_from, pool_id, gpu_seconds)
  SELECT wanted, from_time, w.pool, w.loss FROM unnest(pools, lost) AS w (pool, loss) WHERE w.loss > 0;
  RETURN made;
END
$$;

GRANT EXECUTE ON FUNCTION ledger.release_award(text, timestamptz, integer, text) TO market_operator;
