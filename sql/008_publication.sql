-- Revision 1. Applied again whenever that is raised: it holds functions, no tables.
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

CREATE OR REPLACE FUNCTION market.publish_round(round_name text, merkle_root bytea, result jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  round market.round := market.round_named(round_name);
  span interval := market.slot_span();
  written integer;
BEGIN
  PERFORM market.need_read_committed();
  -- Pools in the order of their ids, as open_round takes them.
  PERFORM FROM market.pool p JOIN market.round_pool rp USING (pool_id) WHERE rp.round_id = round.round_id
    ORDER BY p.pool_id FOR UPDATE OF p;
  round := market.lock_round(round.round_id);
  IF round.state = 'published' THEN
    RETURN 'already published';
  ELSIF round.state <> 'closed' THEN
    PERFORM market.refuse('GM409', format('round %s is %s', round.name, round.state), 'only a closed round can be published');
  ELSIF round.merkle_root IS DISTINCT FROM publish_round.merkle_root THEN
    PERFORM market.refuse('GM409', format('the clearing was computed from another book than the sealed one of round %s',
      round.name), 'clear the round again');
  END IF;

  INSERT INTO market.clearing (round_id, merkle_root, instance_digest, result_digest, engine_version, effort, work_done,
    stopped_early, welfare, bound, proven, ties, prices, price_bound, priced_by, published_at)
  SELECT round.round_id, publish_round.merkle_root, decode(f.instance_digest, 'hex'), decode(f.result_digest, 'hex'),
    f.engine_version, f.effort, f.work_done, f.stopped_early, f.welfare, f.bound, f.proven, f.ties, f.prices, f.price_bound,
    f.priced_by, clock_timestamp()
  FROM jsonb_to_record(result) AS f (instance_digest text, result_digest text, engine_version text, effort text,
    work_done bigint, stopped_early boolean, welfare bigint, bound bigint, proven boolean, ties text, prices jsonb,
    price_bound bigint, priced_by text);

  INSERT INTO market.award (award, round_id, company_id, bid, entry_id, position, alternative, gpu_slots, value,
    reserve_cost, payment)
  SELECT 'a_' || left(encode(sha256(publish_round.merkle_root || market.field(a.company) || market.field(a.bid)), 'hex'), 16),
    round.round_id, c.company_id, a.bid, b.head_entry, a.n, a.alternative, a.gpu_slots, a.value, a.reserve_cost, a.payment
  FROM jsonb_array_elements(result -> 'awards') WITH ORDINALITY AS e (item, n)
  CROSS JOIN LATERAL (SELECT e.n::integer AS n, x.* FROM jsonb_to_record(e.item) AS x (company text, bid text,
    alternative integer, gpu_slots bigint, value bigint, reserve_cost bigint, payment bigint)) a
  LEFT JOIN market.company c ON c.name = a.company
  LEFT JOIN market.bid b ON b.round_id = round.round_id AND b.company_id = c.company_id AND b.bid = a.bid;

  INSERT INTO market.award_use (award, pool_id, starts_at, ends_at, gpus)
  SELECT a.award, rp.pool_id, round.delivery_start + (u.use ->> 1)::integer * span,
    round.delivery_start + ((u.use ->> 1)::integer + (u.use ->> 2)::integer) * span, (u.use ->> 3)::integer
  FROM jsonb_array_elements(result -> 'awards') WITH ORDINALITY AS e (item, n)
  JOIN market.award a ON a.round_id = round.round_id AND a.position = e.n
  CROSS JOIN LATERAL jsonb_array_elements(e.item -> 'uses') AS u (use)
  JOIN market.round_pool rp ON rp.round_id = round.round_id AND rp.position = (u.use ->> 0)::integer;
  GET DIAGNOSTICS written = ROW_COUNT;
  IF written <> (SELECT coalesce(sum(jsonb_array_length(item -> 'uses')), 0) FROM jsonb_array_elements(result -> 'awards') AS item) THEN
    PERFORM market.refuse('GM500', 'the clearing is not valid: it uses a pool that the round does not offer',
      'nothing was published; report this');
  END IF;

  INSERT INTO market.company_payment (round_id, company_id, payment, low, high, exact)
  SELECT round.round_id, c.company_id, f.payment, f.low, f.high, f.exact
  FROM jsonb_to_recordset(result -> 'payments') AS f (company text, payment bigint, low bigint, high bigint, exact boolean)
  LEFT JOIN market.company c ON c.name = f.company;

  PERFORM market.check_publication(round.round_id);
  PERFORM ledger.post_round(round.round_id);
  UPDATE market.round r SET state = 'published', published_at = clock_timestamp() WHERE r.round_id = round.round_id;
  RETURN 'published';
END
$$;

-- A round is cancelled before publication: nothing is awarded, its capacity returns.
-- After publication its postings are reversed too.
CREATE OR REPLACE FUNCTION market.cancel_round(round_name text, reason text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  round market.round := market.round_named(round_name);
BEGIN
  IF reason IS NULL OR length(trim(reason)) NOT BETWEEN 1 AND 500 THEN
    PERFORM market.refuse('GM422', 'a cancellation needs a reason', 'say in a few words why: bidders read it');
  END IF;
  round := market.lock_round(round.round_id);
  IF round.state = 'cancelled' THEN
    RETURN 'already cancelled';
  ELSIF round.state = 'published' THEN
    PERFORM ledger.reverse_round(round.round_id, trim(reason));
  END IF;
  UPDATE market.round r SET state = 'cancelled', cancelled_at = clock_timestamp(), cancel_reason = trim(reason)
  WHERE r.round_id = round.round_id;
  RETURN 'cancelled';
END
$$;

GRANT EXECUTE ON FUNCTION market.publish_round(text, bytea, jsonb) TO market_clearing;
GRANT EXECUTE ON FUNCTION market.cancel_round(text, text) TO market_operator;
