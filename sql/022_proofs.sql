-- Revision 2. Applied again whenever that is raised: it holds functions, no tables.
-- Receipts become proofs: after publication a company gets the path from its entry to the root, and the auditor the
-- whole book (029). Nobody gets anything of a book before its round is published.

-- The path of a leaf in the Merkle tree of RFC 6962, from the leaf upwards: each sibling with the side it stands on.
CREATE OR REPLACE FUNCTION market.merkle_path(leaves bytea[], place integer) RETURNS jsonb
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

CREATE OR REPLACE FUNCTION market.sealed_hashes(id bigint) RETURNS bytea[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(array_agg(e.hash ORDER BY s.position), '{}')
  FROM market.seal s JOIN market.entry e USING (entry_id) WHERE s.round_id = id
$$;

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

CREATE OR REPLACE FUNCTION market.round_caps(id bigint) RETURNS TABLE (company text, pool text, gpus integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.name, p.name, k.gpus
  FROM market.round_cap k JOIN market.company c USING (company_id) JOIN market.pool p USING (pool_id)
  JOIN market.round_pool rp USING (round_id, pool_id)
  WHERE k.round_id = id ORDER BY c.name, rp.position
$$;

-- What the clearing job signs right after the seal.
CREATE OR REPLACE FUNCTION market.closing_facts(round_name text)
RETURNS TABLE (entry_count integer, merkle_root text, closed_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.entry_count, encode(r.merkle_root, 'hex'), r.closed_at FROM market.round r
  WHERE r.name = round_name AND r.state IN ('closed', 'published')
$$;

-- The salt of the caps' digest in a closed round's statement, in hexadecimal, made when it is first asked for (035); nothing
-- for another round. Companies get the statement, so none of them may call this.
CREATE OR REPLACE FUNCTION market.closing_salt(round_name text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  id bigint := (SELECT r.round_id FROM market.round r WHERE r.name = round_name AND r.state IN ('closed', 'published'));
BEGIN
  -- Of two at once the later waits here, and then reads what the first one made.
  INSERT INTO market.caps_salt (round_id) SELECT id WHERE id IS NOT NULL ON CONFLICT DO NOTHING;
  RETURN (SELECT encode(s.salt, 'hex') FROM market.caps_salt s WHERE s.round_id = id);
END
$$;

GRANT EXECUTE ON FUNCTION market.my_proof(text) TO market_company;
GRANT EXECUTE ON FUNCTION market.closing_facts(text), market.closing_salt(text) TO market_clearing;
