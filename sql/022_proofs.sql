-- Receipts become proofs: after publication a company gets the path from its entry to the root, and the auditor the
-- whole book. Nobody gets anything of a book before its round is published.

-- The path of a leaf in the Merkle tree of RFC 6962, from the leaf upwards: each sibling with the side it stands on.
CREATE FUNCTION market.merkle_path(leaves bytea[], place integer) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  level bytea[] := ARRAY(SELECT sha256('\x00'::bytea || leaf) FROM unnest(leaves) WITH ORDINALITY AS l (leaf, n) ORDER BY n);
  above bytea[];
  at integer := place;
  path jsonb := '[]';
  width integer;
BEGIN
  WHILE array_length(level, 1) > 1 LOOP
    width := array_length(level, 1);
    IF at % 2 = 0 THEN
      path := path || jsonb_build_object('side', 'left', 'hash', encode(level[at - 1], 'hex'));
    ELSIF at < width THEN
      path := path || jsonb_build_object('side', 'right', 'hash', encode(level[at + 1], 'hex'));
    END IF;
    above := '{}';
    FOR i IN 1 .. width / 2 LOOP
      above := array_append(above, sha256('\x01'::bytea || level[2 * i - 1] || level[2 * i]));
    END LOOP;
    IF width % 2 = 1 THEN
      above := array_append(above, level[width]);
    END IF;
    level := above;
    at := (at + 1) / 2;
  END LOOP;
  RETURN path;
END
$$;

