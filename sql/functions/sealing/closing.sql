-- What the clearing job signs right after the seal.
CREATE OR REPLACE FUNCTION market.closing_facts(round_name text)
RETURNS TABLE (entry_count integer, merkle_root text, closed_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.entry_count, encode(r.merkle_root, 'hex'), r.closed_at FROM market.round r
  WHERE r.name = round_name AND r.state IN ('closed', 'published')
$$;

-- The salt of the caps' digest in a closed round's statement, in hexadecimal; nothing for another round. Companies get the
-- statement, so none of them may call this.
CREATE OR REPLACE FUNCTION market.closing_salt(round_name text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT encode(s.salt, 'hex') FROM market.caps_salt s JOIN market.round r USING (round_id)
  WHERE r.name = round_name AND r.state IN ('closed', 'published')
$$;

-- The caps in force when the book was sealed.
CREATE OR REPLACE FUNCTION market.round_caps(id bigint) RETURNS TABLE (company text, pool text, gpus integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.name, p.name, k.gpus
  FROM market.round_cap k JOIN market.company c USING (company_id) JOIN market.pool p USING (pool_id)
  JOIN market.round_pool rp USING (round_id, pool_id)
  WHERE k.round_id = id ORDER BY c.name, rp.position
$$;

GRANT EXECUTE ON FUNCTION market.closing_facts(text), market.closing_salt(text) TO market_clearing;
