-- What must hold at every moment, whatever crashed: one row for each thing that does not. For tests, for the operator after
-- a fault, for the auditor.
CREATE OR REPLACE FUNCTION market.check_invariants() RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- 1: no slot is oversold, over all rounds together.
  RETURN QUERY
    WITH edges AS (
      SELECT u.pool_id, x.at, x.gpus
      FROM market.award_use u JOIN market.award a USING (award) JOIN market.round r USING (round_id)
      CROSS JOIN LATERAL (SELECT least(u.ends_at, ledger.released_from(u.award)) AS ends_at) f
      CROSS JOIN LATERAL (VALUES (u.starts_at, u.gpus), (f.ends_at, -u.gpus)) AS x (at, gpus)
      WHERE r.state = 'published' AND u.starts_at < f.ends_at),
    held AS (
      SELECT e.pool_id, e.at, sum(sum(e.gpus)) OVER (PARTITION BY e.pool_id ORDER BY e.at) AS gpus FROM edges e GROUP BY 1, 2)
    SELECT format('pool %s is oversold at %s: %s of %s GPUs', p.name, market.show_time(h.at), h.gpus, p.capacity_gpus)
    FROM held h JOIN market.pool p USING (pool_id) WHERE h.gpus > p.capacity_gpus;
  -- 2: what was accepted is in the sealed book, and nothing else.
  RETURN QUERY
    SELECT format('entry %s of round %s is %s', encode(e.hash, 'hex'), r.name,
      CASE WHEN s.entry_id IS NULL THEN 'missing from the sealed book' ELSE 'in the book of a round that is open' END)
    FROM market.entry e JOIN market.round r USING (round_id) LEFT JOIN market.seal s USING (entry_id)
    WHERE (r.state IN ('closed', 'published') AND (s.entry_id IS NULL OR s.round_id <> r.round_id))
      OR (r.state = 'open' AND s.entry_id IS NOT NULL);
  RETURN QUERY
    SELECT format('entry %s of round %s was accepted after the gate', encode(e.hash, 'hex'), r.name)
    FROM market.entry e JOIN market.round r USING (round_id) WHERE e.accepted_at >= least(r.gate, r.closed_at);
  RETURN QUERY
    SELECT format('entry %s belongs to no round or company', encode(e.hash, 'hex'))
    FROM market.entry e LEFT JOIN market.round r USING (round_id) LEFT JOIN market.company c USING (company_id)
    WHERE r.round_id IS NULL OR c.company_id IS NULL;
  RETURN QUERY
    SELECT format('bid %s rests on no entry of its round', b.bid)
    FROM market.bid b LEFT JOIN market.entry e ON e.entry_id = b.head_entry AND e.round_id = b.round_id
      AND e.company_id = b.company_id AND e.bid = b.bid
    WHERE e.entry_id IS NULL;
  RETURN QUERY
    SELECT format('entry %s has the kind %L and a key of %s characters', encode(e.hash, 'hex'), e.kind, length(e.key))
    FROM market.entry e WHERE e.kind NOT IN ('place', 'amend', 'withdraw') OR length(e.key) NOT BETWEEN 1 AND 200;
  RETURN QUERY
    SELECT format('bid %s may cost %s', b.bid, b.exposure) FROM market.bid b WHERE b.exposure < 0;
  -- 5: the seal is that of the entries, and each entry that of its hash.
  RETURN QUERY
    SELECT format('entry %s of round %s is not as it was accepted', encode(e.hash, 'hex'), r.name)
    FROM market.entry e JOIN market.round r USING (round_id) JOIN market.company c USING (company_id)
    WHERE e.hash <> market.entry_hash(r.name, c.name, e.bid, e.kind, e.parent, e.key, e.salt,
      market.exact_time(e.accepted_at), e.body, e.signature);
  RETURN QUERY
    SELECT format('the seal of round %s does not fit its book', r.name)
    FROM market.round r
    WHERE r.merkle_root IS NOT NULL AND (r.merkle_root <> market.merkle_root(market.sealed_hashes(r.round_id))
      OR r.entry_count <> (SELECT count(*) FROM market.seal s WHERE s.round_id = r.round_id)
      OR r.entry_count <> coalesce((SELECT max(s.position) FROM market.seal s WHERE s.round_id = r.round_id), 0));
  -- 3: one clearing for a published round, none for any other.
  RETURN QUERY
    SELECT format('round %s is %s and has %s clearing', r.name, r.state, CASE WHEN k.round_id IS NULL THEN 'no' ELSE 'a' END)
    FROM market.round r LEFT JOIN market.clearing k USING (round_id)
    WHERE (r.state = 'published' AND k.round_id IS NULL) OR (r.state IN ('open', 'closed') AND k.round_id IS NOT NULL);
  -- 4: payments, and what the awards rest on.
  RETURN QUERY
    SELECT format('award %s pays %s, outside %s to %s', a.award, a.payment, a.reserve_cost, a.value)
    FROM market.award a WHERE a.payment NOT BETWEEN a.reserve_cost AND a.value;
  RETURN QUERY
    SELECT format('award %s rests on no sealed bid', a.award)
    FROM market.award a LEFT JOIN market.seal s ON s.entry_id = a.entry_id AND s.round_id = a.round_id WHERE s.entry_id IS NULL;
  -- The heads and running totals are those of the entries.
  RETURN QUERY
    SELECT format('bid %s does not stand as its last entry says', e.bid)
    FROM (SELECT DISTINCT ON (e.company_id, e.bid) e.* FROM market.entry e
      WHERE NOT EXISTS (SELECT FROM market.set_aside x WHERE x.entry_id = e.entry_id)
      ORDER BY e.company_id, e.bid, e.entry_id DESC) e
    LEFT JOIN market.bid b USING (round_id, company_id, bid)
    WHERE b.head_entry IS DISTINCT FROM e.entry_id OR b.withdrawn <> (e.kind = 'withdraw');
  RETURN QUERY
    SELECT format('the running totals of company %s in round %s are wrong', c.name, r.name)
    FROM market.company_round t JOIN market.company c USING (company_id) JOIN market.round r USING (round_id)
    WHERE t.entries <> (SELECT count(*) FROM market.entry e WHERE e.company_id = t.company_id AND e.round_id = t.round_id)
      OR t.exposure <> (SELECT coalesce(sum(b.exposure), 0) FROM market.bid b
        WHERE b.company_id = t.company_id AND b.round_id = t.round_id)
      OR t.choices <> (SELECT coalesce(sum(b.choices), 0) FROM market.bid b
        WHERE b.company_id = t.company_id AND b.round_id = t.round_id);
  -- 7: the ledger's own check.
  RETURN QUERY SELECT format('ledger, %s: %s', p.subject, p.problem) FROM ledger.problems() p;
END
$$;

GRANT EXECUTE ON FUNCTION market.check_invariants() TO market_auditor;