CREATE FUNCTION market.sealed_hashes(id bigint) RETURNS bytea[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(array_agg(e.hash ORDER BY s.position), '{}')
  FROM market.seal s JOIN market.entry e USING (entry_id) WHERE s.round_id = id
$$;

-- For a company: how its entry of that hash hangs on the root of its round.
CREATE FUNCTION market.my_proof(wanted_hash text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me bigint := market.current_company();
  found market.entry;
  round market.round;
  at integer;
BEGIN
  SELECT * INTO found FROM market.entry e
  WHERE e.company_id = me AND e.hash = CASE WHEN wanted_hash ~ '^[0-9a-f]{64}$' THEN decode(wanted_hash, 'hex') END;
  IF found.entry_id IS NULL THEN
    PERFORM market.refuse('GM404', format('you have no entry with the hash %L', left(wanted_hash, 80)),
      'compare the receipt with gpumarket bid show; if the entry is gone, show the receipt to the auditor');
  END IF;
  SELECT * INTO round FROM market.round r WHERE r.round_id = found.round_id;
  IF round.published_at IS NULL THEN
    PERFORM market.refuse('GM409', format('round %s is %s: its book is shown when it is published', round.name, round.state),
      'try again after publication');
  END IF;
  SELECT s.position INTO at FROM market.seal s WHERE s.entry_id = found.entry_id;
  IF at IS NULL THEN
    PERFORM market.refuse('GM500', format('the entry is not in the sealed book of round %s', round.name),
      'show the receipt to the auditor');
  END IF;
  RETURN jsonb_build_object('round', round.name, 'merkle_root', encode(round.merkle_root, 'hex'),
    'entry_count', round.entry_count, 'closed_at', market.exact_time(round.closed_at),
    'path', market.merkle_path(market.sealed_hashes(round.round_id), at),
    'head', (SELECT b.head_entry = found.entry_id FROM market.bid b
      WHERE b.round_id = found.round_id AND b.company_id = me AND b.bid = found.bid));
END
$$;

-- For the auditor: all of a published round, each section a JSON text, so that the checks can be made anywhere.
CREATE FUNCTION market.audit_round(round_name text) RETURNS TABLE (section text, content jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  round market.round := market.round_named(round_name);
BEGIN
  IF round.published_at IS NULL THEN
    PERFORM market.refuse('GM409', format('round %s is %s: its book is shown when it is published', round.name, round.state),
      'try again after publication');
  END IF;
  RETURN QUERY SELECT 'round', jsonb_build_object('name', round.name, 'state', round.state,
    'delivery_start', market.exact_time(round.delivery_start), 'delivery_end', market.exact_time(round.delivery_end),
    'gate', market.exact_time(round.gate), 'pricing', round.pricing, 'effort', round.effort, 'simulated', round.simulated,
    'slot_minutes', (SELECT m.slot_minutes FROM market.market m), 'closed_at', market.exact_time(round.closed_at),
    'entry_count', round.entry_count, 'merkle_root', encode(round.merkle_root, 'hex'), 'encryption', CASE WHEN round.encrypted THEN (
      SELECT jsonb_build_object('public_key', encode(k.public_key, 'hex'), 'signer', encode(k.signer, 'hex'),
        'signature', encode(k.signature, 'hex'), 'secret_key', encode(o.secret_key, 'hex'))
      FROM market.round_key k LEFT JOIN market.opened_key o USING (round_id) WHERE k.round_id = round.round_id) END);
  RETURN QUERY SELECT 'pools', coalesce(jsonb_agg(jsonb_build_object('name', p.name, 'capacity_gpus', to_jsonb(rp.capacity_gpus),
    'lot_gpus', rp.lot_gpus, 'reserve_price', rp.reserve_price) ORDER BY rp.position), '[]')
    FROM market.round_pool rp JOIN market.pool p USING (pool_id) WHERE rp.round_id = round.round_id;
  RETURN QUERY SELECT 'caps', coalesce(jsonb_agg(jsonb_build_object('company', c.company, 'pool', c.pool, 'gpus', c.gpus)
    ORDER BY c.n), '[]')
    FROM (SELECT k.*, row_number() OVER () AS n FROM market.round_caps(round.round_id) k) c;
  RETURN QUERY SELECT 'entries', coalesce(jsonb_agg(jsonb_build_object('place', s.position, 'company', c.name, 'bid', e.bid,
    'kind', e.kind, 'parent', e.parent, 'key', e.key, 'salt', e.salt, 'accepted_at', market.exact_time(e.accepted_at),
    'body', e.body, 'hash', encode(e.hash, 'hex'), 'opened', o.body, 'refusal', o.refusal) ORDER BY s.position), '[]')
    FROM market.seal s JOIN market.entry e USING (entry_id) JOIN market.company c USING (company_id)
    LEFT JOIN market.opened o USING (entry_id) WHERE s.round_id = round.round_id;
  RETURN QUERY SELECT 'clearing', jsonb_build_object('merkle_root', encode(k.merkle_root, 'hex'),
    'instance_digest', encode(k.instance_digest, 'hex'), 'result_digest', encode(k.result_digest, 'hex'),
    'engine_version', k.engine_version, 'effort', k.effort, 'work_done', k.work_done, 'stopped_early', k.stopped_early,
    'welfare', k.welfare, 'bound', k.bound, 'price_bound', k.price_bound, 'prices', k.prices, 'proven', k.proven, 'ties', k.ties, 'published_at', market.exact_time(k.published_at))
    FROM market.clearing k WHERE k.round_id = round.round_id;
  RETURN QUERY SELECT 'awards', coalesce(jsonb_agg(jsonb_build_object('award', a.award, 'company', c.name, 'bid', a.bid,
    'alternative', a.alternative, 'gpu_slots', a.gpu_slots, 'value', a.value, 'reserve_cost', a.reserve_cost,
    'payment', a.payment, 'uses', (
      SELECT coalesce(jsonb_agg(jsonb_build_object('pool', p.name, 'start', market.exact_time(u.starts_at),
        'end', market.exact_time(u.ends_at), 'gpus', u.gpus) ORDER BY u.starts_at, p.name), '[]')
      FROM market.award_use u JOIN market.pool p USING (pool_id) WHERE u.award = a.award)) ORDER BY a.position), '[]')
    FROM market.award a JOIN market.company c USING (company_id) WHERE a.round_id = round.round_id;
  RETURN QUERY SELECT 'payments', coalesce(jsonb_agg(jsonb_build_object('company', c.name, 'payment', p.payment, 'low', p.low,
    'high', p.high, 'exact', p.exact) ORDER BY c.name), '[]')
    FROM market.company_payment p JOIN market.company c USING (company_id) WHERE p.round_id = round.round_id;
  RETURN QUERY SELECT 'postings', coalesce(jsonb_agg(jsonb_build_object('number', t.number, 'award', t.award,
    'account', a.name, 'kind', a.kind, 'cents', p.cents) ORDER BY t.number, p.line), '[]')
    FROM ledger.transaction t JOIN ledger.posting p USING (number) JOIN ledger.account a USING (account_id)
    WHERE t.round_id = round.round_id AND t.kind = 'award';
END
$$;

CREATE FUNCTION market.round_caps(id bigint) RETURNS TABLE (company text, pool text, gpus integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.name, p.name, k.gpus
  FROM market.round_cap k JOIN market.company c USING (company_id) JOIN market.pool p USING (pool_id)
  JOIN market.round_pool rp USING (round_id, pool_id)
  WHERE k.round_id = id ORDER BY c.name, rp.position
$$;

-- What the clearing job signs right after the seal.
CREATE FUNCTION market.closing_facts(round_name text) RETURNS TABLE (entry_count integer, merkle_root text, closed_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.entry_count, encode(r.merkle_root, 'hex'), r.closed_at FROM market.round r
  WHERE r.name = round_name AND r.state IN ('closed', 'published')
$$;

GRANT EXECUTE ON FUNCTION market.my_proof(text) TO market_company;
GRANT EXECUTE ON FUNCTION market.audit_round(text) TO market_auditor;
GRANT EXECUTE ON FUNCTION market.closing_facts(text) TO market_clearing;
