-- For the auditor: all of a published round as JSON texts, so that the checks can be made anywhere. A section of many entries
-- comes in several rows, to be read one after the other: PostgreSQL holds no JSON text beyond 256 MiB.
CREATE OR REPLACE FUNCTION market.audit_round(round_name text) RETURNS TABLE (section text, content jsonb)
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
    'encrypted', round.encrypted, 'market', (SELECT m.market_id FROM market.market m),
    'caps_salt', (SELECT encode(s.salt, 'hex') FROM market.caps_salt s WHERE s.round_id = round.round_id),
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
  RETURN QUERY SELECT 'keys', coalesce(jsonb_agg(to_jsonb(k) ORDER BY k.company, k.registered_at), '[]')
    FROM market.round_keys(round.round_id) k;
  RETURN QUERY SELECT 'entries', jsonb_agg(x.entry ORDER BY x.position)
    FROM (
      SELECT s.position, jsonb_build_object('place', s.position, 'company', c.name, 'bid', e.bid,
          'kind', e.kind, 'parent', e.parent, 'key', e.key, 'salt', e.salt, 'accepted_at', market.exact_time(e.accepted_at),
          'body', e.body, 'signature', encode(e.signature, 'hex'), 'hash', encode(e.hash, 'hex'), 'opened', o.body, 'refusal', o.refusal) AS entry,
        sum(octet_length(e.body) + coalesce(octet_length(o.body), 0) + 1000) OVER (ORDER BY s.position) / 4194304 AS part
      FROM market.seal s JOIN market.entry e USING (entry_id) JOIN market.company c USING (company_id)
      LEFT JOIN market.opened o USING (entry_id) WHERE s.round_id = round.round_id) x
    GROUP BY x.part ORDER BY x.part;
  RETURN QUERY SELECT 'clearing', jsonb_build_object('merkle_root', encode(k.merkle_root, 'hex'),
    'instance_digest', encode(k.instance_digest, 'hex'), 'result_digest', encode(k.result_digest, 'hex'),
    'engine_version', k.engine_version, 'effort', k.effort, 'work_done', k.work_done, 'stopped_early', k.stopped_early,
    'welfare', k.welfare, 'bound', k.bound, 'price_bound', k.price_bound, 'prices', k.prices, 'proven', k.proven, 'ties', k.ties,
    'priced_by', k.priced_by, 'published_at', market.exact_time(k.published_at))
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
    'account', a.name, 'kind', a.kind, 'company', c.name, 'pool', l.name,
    'transaction_company', m.name, 'cents', p.cents) ORDER BY t.number, p.line), '[]')
    FROM ledger.transaction t JOIN ledger.posting p USING (number) JOIN ledger.account a USING (account_id)
    LEFT JOIN market.company m ON m.company_id = t.company_id
    LEFT JOIN market.company c ON c.company_id = a.company_id LEFT JOIN market.pool l ON l.pool_id = a.pool_id
    WHERE t.round_id = round.round_id AND t.kind = 'award';
END
$$;

GRANT EXECUTE ON FUNCTION market.audit_round(text) TO market_auditor;
