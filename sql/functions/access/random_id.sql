-- An id that tells nothing of how many there are.
CREATE OR REPLACE FUNCTION market.random_id(prefix text) RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT prefix || left(encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex'), 16)
$$;
