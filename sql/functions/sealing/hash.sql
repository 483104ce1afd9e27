-- One field of a hashed record: its length, then its bytes, so that no two records share an encoding.
CREATE OR REPLACE FUNCTION market.field(value text) RETURNS bytea
LANGUAGE sql STABLE AS $$
  SELECT pg_catalog.int4send(pg_catalog.octet_length(value)) OPERATOR(pg_catalog.||) pg_catalog.convert_to(value, 'UTF8')
$$;

-- Many of them, for clients of another encoding than UTF-8: turned into bytes, then as entry_hash does it.
CREATE OR REPLACE FUNCTION market.bytes_of_fields(fields text[]) RETURNS bytea
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN substr(array_send(ARRAY(SELECT convert_to(f, 'UTF8') FROM unnest(fields) WITH ORDINALITY AS u (f, n) ORDER BY n)), 21);
END
$$;

-- The hash that a receipt holds, over such fields. Anyone who has them can compute it again. An array's binary form is just
-- that behind a head of 20 bytes, at a third of the cost; but it has texts in the client's encoding, so those of other
-- clients are turned into bytes first.
CREATE OR REPLACE FUNCTION market.entry_hash(
  round text, company text, bid text, kind text, parent text, key text, salt text, accepted_at text, body text,
  signature bytea DEFAULT NULL
) RETURNS bytea
LANGUAGE sql STABLE AS $$
  SELECT sha256(CASE WHEN pg_client_encoding() = 'UTF8'
    THEN substr(array_send(ARRAY['gpumarket entry 2', round, company, bid, kind, coalesce(parent, ''), key, salt, accepted_at,
      body, coalesce(encode(signature, 'hex'), '')]), 21)
    ELSE market.bytes_of_fields(ARRAY['gpumarket entry 2', round, company, bid, kind, coalesce(parent, ''), key, salt,
      accepted_at, body, coalesce(encode(signature, 'hex'), '')]) END)
$$;
