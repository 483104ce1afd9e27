-- PostgreSQL stores as it stands what it can read as such a secret, and takes anything else for a password: so the form has
-- to be exact, to the lengths that base64 can have.
CREATE OR REPLACE FUNCTION market.check_verifier(verifier text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF verifier IS NULL OR verifier !~ ('^SCRAM-SHA-256\$[1-9][0-9]{3,6}'
    || ':([A-Za-z0-9+/]{4}){5,20}([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?'
    || '\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$') THEN
    PERFORM market.refuse('GM400', 'the credential is no SCRAM-SHA-256 verifier', 'gpumarket company verifier makes one');
  END IF;
END
$$;

-- Adds a company with a login role of its own. The role's name names nobody, since every role can list roles.
-- The verifier is a SCRAM-SHA-256 secret computed by the caller, so no password reaches the server.
CREATE OR REPLACE FUNCTION market.add_company(company_name text, credit_limit bigint, verifier text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  login text := market.random_id('c_');
BEGIN
  IF company_name !~ '^[a-zA-Z0-9][a-zA-Z0-9._/ -]{0,62}$' THEN
    PERFORM market.refuse('GM422', format('%L cannot be a company''s name', left(company_name, 80)),
      'use up to 63 letters, digits, blanks, dots, dashes, slashes and underscores');
  ELSIF credit_limit NOT BETWEEN 0 AND 1000000000000000000 THEN
    PERFORM market.refuse('GM422', 'the credit limit is out of range', 'give 0 to 1000000000000 USD');
  END IF;
  PERFORM market.check_verifier(verifier);
  INSERT INTO market.company (name, login_role, credit_limit) VALUES (company_name, login, add_company.credit_limit);
  EXECUTE format('CREATE ROLE %I LOGIN INHERIT CONNECTION LIMIT 20 PASSWORD %L IN ROLE market_company', login, verifier);
  RETURN login;
EXCEPTION WHEN unique_violation THEN
  PERFORM market.refuse('GM409', format('there is a company %L already', company_name),
    'gpumarket company list shows it');
END
$$;

-- For the operator: who takes part, with the login role and the credit limit. What they bid is not here.
CREATE OR REPLACE FUNCTION market.companies()
RETURNS TABLE (company text, login_role text, credit_limit bigint, caps jsonb, revoked boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.name, c.login_role::text, c.credit_limit,
    coalesce((SELECT jsonb_object_agg(p.name, k.gpus) FROM market.company_cap k JOIN market.pool p USING (pool_id)
      WHERE k.company_id = c.company_id), '{}'), c.revoked_at IS NOT NULL
  FROM market.company c ORDER BY c.name
$$;

GRANT EXECUTE ON FUNCTION market.add_company(text, bigint, text) TO market_operator;
GRANT EXECUTE ON FUNCTION market.companies() TO market_operator, market_clearing, market_finance, market_auditor;
