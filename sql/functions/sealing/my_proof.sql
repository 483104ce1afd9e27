-- Receipts become proofs: after publication a company gets the path from its entry to the root, and the auditor the
-- whole book. Nobody gets anything of a book before its round is published.

-- For a company: how its entry of that hash hangs on the root of its round.
CREATE OR REPLACE FUNCTION market.my_proof(wanted_hash text) RETURNS jsonb
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

GRANT EXECUTE ON FUNCTION market.my_proof(text) TO market_company;
