-- Companies' keys: what the operator registers is a public half, and nothing secret ever comes here.

-- For the operator. A member has two keys at most, so that a new one can be brought in before the old one goes. A key that the
-- member's key before it signed (the voucher, which the tools verify) is known to be the same person's.
CREATE OR REPLACE FUNCTION market.register_key(
  company_name text, member text, may_bid boolean, public_key bytea, vouched_by bytea DEFAULT NULL, voucher bytea DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  id bigint := (market.company_named(company_name)).company_id;
BEGIN
  IF register_key.member IS NULL OR register_key.may_bid IS NULL OR register_key.public_key IS NULL
    OR length(register_key.public_key) <> 32 OR register_key.member !~ '^[a-zA-Z0-9][a-zA-Z0-9._@+ -]{0,62}$' THEN
    PERFORM market.refuse('GM400', 'a key is registered with its member''s name and 64 hexadecimal digits',
      'take the digits that gpumarket company key printed');
  END IF;
  PERFORM FROM market.company c WHERE c.company_id = id FOR UPDATE;
  IF EXISTS (SELECT FROM market.company_key k WHERE k.public_key = register_key.public_key) THEN
    PERFORM market.refuse('GM409', 'this key is registered already', 'make a new one: gpumarket company key');
  ELSIF (SELECT count(*) FROM market.company_key k
    WHERE k.company_id = id AND k.member = register_key.member AND k.revoked_at IS NULL) >= 2 THEN
    PERFORM market.refuse('GM409', format('%s has two keys already', register_key.member), 'revoke the older one first');
  ELSIF register_key.vouched_by IS NOT NULL AND NOT EXISTS (SELECT FROM market.company_key k
    WHERE k.company_id = id AND k.member = register_key.member AND k.public_key = register_key.vouched_by
      AND k.revoked_at IS NULL) THEN
    PERFORM market.refuse('GM422', format('the key that vouches is no key of %s in force', register_key.member),
      'let a key in force sign the new one');
  END IF;
  INSERT INTO market.company_key (public_key, company_id, member, may_bid, vouched_by, voucher)
  VALUES (register_key.public_key, id, register_key.member, register_key.may_bid, register_key.vouched_by, register_key.voucher);
END
$$;

-- For the operator: from now on nothing that this key signs is accepted. What it signed before stands.
CREATE OR REPLACE FUNCTION market.revoke_key(wanted bytea) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  id bigint := (SELECT k.company_id FROM market.company_key k WHERE k.public_key = wanted);
BEGIN
  -- The company's row is held by each of its entries while it is written: their order is then that of the times.
  PERFORM FROM market.company c WHERE c.company_id = id FOR UPDATE;
  UPDATE market.company_key k SET revoked_at = clock_timestamp() WHERE k.public_key = wanted AND k.revoked_at IS NULL;
  IF NOT FOUND THEN
    PERFORM market.refuse('GM404', 'there is no such key in force', 'gpumarket company keys shows them');
  END IF;
END
$$;

-- A company's keys with their history; of all companies, the operator's and the auditor's matter.
CREATE OR REPLACE FUNCTION market.keys(company_name text)
RETURNS TABLE (
  company text, member text, may_bid boolean, public_key text, vouched_by text, registered_at timestamptz, revoked_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.name, k.member, k.may_bid, encode(k.public_key, 'hex'), encode(k.vouched_by, 'hex'), k.registered_at, k.revoked_at
  FROM market.company_key k JOIN market.company c USING (company_id)
  WHERE company_name IS NULL OR c.name = company_name ORDER BY c.name, k.registered_at
$$;

-- The keys that can have signed entries of a sealed book, as they stood when it was sealed.
CREATE OR REPLACE FUNCTION market.round_keys(id bigint)
RETURNS TABLE (company text, member text, may_bid boolean, public_key text, registered_at text, revoked_at text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.name, k.member, k.may_bid, encode(k.public_key, 'hex'), market.exact_time(k.registered_at),
    market.exact_time(CASE WHEN k.revoked_at < r.closed_at THEN k.revoked_at END)
  FROM market.company_key k JOIN market.company c USING (company_id) JOIN market.round r ON r.round_id = id
  WHERE k.registered_at < r.closed_at
    AND EXISTS (SELECT FROM market.company_round t WHERE t.round_id = id AND t.company_id = k.company_id)
  ORDER BY c.name, k.registered_at, k.public_key
$$;

-- For the clearing job.
CREATE OR REPLACE FUNCTION market.sealed_keys(round_name text)
RETURNS TABLE (company text, member text, may_bid boolean, public_key text, registered_at text, revoked_at text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT k.* FROM market.round r, market.round_keys(r.round_id) k WHERE r.name = round_name AND r.state IN ('closed', 'published')
$$;

CREATE OR REPLACE FUNCTION market.market_id() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT m.market_id FROM market.market m $$;

GRANT EXECUTE ON FUNCTION market.register_key(text, text, boolean, bytea, bytea, bytea), market.revoke_key(bytea)
  TO market_operator;
GRANT EXECUTE ON FUNCTION market.keys(text) TO market_operator, market_auditor;
GRANT EXECUTE ON FUNCTION market.sealed_keys(text) TO market_clearing;
GRANT EXECUTE ON FUNCTION market.market_id() TO market_operator, market_clearing, market_auditor;
