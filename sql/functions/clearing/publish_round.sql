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

GRANT EXECUTE ON FUNCTION market.publish_round(text, bytea, jsonb) TO market_clearing;
