-- The Merkle tree hash of RFC 6962: pairs from the left, an odd last node moves up unchanged.
CREATE OR REPLACE FUNCTION market.merkle_root(leaves bytea[]) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  level bytea[] := '{}';
  above bytea[];
  leaf bytea;
  width integer;
BEGIN
  IF coalesce(array_length(leaves, 1), 0) = 0 THEN
    RETURN sha256('');
  END IF;
  FOREACH leaf IN ARRAY leaves LOOP
    level := array_append(level, sha256('\x00'::bytea || leaf));
  END LOOP;
  WHILE array_length(level, 1) > 1 LOOP
    width := array_length(level, 1);
    above := '{}';
    FOR i IN 1 .. width / 2 LOOP
      above := array_append(above, sha256('\x01'::bytea || level[2 * i - 1] || level[2 * i]));
    END LOOP;
    IF width % 2 = 1 THEN
      above := array_append(above, level[width]);
    END IF;
    level := above;
  END LOOP;
  RETURN level[1];
END
$$;

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
