-- For the operator, in the transaction that opens the round: nobody else sees the round yet, so it has no bids. Later it is
-- refused alike whether there are bids or not: tried and rolled back, it would tell.
CREATE OR REPLACE FUNCTION market.encrypt_round(round_name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  round market.round := market.round_named(round_name);
BEGIN
  PERFORM market.need_read_committed();
  UPDATE market.round r SET encrypted = true
  WHERE r.round_id = round.round_id AND r.state = 'open' AND r.xmin = pg_current_xact_id()::xid;
  IF NOT FOUND THEN
    PERFORM market.refuse('GM409', format('round %s stands as it was opened: a round is encrypted in the transaction that opens it',
      round.name), 'open another round with --encrypted');
  END IF;
END
$$;

-- For the clearing job: which encrypted rounds wait for a key.
CREATE OR REPLACE FUNCTION market.rounds_without_key() RETURNS TABLE (round text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.name FROM market.round r
  WHERE r.encrypted AND r.state = 'open' AND NOT EXISTS (SELECT FROM market.round_key k WHERE k.round_id = r.round_id)
  ORDER BY r.round_id
$$;

CREATE OR REPLACE FUNCTION market.announce_key(round_name text, public_key bytea, signer bytea, signature bytea) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  round market.round := market.round_named(round_name);
BEGIN
  IF NOT round.encrypted OR round.state <> 'open' THEN
    PERFORM market.refuse('GM409', format('round %s is no open encrypted round', round.name), 'nothing was announced');
  END IF;
  INSERT INTO market.round_key (round_id, public_key, signer, signature)
  VALUES (round.round_id, announce_key.public_key, announce_key.signer, announce_key.signature) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN 'announced before';
  END IF;
  RETURN 'announced';
END
$$;

CREATE OR REPLACE FUNCTION market.round_key(round_name text)
RETURNS TABLE (encrypted boolean, gate timestamptz, public_key bytea, signer bytea, signature bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.encrypted, r.gate, k.public_key, k.signer, k.signature
  FROM market.round r LEFT JOIN market.round_key k USING (round_id) WHERE r.name = round_name
$$;

GRANT EXECUTE ON FUNCTION market.encrypt_round(text) TO market_operator;
GRANT EXECUTE ON FUNCTION market.rounds_without_key(), market.announce_key(text, bytea, bytea, bytea)
  TO market_clearing;
GRANT EXECUTE ON FUNCTION market.round_key(text) TO market_operator, market_clearing, market_auditor, market_door,
  market_company;
